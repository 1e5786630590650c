"""Every workflow, by name: one line each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.graph import StateGraph

from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.group import delivery as group_delivery
from workflow_orchestration.workflows.group import graph as group_graph
from workflow_orchestration.workflows.group.state import GroupProgress
from workflow_orchestration.workflows.job import graph as job_graph
from workflow_orchestration.workflows.job.state import JobProgress
from workflow_orchestration.workflows.settlement import delivery, graph
from workflow_orchestration.workflows.settlement.state import Errand, Looked, Progress, Talk


@dataclass(frozen=True)
class Workflow:
    """What the worker needs of a workflow."""

    build: Callable[[], StateGraph[Any, Any, Any, Any]]
    #: The input a thread starts with.
    start: Callable[[], dict[str, Any]]
    #: State models that checkpoints hold: the only types they may be loaded as.
    state_types: tuple[type[Any], ...]
    #: How a thread ended, from its last state.
    outcome: Callable[[dict[str, Any]], tuple[str, str]]
    #: The rules that can go stale, run again just before an effect leaves: those that forbid it now.
    check_delivery: Callable[[Conn, Row], Awaitable[Sequence[Outcome]]]


def _outcome(values: dict[str, Any]) -> tuple[str, str]:
    """Every workflow's state says how it ended, and why."""
    progress = values["progress"]
    assert progress.outcome is not None, "the graph ended without an outcome"
    return progress.outcome, progress.reason


async def _sends_nothing(conn: Conn, effect: Row) -> Sequence[Outcome]:
    raise AssertionError(f"workflow {effect['workflow']} writes no effects")


WORKFLOWS: dict[str, Workflow] = {
    "settlement": Workflow(
        graph.build,
        lambda: {"progress": Progress()},
        (Progress, Talk, Looked, Errand),
        _outcome,
        delivery.check,
    ),
    "job": Workflow(job_graph.build, lambda: {"progress": JobProgress()}, (JobProgress,), _outcome, _sends_nothing),
    "group": Workflow(
        group_graph.build,
        lambda: {"progress": GroupProgress()},
        (GroupProgress,),
        _outcome,
        group_delivery.check,
    ),
}
