"""A scheduled job, on one screen: code works, a person looks where code found something, the case closes.

work -> (wait_task) -> close
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from workflow_orchestration.workflows.common.context import RunContext
from workflow_orchestration.workflows.job import nodes
from workflow_orchestration.workflows.job.state import State


def after_work(state: State) -> Literal["wait_task", "close"]:
    return "wait_task" if state["progress"].waits_for else "close"


def build() -> StateGraph[State, RunContext, State, State]:
    graph: Any = StateGraph(State, context_schema=RunContext)
    graph.add_node("work", nodes.work)
    graph.add_node("wait_task", nodes.wait_task)
    graph.add_node("close", nodes.close)
    graph.add_edge(START, "work")
    graph.add_conditional_edges("work", after_work)
    graph.add_edge("wait_task", "close")
    graph.add_edge("close", END)
    return graph  # type: ignore[no-any-return]
