"""What agents in shadow mode would have done, counted from the log: by desk and action, from a moment on."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.integration.api.test_cases import ensure
from workflow_orchestration.store import log

SINCE = {"since": "2026-11-01T00:00:00Z"}
AGREED = {"agents": "CHASE", "people": "CHASE", "decision": "approve", "agree": True, "degraded": None, "lost": False}
DIFFERED = {**AGREED, "agents": "TASK", "agree": False}
#: A talk that broke off names no action, whatever people then decided.
DEGRADED = {**AGREED, "agents": None, "decision": "reject", "agree": True, "degraded": "the model did not answer"}
LOST = {**AGREED, "lost": True}


@pytest.fixture
def compared(live) -> Callable[..., None]:
    """A case of a desk whose log holds these comparisons."""

    def add(desk: str, *said: dict, task: str | None = None, epochs: tuple[int, ...] = ()) -> None:
        case_id = ensure(live.client("airflow", "airflow"), f"shadow/{uuid4()}", desk=desk).json()["id"]
        run = str(uuid4()) if task else None
        numbers = epochs or (None,) * len(said)
        entries = [
            log.Entry("agents.compared", log.WORKER, data, run_id=run, task_id=task, epoch=epoch, n=0 if task else None)
            for data, epoch in zip(said, numbers, strict=True)
        ]
        live.store(lambda conn: log.append(conn, case_id, entries))

    return add


def report(live, desk: str) -> list[dict]:
    return live.client("ina", "ops_analyst", desks=desk).get("/v1/cases:shadow", params=SINCE).json()["items"]


def test_decisions_are_counted_by_desk_and_action_and_silence_is_no_agreement(live, compared):
    compared("fx", AGREED, AGREED, DIFFERED, DEGRADED, LOST)
    compared("fx", {**AGREED, "agents": "TASK", "people": "TASK"})
    assert report(live, "fx") == [
        {"desk": "fx", "action": "CHASE", "decisions": 5, "agreed": 2, "differed": 1, "silent": 2},
        {"desk": "fx", "action": "TASK", "decisions": 1, "agreed": 1, "differed": 0, "silent": 0},
    ]


def test_a_node_that_ran_again_is_counted_once_as_it_ended(live, compared):
    compared("credit", DIFFERED, AGREED, task="t1", epochs=(1, 2))
    assert report(live, "credit") == [
        {"desk": "credit", "action": "CHASE", "decisions": 1, "agreed": 1, "differed": 0, "silent": 0}
    ]


def test_other_desks_comparisons_are_not_seen(live, compared):
    compared("metals", AGREED)
    assert report(live, "wheat") == []
    everybody = live.client("ada", "auditor").get("/v1/cases:shadow", params=SINCE).json()
    assert "metals" in {row["desk"] for row in everybody["items"]}


def test_what_was_decided_before_is_not_counted(live, compared):
    compared("power", AGREED)
    reader = live.client("ina", "ops_analyst", desks="power")
    assert reader.get("/v1/cases:shadow", params={"since": "2126-11-01T00:00:00Z"}).json()["items"] == []
    assert reader.get("/v1/cases:shadow").status_code == 422
