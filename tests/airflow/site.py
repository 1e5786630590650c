"""The platform as Airflow's neighbour sees it: an api and a worker, each a process, on a database of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from ci.local import story
from ci.local.killing import free_port
from ci.local.postgres import API, WORKER, Server
from tests.integration.api.live import in_transaction, settings_for
from workflow_orchestration.api import tokens
from workflow_orchestration.settings import Settings
from workflow_orchestration.store.db import Conn

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Platform:
    """Its processes, and its API as each person uses it."""

    settings: Settings
    env: dict[str, str]
    folder: Path
    parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.api_port}"

    def start(self, part: str) -> None:
        with (self.folder / f"{part}.log").open("ab") as log:
            self.parts[part] = subprocess.Popen(
                [sys.executable, "-c", "from workflow_orchestration.cli.main import main; main()", "serve", part],
                env={**os.environ, **self.env, "METRICS_PORT": str(free_port())},
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self, part: str) -> None:
        process = self.parts.pop(part)
        process.send_signal(signal.SIGTERM)
        process.wait(30)

    def ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        return False

    def token(self, user: str, roles: str) -> str:
        return tokens.issue(self.settings, user, roles.split(), ["*"], 600)

    def call(self, user: str, roles: str, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token(user, roles)}", **content.pop("headers", {})}
        answer = httpx.request(method, self.url + path, headers=headers, timeout=30, **content)
        answer.raise_for_status()
        return answer.json()

    def store(self, work: Callable[[Conn], Awaitable[T]]) -> T:
        """Something no door offers: a failure of the worker, say."""
        return asyncio.run(in_transaction(self.settings, work))

    # -- what people see and do -----------------------------------------------------------------------------------

    def cases(self, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call(
            "otto", "auditor", "GET", "/v1/cases", params={"limit": 200, **filters}
        )["items"]
        return found

    def case(self, case_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("otto", "auditor", "GET", f"/v1/cases/{case_id}")
        return found

    def by_key(self, key: str) -> dict[str, Any] | None:
        [found] = [c for c in self.cases() if c["key"] == key] or [None]
        return found and self.case(found["id"])

    def post_sample(self, name: str, **changes: str) -> str:
        """Hand in a shipped sample; returns its case."""
        text = story.sample(name)
        for old, new in changes.items():
            text = text.replace(old.replace("_", "-"), new)
        answer = self.call(
            "desk", "requester", "POST", "/v1/messages", content=text.encode(), headers={"Content-Type": "text/plain"}
        )
        return str(answer["items"][0]["case_id"])

    def approve(self, case_id: str, *people: str) -> None:
        approval = until(lambda: self._pending(case_id), f"an approval of {case_id}")
        for person in people:
            body = {"decision": "approve", "payload_hash": approval["payload_hash"]}
            self.call(person, "ops_approver", "POST", f"/v1/approvals/{approval['id']}/decisions", json=body)

    def _pending(self, case_id: str) -> dict[str, Any] | None:
        found = self.call("ann", "ops_approver", "GET", "/v1/approvals")["items"]
        return next((a for a in found if a["case_id"] == case_id), None)

    def complete_task(self, case_id: str) -> None:
        """A person does what the case asks for."""
        open_tasks = until(
            lambda: [t for t in self.case(case_id)["tasks"] if t["state"] == "open"], f"a task of {case_id}"
        )
        for task in open_tasks:
            self.call("sue", "ops_supervisor", "POST", f"/v1/tasks/{task['id']}/complete", json={"result": {}})


def until(look: Callable[[], Any], what: str, *, seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@contextlib.contextmanager
def platform(server: Server, template: str, folder: Path) -> Iterator[Platform]:
    """A running platform with the sample book."""
    with server.copy_of(template) as database:
        asyncio.run(story.load_book(server.url(WORKER, database)))
        settings = settings_for(server.url(API, database), folder)
        env = {
            "DATABASE_URL": server.url(API, database),
            "API_PORT": str(settings.api_port),
            "LOCAL_ISSUER_KEY": (settings.local_issuer_key or "").get_secret_value(),  # type: ignore[union-attr]
            "RATE_LIMIT_PER_MINUTE": "100000",
            "EFFECTS_URL": f"file:{folder / 'outbox'}",
            "LOG_ANCHOR_FILE": str(folder / "anchor.jsonl"),
            "PYTHONPATH": str(ROOT / "src"),
        }
        found = Platform(settings, env, folder)
        try:
            found.start("api")
            found.env["DATABASE_URL"] = server.url(WORKER, database)
            found.start("worker")
            found.env["DATABASE_URL"] = server.url(API, database)
            until(found.ready, "the platform ready", seconds=60)
            yield found
        finally:
            for part in [*found.parts]:
                found.stop(part)


def connection(platform: Platform) -> str:
    """Airflow's connection to it, as an environment variable has it."""
    token = platform.token("airflow", "airflow")
    return json.dumps({"conn_type": "workflow-orchestration", "host": platform.url, "password": token})
