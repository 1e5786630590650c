"""The platform's API as tasks and triggers use it: one connection, three calls."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from airflow.sdk import BaseHook

DEFAULT_CONNECTION = "workflow_orchestration_default"
#: Seconds; the API answers in milliseconds, or its database is away and it says so.
_TIMEOUT = 15.0
_LONGEST_KEY = 200


class PlatformError(Exception):
    """The platform refused a request, or did not answer; `status` is None when it did not."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def final(self) -> bool:
        """Asking again cannot help: the request itself is wrong, or not allowed."""
        return self.status in (400, 403, 404, 413, 415, 422)


@dataclass(frozen=True)
class Access:
    """Where the platform is and who we are there; made from an Airflow connection, held by no trigger's arguments."""

    #: Of the API, without a slash at its end.
    url: str
    #: Of the pages that people open.
    pages: str
    token: str = ""
    #: Wins over `token`; read anew each time, because a projected token lives an hour or so.
    token_file: str = ""
    ca_file: str = ""

    @classmethod
    def of(cls, connection: Any) -> Access:
        host, extra = str(connection.host or ""), connection.extra_dejson
        if not host:
            raise PlatformError(f"connection {connection.conn_id}: it has no host; set the API's address there")
        port = f":{connection.port}" if connection.port and connection.port != _port_in(host) else ""
        scheme = "" if "://" in host else f"{connection.schema or 'http'}://"
        url = f"{scheme}{host.rstrip('/')}{port}"
        return cls(
            url=url,
            pages=str(extra.get("pages") or url).rstrip("/"),
            token=str(connection.password or ""),
            token_file=str(extra.get("token_file") or ""),
            ca_file=str(extra.get("ca_file") or ""),
        )

    def options(self) -> dict[str, Any]:
        """For httpx, sync and async alike."""
        verify = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else True
        return {"base_url": self.url, "timeout": _TIMEOUT, "verify": verify}

    def headers(self) -> dict[str, str]:
        token = Path(self.token_file).read_text(encoding="utf-8").strip() if self.token_file else self.token
        return {"Authorization": f"Bearer {token}"}


def _port_in(host: str) -> int | None:
    return httpx.URL(host).port if "://" in host else None


def fitting(key: str) -> str:
    """A key that the platform takes: DAG, run and task ids may be 250 characters each, a key 200."""
    if len(key) <= _LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: _LONGEST_KEY - len(digest) - 1]}#{digest}"


def body_of(response: httpx.Response) -> Any:
    """The answer, or PlatformError with the platform's own words: what is wrong and what to do."""
    asked = f"{response.request.method} {response.request.url.path}"
    try:
        answer = response.json()
    except ValueError:  # a proxy's page, whatever its status says: somebody else answered for the platform
        raise PlatformError(f"{asked} answered {response.status_code} without JSON: {response.text[:200]}") from None
    if response.is_success:
        return answer
    said = " ".join(str(answer[part]) for part in ("title", "detail", "fix") if answer.get(part))
    raise PlatformError(f"{asked} answered {response.status_code}: {said}", response.status_code)


class PlatformHook(BaseHook):
    """Airflow's hook of connection type `workflow-orchestration`."""

    conn_name_attr = "conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = "workflow-orchestration"
    hook_name = "Workflow orchestration"

    def __init__(self, conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> Access:
        return Access.of(self.get_connection(self.conn_id))

    def call(self, method: str, path: str, **content: Any) -> Any:
        """One request; PlatformError unless it succeeds."""
        access = self.get_conn()
        try:
            with httpx.Client(**access.options()) as client:
                return body_of(client.request(method, path, headers=access.headers(), **content))
        except (httpx.HTTPError, OSError) as error:
            raise PlatformError(f"{method} {access.url}{path}: {type(error).__name__}: {error}") from error

    def ensure(
        self,
        *,
        workflow: str,
        key: str,
        owner: str,
        restart_on: Sequence[str] = (),
        input: dict[str, Any] | None = None,  # noqa: A002 - the API's name for it
        desk: str | None = None,
        expires_at: datetime | None = None,
    ) -> dict[str, Any]:
        """The one case of a key: opened, attached to, or restarted when it ended in one of `restart_on`."""
        asked = {
            "workflow": workflow,
            "key": fitting(key),
            "owner": owner,
            "restart_on": list(restart_on),
            "input": input or {},
            "desk": desk,
            "expires_at": expires_at and expires_at.isoformat(),
        }
        answer: dict[str, Any] = self.call(
            "POST", "/v1/cases:ensure", json={name: value for name, value in asked.items() if value is not None}
        )
        return answer

    def case(self, case_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.call("GET", f"/v1/cases/{case_id}")
        return answer

    def test_connection(self) -> tuple[bool, str]:
        """Airflow's Test button: is the platform there, and does it know us?"""
        try:
            self.call("GET", "/v1/cases", params={"limit": 1})
        except PlatformError as error:
            return False, str(error)
        return True, "The platform answers and accepts the token."
