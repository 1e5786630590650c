"""A group of exceptions, on one screen: one proposal for all of it, chased in a few messages or worked by a person.

propose -> (ask_approval -> take_decision) -> act -> wait -> next_step ... -> close
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from workflow_orchestration.workflows.common.context import RunContext
from workflow_orchestration.workflows.group import nodes
from workflow_orchestration.workflows.group.state import State


def after_proposal(state: State) -> Literal["act", "ask_approval"]:
    return "act" if state["progress"].tier == "T0" else "ask_approval"


def after_decision(state: State) -> Literal["act", "wait_task", "propose"]:
    match state["progress"].answer["type"]:
        case "approve":
            return "act"
        case "request_info":
            return "wait_task"
        case _:
            return "propose"


def after_act(state: State) -> Literal["wait_delivery", "wait_task"]:
    return "wait_delivery" if state["progress"].action == "CHASE" else "wait_task"


def after_task(state: State) -> Literal["propose", "close"]:
    """An answered question is looked at again; the group's own task ends it."""
    return "close" if state["progress"].action == "TASK" else "propose"


def after_step(state: State) -> Literal["act", "close", "propose"]:
    progress = state["progress"]
    if progress.answer.get("type") != "delivered":
        return "propose"
    return "act" if progress.step < progress.steps else "close"


def build() -> StateGraph[State, RunContext, State, State]:
    graph: Any = StateGraph(State, context_schema=RunContext)
    for name in ("propose", "ask_approval", "take_decision", "act", "wait_delivery", "wait_task", "next_step", "close"):
        graph.add_node(name, getattr(nodes, name))
    graph.add_edge(START, "propose")
    graph.add_conditional_edges("propose", after_proposal)
    graph.add_edge("ask_approval", "take_decision")
    graph.add_conditional_edges("take_decision", after_decision)
    graph.add_conditional_edges("act", after_act)
    graph.add_edge("wait_delivery", "next_step")
    graph.add_conditional_edges("next_step", after_step)
    graph.add_conditional_edges("wait_task", after_task)
    graph.add_edge("close", END)
    return graph  # type: ignore[no-any-return]
