"""W1, settlement exceptions, on one screen.

    investigate -> propose -> (gate -> decide) -> act -> wait -> answer -> next ... -> close

A thread pauses in three ways only (approval, delivery/confirmation, task), each a node without side effects.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from workflow_orchestration.workflows.common.context import RunContext
from workflow_orchestration.workflows.settlement import nodes
from workflow_orchestration.workflows.settlement.state import State


def after_investigation(state: State) -> Literal["close", "propose"]:
    return "close" if state["progress"].outcome else "propose"


def after_proposal(state: State) -> Literal["act", "ask_approval", "next_step"]:
    """T0 needs nobody; an action without steps is done when it is decided."""
    progress = state["progress"]
    if progress.tier != "T0":
        return "ask_approval"
    return "act" if progress.steps else "next_step"


def after_decision(state: State) -> Literal["act", "next_step", "investigate", "propose", "wait_task", "close"]:
    progress = state["progress"]
    match progress.answer["type"]:
        case "approve":
            return "act" if progress.steps else "next_step"
        case "reject":
            return "close" if progress.outcome else "propose"
        case "edit":
            return "propose"
        case "request_info":
            return "wait_task"
        case _:
            return "investigate"


def after_act(state: State) -> Literal["wait_delivery", "wait_task", "wait_confirmation", "next_step"]:
    match state["progress"].answer["kind"]:
        case "message":
            return "wait_delivery"
        case "task":
            return "wait_task"
        case "timer":
            return "wait_confirmation"
        case _:
            return "next_step"


def after_answer(state: State) -> Literal["wait_confirmation", "next_step", "investigate"]:
    match state["progress"].answer["go"]:
        case "confirm":
            return "wait_confirmation"
        case "next":
            return "next_step"
        case _:
            return "investigate"


def after_step(state: State) -> Literal["act", "close", "investigate"]:
    progress = state["progress"]
    if progress.outcome:
        return "close"
    return "act" if progress.answer["go"] == "act" else "investigate"


def build() -> StateGraph[State, RunContext, State, State]:
    graph: Any = StateGraph(State, context_schema=RunContext)
    graph.add_node("investigate", nodes.investigate)
    graph.add_node("propose", nodes.propose_action)
    graph.add_node("ask_approval", nodes.ask_approval)
    graph.add_node("take_decision", nodes.take_decision)
    graph.add_node("act", nodes.act)
    graph.add_node("wait_delivery", nodes.wait_delivery)
    graph.add_node("wait_confirmation", nodes.wait_confirmation)
    graph.add_node("wait_task", nodes.wait_task)
    graph.add_node("take_answer", nodes.take_answer)
    graph.add_node("next_step", nodes.next_step)
    graph.add_node("close", nodes.close)
    graph.add_edge(START, "investigate")
    graph.add_conditional_edges("investigate", after_investigation)
    graph.add_conditional_edges("propose", after_proposal)
    graph.add_edge("ask_approval", "take_decision")
    graph.add_conditional_edges("take_decision", after_decision)
    graph.add_conditional_edges("act", after_act)
    graph.add_edge("wait_delivery", "take_answer")
    graph.add_edge("wait_confirmation", "take_answer")
    graph.add_edge("wait_task", "take_answer")
    graph.add_conditional_edges("take_answer", after_answer)
    graph.add_conditional_edges("next_step", after_step)
    graph.add_edge("close", END)
    return graph  # type: ignore[no-any-return]
