"""The tortured graph as anybody would write it: prepare -> ask (pause) -> act -> close. It imports LangGraph alone.

`act` does the one thing that must happen once: it appends the case to the receiver's file (OUTBOX). Nodes take a while,
so that a kill finds them at work.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt

#: Seconds of work in a node, before and after what it does.
WORK = 0.15


class State(TypedDict):
    progress: dict[str, Any]


async def prepare(state: State) -> State:
    await asyncio.sleep(WORK)
    return {"progress": {**state["progress"], "prepared": True}}


async def ask(state: State) -> State:
    answer = interrupt({"question": "may it be sent?"})
    if not isinstance(answer, dict) or answer.get("type") not in ("approve", "reject"):
        raise ValueError(f"{answer!r} is no decision")
    return {"progress": {**state["progress"], "decision": answer["type"], "by": answer["by"]}}


async def act(state: State) -> State:
    if state["progress"]["decision"] == "approve":
        await asyncio.sleep(WORK)
        await asyncio.to_thread(_send, state["progress"]["case"])
        await asyncio.sleep(WORK)
    return {"progress": {**state["progress"], "acted": True}}


async def close(state: State) -> State:
    outcome = "resolved" if state["progress"]["decision"] == "approve" else "rejected"
    return {"progress": {**state["progress"], "outcome": outcome}}


def _send(case: str) -> None:
    with open(os.environ["OUTBOX"], "a", encoding="utf-8") as out:
        out.write(case + "\n")
        out.flush()
        os.fsync(out.fileno())


builder: Any = StateGraph(State)
for node in (prepare, ask, act, close):
    builder.add_node(node.__name__, node)
builder.add_edge(START, "prepare")
builder.add_edge("prepare", "ask")
builder.add_edge("ask", "act")
builder.add_edge("act", "close")
builder.add_edge("close", END)
graph = builder.compile()
