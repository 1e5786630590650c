"""Airflow as its users reach it: its REST API, whatever it runs on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import quote

import httpx


class Rest:
    """One installation's API. Without a user everybody is let in, as Airflow's simple auth manager can be told to."""

    def __init__(self, url: str, *, user: str = "", password: str = "") -> None:
        self.url = url
        self._who = {"username": user, "password": password} if user else None

    @cached_property
    def _http(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.url}/api/v2", timeout=30)

    def client(self) -> httpx.Client:
        """Signed in, once the api-server answers."""
        if "authorization" not in self._http.headers:
            with contextlib.suppress(httpx.HTTPError):
                method = "POST" if self._who else "GET"
                answer = httpx.request(method, f"{self.url}/auth/token", json=self._who, timeout=10).json()
                self._http.headers["authorization"] = f"Bearer {answer['access_token']}"
        return self._http

    def call(self, method: str, path: str, **content: Any) -> Any:
        answer = self.client().request(method, path, **content)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None

    def unpause(self, dag: str) -> None:
        self.until(lambda: self.client().get(f"/dags/{dag}").status_code == 200, f"DAG {dag}", seconds=60)
        self.call("PATCH", f"/dags/{dag}", params={"update_mask": "is_paused"}, json={"is_paused": False})

    def trigger(self, dag: str, run: str, **conf: Any) -> None:
        self.call("POST", f"/dags/{dag}/dagRuns", json={"dag_run_id": run, "logical_date": None, "conf": conf})

    def run_state(self, dag: str, run: str) -> str:
        return str(self.call("GET", f"/dags/{dag}/dagRuns/{quote(run)}")["state"])

    def task(self, dag: str, run: str, task: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}")
        return found

    def xcom(self, dag: str, run: str, task: str, key: str = "return_value") -> Any:
        path = f"/dags/{dag}/dagRuns/{quote(run)}/taskInstances/{task}/xcomEntries/{key}"
        return self.call("GET", path)["value"]

    def clear(self, dag: str, run: str, task: str) -> None:
        body = {"dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False, "reset_dag_runs": True}
        self.call("POST", f"/dags/{dag}/clearTaskInstances", json=body)

    def until(self, look: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := look():
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds:.0f} s: {what}")

    def until_task(self, dag: str, run: str, task: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.task(dag, run, task)
            return found if found["state"] in states else None

        return dict(self.until(look, f"{dag}.{task} of {run} {' or '.join(states)}", seconds=seconds))

    def until_run(self, dag: str, run: str, state: str, *, seconds: float = 90) -> None:
        ends = {"success", "failed"}
        found = self.until(
            lambda: (s := self.run_state(dag, run)) in ends and s, f"{dag} of {run} ended", seconds=seconds
        )
        assert found == state, f"{dag} of {run} is {found}, not {state}"
