"""Run a case's talks again with the answers that were recorded, and say what comes out differently today.

Nobody is asked and nothing is written. Facts are gathered as they were when the talk began; rules, prompts and actions
are those of the code that runs now: a difference is theirs, or a fact's that has no history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from workflow_orchestration.domain import triage
from workflow_orchestration.domain.actions.base import Assessment
from workflow_orchestration.domain.answers import Agent
from workflow_orchestration.domain.errors import PlatformError
from workflow_orchestration.domain.model_run import ModelRun
from workflow_orchestration.domain.propose import Proposal
from workflow_orchestration.llm import prompts
from workflow_orchestration.store import approvals, cases, log, model_runs
from workflow_orchestration.store.db import Conn, Row
from workflow_orchestration.workflows.settlement import talk as talking
from workflow_orchestration.workflows.settlement.consult import Consultation, consult, question
from workflow_orchestration.workflows.settlement.gather import Gathered, gather
from workflow_orchestration.workflows.settlement.proposing import opinion
from workflow_orchestration.workflows.settlement.state import Found, Looked, Talk, gathered
from workflow_orchestration.workflows.settlement.tools import TOOLS

_FAILS = (PlatformError, LookupError, ValueError, ArithmeticError)


@dataclass(frozen=True)
class Turn:
    """One recorded answer, judged again."""

    agent: str
    #: None where the model gave none then.
    text: str | None
    same_prompt: bool
    refused_by: tuple[str, ...]


@dataclass
class Replayed:
    """One talk: then and now."""

    at: datetime
    turns: list[Turn] = field(default_factory=list)
    #: Action and hash of the proposal that followed then; None when the talk led to none.
    then: tuple[str, str] | None = None
    now: tuple[str, str] | None = None
    differences: list[str] = field(default_factory=list)


async def replay(conn: Conn, case_id: str) -> list[Replayed]:
    """Every talk of a case, oldest first; none where no agent ever had a turn."""
    entries = [e for e in await log.read(conn, case_id, limit=100_000) if not e["superseded"]]
    runs = [run for _, run in await model_runs.of_case(conn, case_id)]
    return [
        await _talk(conn, case_id, begun, runs_of_it, after, entries)
        for (begun, after), runs_of_it in zip(_beginnings(entries), _by_talk(runs), strict=False)
    ]


def _beginnings(entries: list[Row]) -> list[tuple[Row, Row | None]]:
    """The first hand-off of each talk, and the proposal that followed it."""
    first = [e for e in entries if e["type"] == "agents.handoff" and e["data"]["hop"] == 1]
    ends = [e["seq"] for e in first[1:]] + [float("inf")]
    proposed = [e for e in entries if e["type"] == "case.proposed"]
    return [
        (begun, next((p for p in proposed if begun["seq"] < p["seq"] < end), None))
        for begun, end in zip(first, ends, strict=True)
    ]


def _by_talk(runs: list[ModelRun]) -> list[list[ModelRun]]:
    """Triage has the first word of each talk, and has it once."""
    talks: list[list[ModelRun]] = []
    for run in runs:
        if run.agent == "triage" or not talks:
            talks.append([])
        talks[-1].append(run)
    return talks


async def _talk(
    conn: Conn, case_id: str, begun: Row, runs: list[ModelRun], proposed: Row | None, entries: list[Row]
) -> Replayed:
    turned_down = (e["data"]["action"] for e in entries if e["type"] == "proposal.rejected" and e["seq"] < begun["seq"])
    found = await gather(conn, case_id, rejected=tuple(turned_down), at=begun["at"])
    assessment = triage.assess(found.facts)
    replayed = Replayed(begun["at"])
    talk, looked = await _turns(conn, found, assessment, iter(runs), replayed)
    _compare(replayed, opinion(talk, looked, found.facts, assessment), await _stored(conn, proposed))
    return replayed


async def _turns(
    conn: Conn, found: Gathered, assessment: Assessment, runs: Iterator[ModelRun], replayed: Replayed
) -> tuple[Talk, Looked]:
    """The talk as it goes today on the answers of then."""
    talk, looked = Talk(on=True), Looked()

    def see() -> Consultation:
        return consult(found.facts, assessment, found.case["desk"], talk, looked)

    async def turn(agent: Agent, *, findings: bool = False) -> None:
        nonlocal talk
        seen, run = see(), next(runs, None)
        if run is None or run.agent != agent:
            replayed.differences.append(f"{agent} has a turn today, and {run.agent if run else 'nobody'} had it then")
            talk = talking.degraded(talk, "the recorded answers end here")
            return
        asked = question(agent, seen, talk, findings=findings)
        same = prompts.prompt_sha256(prompts.messages(asked)) == run.prompt_sha256
        if run.failure is not None:
            talk, refused = talking.degraded(talk, f"{agent}: {run.failure}, {run.detail}"), dict[str, str]()
        else:
            talk, refused = talking.heard(talk, agent, seen.view, prompts.read(asked.answer, run.text))
        replayed.turns.append(Turn(agent, None if run.failure else run.text, same, tuple(refused)))

    while talk.degraded is None:
        offered = see().view.offered
        if len(offered) == 1:
            talk = talking.handed_on(talk, offered[0])
        else:
            await turn("supervisor")
        if talk.turn is None or talk.degraded is not None:
            break
        await turn(talk.turn)
        if talk.turn == "investigator" and talk.wanted and talk.degraded is None:
            looked = await _look_up(conn, found, talk, looked)
            await turn("investigator", findings=True)
    return talk, looked


async def _look_up(conn: Conn, found: Gathered, talk: Talk, looked: Looked) -> Looked:
    every = []
    for tool in talk.wanted:
        try:
            every.append(Found(round=talk.round, tool=tool, evidence=await TOOLS[tool](conn, found)))
        except _FAILS as error:
            every.append(Found(round=talk.round, tool=tool, failed=str(error)[:200]))
    return gathered(looked, Looked(found=tuple(every)))


async def _stored(conn: Conn, proposed: Row | None) -> Row | None:
    return await approvals.get_proposal(conn, proposed["data"]["proposal_id"]) if proposed else None


def _compare(replayed: Replayed, now: Proposal, then: Row | None) -> None:
    replayed.now = (now.action, now.payload_hash)
    if then is None:
        return
    replayed.then = (then["action"], then["payload_hash"])
    content: dict[str, Any] = then["content"]
    shadow = content.get("commentary") is None
    replayed.differences += [
        f"{turn.agent} is asked something else today" for turn in replayed.turns if not turn.same_prompt
    ]
    if then["action"] != now.action:
        what = "the agents would have it" if shadow else "it comes out"
        replayed.differences.append(f"{then['action']} was proposed; today {what} as {now.action}")
    elif not shadow and then["payload_hash"] != now.payload_hash:
        replayed.differences.append("the same action, with another content: params, texts, evidence or checks differ")


async def known(conn: Conn, case_id: str) -> Row:
    """The case, or NotFound."""
    return await cases.get(conn, case_id)
