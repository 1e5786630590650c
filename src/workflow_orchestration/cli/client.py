"""The API over HTTP: one client, its retries, and problem+json turned into failures.

Tried again: what never reached the API (connect errors), and, for calls that may be repeated, 429, 503 and lost
answers. `Retry-After` is obeyed. A decision or a message may be repeated too: the API answers the same thing
again. Other POSTs are not repeated once sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from workflow_orchestration.cli.exits import Refused, Unreachable

#: Seconds. Reading is long because `?wait=` and a migration-time lock may take as much.
TIMEOUT = httpx.Timeout(10.0, read=40.0)
#: An idle event stream beats every STREAM_HEARTBEAT_SECONDS (10 by default); three lost beats are a lost stream.
STREAM_TIMEOUT = httpx.Timeout(10.0, read=35.0)
_TRIES = 4
_LONGEST_WAIT = 30.0
_RETRYABLE_STATUS = (429, 503)
#: Members of a problem document that are told by themselves.
_PROBLEM = ("type", "title", "status", "detail", "fix", "instance")


class _TryAgainError(Exception):
    """This try failed in a way that another may cure; `after` is what the API asked to wait."""

    def __init__(self, failure: Refused | Unreachable, after: float | None = None) -> None:
        self.failure = failure
        self.after = after
        super().__init__(str(failure))


class Api:
    """Calls the API with a token that `token()` gives for each request (a local one is made anew each time)."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._sleep = sleep
        self._http = httpx.Client(base_url=self.url, timeout=TIMEOUT, transport=transport)

    def get(self, path: str, *, params: Mapping[str, Any] | None = None, accept: str = "application/json") -> Any:
        kept = {k: v for k, v in (params or {}).items() if v is not None}
        return self.call("GET", path, params=kept, headers={"Accept": accept}, repeatable=True).json()

    def post(self, path: str, body: Mapping[str, Any], *, repeatable: bool = False) -> Any:
        return _json(self.call("POST", path, json=_given(body), repeatable=repeatable))

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return _json(self.call("PUT", path, json=_given(body), repeatable=True))

    def call(
        self, method: str, path: str, *, repeatable: bool, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """One call with its retries; raises Refused or Unreachable."""
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError), stop=stop_after_attempt(_TRIES), wait=_wait,
            sleep=self._sleep, reraise=True,
        )  # fmt: skip
        try:
            return retrying(self._try, method, path, repeatable, dict(headers or {}), content)
        except _TryAgainError as spent:
            raise spent.failure from None

    def _try(self, method: str, path: str, repeatable: bool, headers: dict[str, str],
             content: dict[str, Any]) -> httpx.Response:  # fmt: skip
        with self._reaching(repeatable):
            response = self._http.request(method, path, headers={**self._auth(), **headers}, **content)
        if response.is_success:
            return response
        failure = problem(response)
        if repeatable and response.status_code in _RETRYABLE_STATUS:
            raise _TryAgainError(failure, retry_after(response))
        raise failure

    @contextmanager
    def stream(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A GET whose answer is read as it comes; not tried again here: the reader knows where to go on."""
        kept = {k: v for k, v in (params or {}).items() if v is not None}
        try:
            with self._http.stream(
                "GET", path, params=kept, headers={**self._auth(), **(headers or {})}, timeout=STREAM_TIMEOUT
            ) as response:
                if not response.is_success:
                    response.read()
                    raise problem(response)
                yield response
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    @contextmanager
    def _reaching(self, repeatable: bool) -> Iterator[None]:
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _TryAgainError(self._unreachable(error)) from None
        except httpx.HTTPError as error:
            if repeatable:
                raise _TryAgainError(self._unreachable(error)) from None
            raise self._unreachable(error) from None

    def _auth(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"}

    def _unreachable(self, error: httpx.HTTPError) -> Unreachable:
        return Unreachable(f"no answer from {self.url}: {error or type(error).__name__}",
                           "Start the platform (`make up`, or `wo serve api`), or correct API_URL.")  # fmt: skip


def problem(response: httpx.Response) -> Refused:
    """The failure that an answer tells; an answer that is no problem document comes from something in between."""
    try:
        told = response.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or "type" not in told:
        return Refused(
            response.status_code, f"HTTP {response.status_code}", f"{response.url} answered {response.text[:200]!r}",
            "Is API_URL the platform's address? A proxy may have answered.",
        )  # fmt: skip
    facts = {k: v for k, v in told.items() if k not in _PROBLEM and v is not None}
    cause = str(told.get("detail") or told.get("title") or "")
    return Refused(response.status_code, str(told["type"]), cause, str(told.get("fix") or ""), facts=facts)


def retry_after(response: httpx.Response) -> float | None:
    """Seconds the API asked to wait; dates, which it never sends, count as nothing."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None


_backoff = wait_exponential_jitter(multiplier=0.3, max=5.0, jitter=0.3)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _TryAgainError) and error.after is not None:
        return min(error.after, _LONGEST_WAIT)
    return _backoff(state)


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    """Options that were not given are not sent."""
    return {k: v for k, v in body.items() if v is not None}


def _json(response: httpx.Response) -> Any:
    return response.json() if response.content else {}
