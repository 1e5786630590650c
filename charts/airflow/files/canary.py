"""`helm test`: one run of the DAG `canary`, started and watched over the REST API as a user would.

AIRFLOW_URL, ADMIN_NAME, ADMIN_PASSWORD say where and as whom; CANARY is what the run's case is, as JSON;
CANARY_SECONDS is how long people have to decide it.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from typing import Any

URL = os.environ["AIRFLOW_URL"]
RUNS = "/api/v2/dags/canary/dagRuns"
#: Seconds between two looks, and for which a server that cannot be reached is waited for: a new pod's network policy
#: takes a moment to let it out, a server that restarts takes longer.
PAUSE, REACH = 2.0, 90.0


def call(method: str, path: str, token: str = "", body: Any = None) -> Any:
    """The answer. What was never sent is tried again, so that nothing is asked for twice."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)  # noqa: S310 - the chart's
    end = time.monotonic() + REACH
    while True:
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - own http address
                return json.load(answer)
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError as error:
            if time.monotonic() > end:
                raise SystemExit(f"{URL} cannot be reached: {error.reason}") from None
            time.sleep(PAUSE)


def found(path: str, token: str) -> Any:
    """The answer, or None where there is nothing yet."""
    try:
        return call("GET", path, token)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise


def main() -> int:
    end = time.monotonic() + float(os.environ["CANARY_SECONDS"])
    who = {"username": os.environ["ADMIN_NAME"], "password": os.environ["ADMIN_PASSWORD"]}
    token = call("POST", "/auth/token", body=who)["access_token"]
    run = f"canary-{int(time.time())}"
    while found("/api/v2/dags/canary", token) is None:
        if time.monotonic() > end:
            print("there is no DAG canary: look at the dag-processor's log")
            return 1
        time.sleep(PAUSE)
    conf = json.loads(os.environ["CANARY"])
    call("POST", RUNS, token, {"dag_run_id": run, "logical_date": None, "conf": conf})
    return watch(run, token, end)


def watch(run: str, token: str, end: float) -> int:
    page = None
    while time.monotonic() < end:
        if page is None and (page := found(f"{RUNS}/{run}/taskInstances/case/xcomEntries/case_page", token)):
            print(f"{run}: its case waits for people at {page['value']}", flush=True)
        state = call("GET", f"{RUNS}/{run}", token)["state"]
        if state in ("success", "failed"):
            print(f"{run}: {state}")
            return 0 if state == "success" else 1
        time.sleep(PAUSE)
    print(f"{run}: not ended in time; did nobody decide its case, or did its task not start?")
    return 1


if __name__ == "__main__":
    sys.exit(main())
