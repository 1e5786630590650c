"""The agents' nodes: supervisor, triage, investigator and its look-ups, resolver, comms, critic.

Each node reads, asks, and writes, in this order and never two at once. An answer is recorded before it is used; what
the rules refuse is dropped; where there is no answer the talk ends and code's own findings go to people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import structlog
from langgraph.types import Send

from workflow_orchestration.domain import triage as triaging
from workflow_orchestration.domain.answers import Agent
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.domain.errors import LeaseLost, ModelUnavailable, PlatformError
from workflow_orchestration.domain.judging import Answer
from workflow_orchestration.llm.contract import Answer as Answered
from workflow_orchestration.llm.contract import Question
from workflow_orchestration.store.db import Conn
from workflow_orchestration.workflows.common.context import Execution, Node, asking
from workflow_orchestration.workflows.settlement import talk as talking
from workflow_orchestration.workflows.settlement.consult import Consultation, consult, question
from workflow_orchestration.workflows.settlement.gather import gather
from workflow_orchestration.workflows.settlement.state import Branch, Errand, Found, Looked, State, Talk
from workflow_orchestration.workflows.settlement.tools import TOOLS

Update = dict[str, Any]
_logger = structlog.get_logger(__name__)
#: What a look-up may fail with without failing the others: there is nothing to find, or it makes no sense.
_FAILS = (PlatformError, LookupError, ValueError, ArithmeticError)


# -- where the graph goes -----------------------------------------------------------------------------------


def after_supervisor(
    state: State,
) -> Literal["triage", "investigator", "resolver", "comms", "critic", "propose"]:
    turn = state["talk"].turn
    return "propose" if turn is None or turn == "supervisor" else turn


def after_agent(state: State) -> Literal["supervisor", "propose"]:
    return "propose" if state["talk"].degraded else "supervisor"


def after_investigator(state: State) -> Sequence[Send] | Literal["supervisor", "propose"]:
    """One branch a look-up, side by side; they meet again in `weigh`."""
    talk = state["talk"]
    if talk.degraded or not talk.wanted:
        return after_agent(state)
    return [Send("look_up", Branch(errand=Errand(round=talk.round, tool=tool))) for tool in talk.wanted]


# -- the agents ---------------------------------------------------------------------------------------------


@asking(State)
async def supervisor(state: State, execution: Execution) -> Update:
    """Hand the case on. Where code leaves one way only, nobody is asked."""
    seen = await _consult(state, execution)
    offered = seen.view.offered
    if len(offered) > 1:
        return await _turn("supervisor", state, execution, seen)

    async def hand_on(node: Node) -> Update:
        talk = talking.handed_on(state["talk"], offered[0])
        _tell_handoff(node, talk)
        return {"talk": talk}

    return await execution.write(hand_on)


@asking(State)
async def triage(state: State, execution: Execution) -> Update:
    return await _turn("triage", state, execution, await _consult(state, execution))


@asking(State)
async def investigator(state: State, execution: Execution) -> Update:
    """Name what to look up."""
    return await _turn("investigator", state, execution, await _consult(state, execution))


@asking(State, Branch)
async def look_up(branch: Branch, execution: Execution) -> Update:
    """One look-up. When it fails the others still count, and the talk goes on with what there is."""
    errand, case_id = branch["errand"], execution.context.case_id

    async def look(conn: Conn) -> Found:
        found = await TOOLS[errand.tool](conn, await gather(conn, case_id))
        return Found(round=errand.round, tool=errand.tool, evidence=found)

    try:
        found = await execution.read(look)
    except LeaseLost:
        raise
    except _FAILS as error:
        found = Found(round=errand.round, tool=errand.tool, failed=str(error)[:200])

    async def tell(node: Node) -> Update:
        said = {"tool": found.tool, "evidence": [e.id for e in found.evidence], "failed": found.failed}
        node.log("agent.look_failed" if found.failed else "agent.looked", said)
        return {"looked": Looked(found=(found,))}

    return await execution.write(tell)


@asking(State)
async def weigh(state: State, execution: Execution) -> Update:
    """The investigator again: what do the look-ups show?"""
    seen = await _consult(state, execution)
    return await _turn("investigator", state, execution, seen, findings=True)


@asking(State)
async def resolver(state: State, execution: Execution) -> Update:
    return await _turn("resolver", state, execution, await _consult(state, execution))


@asking(State)
async def comms(state: State, execution: Execution) -> Update:
    return await _turn("comms", state, execution, await _consult(state, execution))


@asking(State)
async def critic(state: State, execution: Execution) -> Update:
    return await _turn("critic", state, execution, await _consult(state, execution))


# -- one turn -----------------------------------------------------------------------------------------------


async def _consult(state: State, execution: Execution) -> Consultation:
    async def look(conn: Conn) -> Consultation:
        found = await gather(conn, execution.context.case_id, rejected=state["progress"].rejected)
        assessment = triaging.assess(found.facts)
        return consult(found.facts, assessment, found.case["desk"], state["talk"], state["looked"])

    return await execution.read(look)


async def _turn(
    agent: Agent, state: State, execution: Execution, seen: Consultation, *, findings: bool = False
) -> Update:
    """Ask the agent; take what the rules let pass, or end the talk where there is no answer."""
    talk = state["talk"]
    try:
        answered = await _ask(execution, talk, question(agent, seen, talk, findings=findings))
    except ModelUnavailable as unavailable:
        return await _degrade(execution, talk, agent, unavailable)
    answer: Answer = answered.value

    async def take(node: Node) -> Update:
        after, refusals = talking.heard(talk, agent, seen.view, answer)
        after = after.model_copy(update={"taken_ms": talk.taken_ms + round(answered.run.seconds * 1000)})
        _tell(node, talk, agent, answered, refusals)
        if agent == "supervisor":
            _tell_handoff(node, after)
        return {"talk": after}

    return await execution.write(take)


async def _ask(execution: Execution, talk: Talk, asked: Question[Any]) -> Answered[Any]:
    """The answer, within what is left of the talk's time."""
    left = execution.context.agents.seconds - talk.taken_ms / 1000
    try:
        async with asyncio.timeout(max(0.0, left)) as limit:
            return await execution.ask(asked)
    except TimeoutError:
        if not limit.expired():
            raise
        why = f"the agents have had their {execution.context.agents.seconds:g} s"
        raise ModelUnavailable(why, reason="deadline") from None


async def _degrade(execution: Execution, talk: Talk, agent: Agent, unavailable: ModelUnavailable) -> Update:
    """Degraded mode: said on the case, in its log and on its page."""
    _logger.warning("agents give no opinion", case=execution.context.case_id, agent=agent, reason=unavailable.reason)

    async def write(node: Node) -> Update:
        after = talking.degraded(talk, f"{agent}: {unavailable.reason}, {unavailable.detail}")
        said = {"agent": agent, "reason": unavailable.reason, "detail": unavailable.detail}
        await node.change_case("agents.degraded", said, findings={"agents": {"degraded": after.degraded}})
        return {"talk": after}

    return await execution.write(write)


def _tell(node: Node, talk: Talk, agent: Agent, answered: Answered[Any], refusals: dict[str, str]) -> None:
    """The log holds what an agent said, once it has passed the rules, and which run of the model said it.

    In shadow mode nobody is to be influenced: the answer stands among the model runs only.
    """
    run = answered.run
    made = {"prompt": run.prompt_sha256, "output": run.output_sha256, "model": run.model, "replayed": answered.replayed}
    if refusals:
        node.log("agent.refused", {"agent": agent, "rules": refusals, "run": made})
        return
    shown = {} if talk.shadow else {"answer": plain(answered.value)}
    node.log("agent.said", {"agent": agent, **shown, "run": made})


def _tell_handoff(node: Node, talk: Talk) -> None:
    if talk.lost:
        node.log("agents.lost", {"hand_offs": talk.hops})
    elif talk.turn is not None:
        node.log("agents.handoff", {"to": talk.turn, "hop": talk.hops})
