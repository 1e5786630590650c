"""Every workflow, by name: one line each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.graph import StateGraph

from workflow_orchestration.domain.facts import Outcome
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.settlement import delivery, graph
from workflow_orchestration.workflows.settlement.state import Progress


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


def _settlement_outcome(values: dict[str, Any]) -> tuple[str, str]:
    progress: Progress = values["progress"]
    assert progress.outcome is not None, "the graph ended without an outcome"
    return progress.outcome, progress.reason


WORKFLOWS: dict[str, Workflow] = {
    "settlement": Workflow(
        graph.build, lambda: {"progress": Progress()}, (Progress,), _settlement_outcome, delivery.check
    ),
}
