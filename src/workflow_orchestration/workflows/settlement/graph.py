"""W1, settlement exceptions, on one screen.

    investigate -> propose -> (gate -> decide) -> act -> wait -> answer -> next ... -> close

Where a model is configured, agents talk about the case before the proposal; `supervisor` hands it from one to the next:

    investigate -> supervisor <-> triage, investigator (-> look_up, side by side -> weigh), resolver, comms, critic

A thread pauses in three ways only (approval, delivery/confirmation, task), each a node without side effects.
"""

from __future__ import annotations

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from workflow_orchestration.workflows.common.context import RunContext
from workflow_orchestration.workflows.settlement import agents, nodes, proposing
from workflow_orchestration.workflows.settlement.state import State


def after_investigation(state: State) -> Literal["close", "supervisor", "propose"]:
    if state["progress"].outcome:
        return "close"
    return "supervisor" if state["talk"].on else "propose"


def after_proposal(state: State) -> Literal["act", "ask_approval", "next_step"]:
    """T0 needs nobody; an action without steps is done when it is decided."""
    progress = state["progress"]
    if progress.tier != "T0":
        return "ask_approval"
    return "act" if progress.steps else "next_step"


def after_decision(
    state: State,
) -> Literal["act", "next_step", "investigate", "supervisor", "propose", "wait_task", "close"]:
    progress = state["progress"]
    match progress.answer["type"]:
        case "approve":
            return "act" if progress.steps else "next_step"
        case "reject":
            return after_investigation(state)
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
    _add_agents(graph)
    graph.add_node("propose", proposing.propose_action)
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


def _add_agents(graph: Any) -> None:
    """Every agent's turn ends at the supervisor, or at the proposal when there is nothing to wait for any more."""
    graph.add_node("supervisor", agents.supervisor)
    graph.add_conditional_edges("supervisor", agents.after_supervisor)
    for name in ("triage", "resolver", "comms", "critic", "weigh"):
        graph.add_node(name, getattr(agents, name))
        graph.add_conditional_edges(name, agents.after_agent)
    graph.add_node("investigator", agents.investigator)
    graph.add_node("look_up", agents.look_up)
    graph.add_conditional_edges("investigator", agents.after_investigator, ["look_up", "supervisor", "propose"])
    graph.add_edge("look_up", "weigh")
