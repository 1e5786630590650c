"""The measured graph, as anybody would write it: seven nodes, one pause, a kilobyte of findings.

receive -> gather -> assess -> propose -> ask (pause) -> act -> close

It imports LangGraph alone, so that every peer can serve this very file. `graph` is compiled without a checkpointer:
who runs it brings its own. The nodes compute nothing: what is measured is the engine around them.
"""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

NODES = ("receive", "gather", "assess", "propose", "ask", "act", "close")
#: What an investigation leaves for the next node, about a kilobyte.
FINDINGS = {f"field_{n}": {"ours": f"value {n}", "theirs": f"value {n + 1}"} for n in range(16)}


class State(TypedDict):
    progress: dict[str, Any]


def _went_through(state: State, node: str, **more: Any) -> State:
    progress = state["progress"]
    return {"progress": {**progress, **more, "ran": [*progress.get("ran", []), node]}}


async def receive(state: State) -> State:
    return _went_through(state, "receive")


async def gather(state: State) -> State:
    return _went_through(state, "gather", findings=FINDINGS)


async def assess(state: State) -> State:
    return _went_through(state, "assess", cause="DATA_MISMATCH")


async def propose(state: State) -> State:
    return _went_through(state, "propose", action="BENCH", payload_hash="sha256:" + "0" * 64)


async def ask(state: State) -> State:
    answer = interrupt({"action": state["progress"]["action"], "payload_hash": state["progress"]["payload_hash"]})
    return _went_through(state, "ask", answer=answer)


async def act(state: State) -> State:
    return _went_through(state, "act", acted=True)


async def close(state: State) -> State:
    return _went_through(state, "close", outcome="resolved")


def build() -> Any:
    builder: Any = StateGraph(State)
    for node in (receive, gather, assess, propose, ask, act, close):
        builder.add_node(node.__name__, node)
    for before, after in zip((START, *NODES), (*NODES, END), strict=True):
        builder.add_edge(before, after)
    return builder


graph = build().compile()
