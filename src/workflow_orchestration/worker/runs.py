"""Run one entry into a graph, and commit what came of it.

Recovery is the same call again: same input, same `metadata.run_id`, `durability="sync"`, answers by interrupt id
under strict resume. The rule for answers (which are still open, and whether this is a first try) goes by the epoch:
a drain charges no attempt, so the attempt would lie.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import RunControl
from langgraph.types import Command, StateSnapshot

from workflow_orchestration.domain.canonical import sha256
from workflow_orchestration.domain.facts import Tier
from workflow_orchestration.store import cases, lifecycle, log, threads, work
from workflow_orchestration.store.approvals import Policy, get_proposal, open_approval
from workflow_orchestration.store.db import Conn, Pool, Row, retrying
from workflow_orchestration.store.notify import WORK, Notifier
from workflow_orchestration.store.threads import Wait
from workflow_orchestration.worker.saver import FencedSaver
from workflow_orchestration.workflows.common.context import NO_AGENTS, Agents, RunContext
from workflow_orchestration.workflows.registry import WORKFLOWS, Workflow

#: Supersteps of one run; LangGraph's own default (10,007) lets a loop run for hours. A talk of agents takes up to four
#: for each of its hand-offs.
RECURSION_LIMIT = 70
STRICT_RESUME = "__pregel_strict_resume"


@dataclass(frozen=True)
class Paused:
    """The graph waits: its unanswered interrupts."""

    waits: tuple[Wait, ...]


@dataclass(frozen=True)
class Ended:
    """The graph is at its end."""

    outcome: str
    reason: str


class Runner:
    """Compiles each workflow once and runs claimed `run` items."""

    def __init__(
        self,
        pool: Pool,
        notifier: Notifier,
        policy: Policy,
        *,
        effects_url: str,
        run_timeout: float,
        agents: Agents = NO_AGENTS,
    ) -> None:
        self._pool = pool
        self._notifier = notifier
        self._policy = policy
        self._effects_url = effects_url
        self._run_timeout = run_timeout
        self._agents = agents
        self._saver = FencedSaver(pool, [t for w in WORKFLOWS.values() for t in w.state_types])
        self._graphs: dict[str, CompiledStateGraph[Any, Any, Any, Any]] = {
            name: workflow.build().compile(checkpointer=self._saver, name=name) for name, workflow in WORKFLOWS.items()
        }
        self._versions = {name: _fingerprint(graph) for name, graph in self._graphs.items()}

    async def run(self, item: Row, control: RunControl) -> None:
        """Run a claimed item to its pause or end and finish it; GraphDrained when `control` asked to stop."""
        case, app_version = await self._look(item)
        workflow, graph = WORKFLOWS[case["workflow"]], self._graphs[case["workflow"]]
        if app_version != self._versions[case["workflow"]]:
            await retrying(self._pool, lambda conn: self._note_version(conn, item, case["workflow"]))
        config = _config(item)
        entry = await _entry(graph, workflow, config, item)
        if entry is not None:
            try:
                async with asyncio.timeout(self._run_timeout):
                    await graph.ainvoke(
                        entry.value, config, context=self._context(item), durability="sync", control=control
                    )
            finally:
                self._saver.forget(str(item["thread_id"]))
        result = _result(await graph.aget_state(config), workflow)
        await retrying(self._pool, lambda conn: finish(conn, item, case, result, self._policy))
        self._notifier.wake(str(item["case_id"]), WORK)

    async def _note_version(self, conn: Conn, item: Row, workflow: str) -> None:
        """A graph that changed under a waiting thread is seen: the log says from what to what."""
        await work.fence(conn, str(item["id"]), item["epoch"])
        before = await threads.note_version(conn, str(item["thread_id"]), self._versions[workflow])
        if before:
            await log.append(
                conn,
                str(item["case_id"]),
                [log.Entry("run.version_changed", log.WORKER, {"before": before, "after": self._versions[workflow]})],
            )

    async def _look(self, item: Row) -> tuple[Row, str]:
        """The item's case, and the code and graph that last ran its thread."""
        async with self._pool.connection() as conn:
            return (await cases.get(conn, str(item["case_id"])), await threads.version(conn, str(item["thread_id"])))

    def _context(self, item: Row) -> RunContext:
        return RunContext(
            pool=self._pool,
            notifier=self._notifier,
            policy=self._policy,
            effects_url=self._effects_url,
            item_id=str(item["id"]),
            epoch=item["epoch"],
            case_id=str(item["case_id"]),
            thread_id=str(item["thread_id"]),
            agents=self._agents,
        )


def _fingerprint(graph: CompiledStateGraph[Any, Any, Any, Any]) -> str:
    """This code's version and the shape of its graph: nodes and edges."""
    drawn = graph.get_graph()
    shape = sha256({"nodes": sorted(drawn.nodes), "edges": sorted(f"{e.source}>{e.target}" for e in drawn.edges)})
    return f"{version('workflow-orchestration')}+{shape.removeprefix('sha256:')[:12]}"


@dataclass(frozen=True)
class _Entry:
    value: Any


def _config(item: Row) -> Any:
    return {
        "configurable": {"thread_id": str(item["thread_id"]), STRICT_RESUME: True},
        "metadata": {"run_id": str(item["id"])},
        "recursion_limit": RECURSION_LIMIT,
    }


async def _entry(
    graph: CompiledStateGraph[Any, Any, Any, Any], workflow: Workflow, config: Any, item: Row
) -> _Entry | None:
    """How to enter the graph for this item now; None when nothing is left to run.

    A payload of {"continue": true} is the reconciler's, for a thread that nobody runs: it goes on where it is, or
    starts if nobody ever did.
    """
    answers = item["payload"].get("answers")
    if item["epoch"] == 1 and "input" in item["payload"]:
        return _Entry(workflow.start())  # the first claim of a thread's first run: there is nothing to look at
    snapshot = await graph.aget_state(config)
    if answers is None:
        # a task whose writes are stored is not in `next`, though its superstep is not over: only `tasks` tells
        reached = snapshot.metadata is not None and snapshot.metadata.get("run_id") == str(item["id"])
        if snapshot.interrupts or (reached and not snapshot.tasks):
            return None  # reached its pause or its end before a crash; only the finish is missing
        goes_on = item["payload"].get("continue") and snapshot.metadata is not None
        return _Entry(None if goes_on else workflow.start())
    still_open = {i.id: answers[i.id] for i in snapshot.interrupts if i.id in answers}
    if still_open and (item["epoch"] > 1 or len(still_open) == len(answers)):
        return _Entry(Command(resume=still_open))
    if item["epoch"] > 1 and snapshot.tasks and not snapshot.interrupts:
        return _Entry(None)  # the answers were consumed before a crash or a drain: go on
    return None


def _result(snapshot: StateSnapshot, workflow: Workflow) -> Paused | Ended:
    if snapshot.interrupts:
        return Paused(
            tuple(
                Wait(
                    interrupt_id=i.id,
                    kind=i.value["kind"],
                    ref=i.value["ref"],
                    seen_seq=i.value["seen_seq"],
                    payload=i.value["payload"],
                )
                for i in snapshot.interrupts
            )
        )
    assert not snapshot.tasks, f"the graph stopped before {[task.name for task in snapshot.tasks]}"
    return Ended(*workflow.outcome(snapshot.values))


async def finish(conn: Conn, item: Row, case: Row, result: Paused | Ended, policy: Policy) -> None:
    """Item, thread, case, waits, approval and log together, or none of them."""
    row = await work.lock(conn, str(item["id"]), item["epoch"])
    thread = await threads.lock(conn, str(item["thread_id"]))
    case_id, thread_id = str(item["case_id"]), str(thread["id"])
    await work.finish(conn, str(item["id"]), item["epoch"], status="cancelled" if row["cancel"] else "done")
    if row["cancel"]:
        await lifecycle.end(conn, case_id, thread_id, row["cancel"], log.WORKER, {"reason": "asked to stop"})
        return
    match result:
        case Paused(waits):
            for wait in await threads.put_waits(conn, thread_id, waits):
                await _begin_wait(conn, case_id, case["requester"], wait, policy)
            await threads.settle(conn, {**thread, "state": "waiting"})
        case Ended(outcome, reason):
            await lifecycle.end(conn, case_id, thread_id, outcome, log.WORKER, {"reason": reason})


async def _begin_wait(conn: Conn, case_id: str, requester: str, wait: Wait, policy: Policy) -> None:
    match wait.kind:
        case "approval":
            proposal = await get_proposal(conn, wait.ref or "")
            await cases.update(conn, case_id, phase="AWAITING_APPROVAL")
            await open_approval(
                conn,
                proposal,
                interrupt_id=wait.interrupt_id,
                tier=Tier(proposal["tier"]),
                requester=requester,
                policy=policy,
            )
        case "external":
            await work.insert_in(
                conn,
                "deadline",
                case_id=case_id,
                seconds=wait.payload["timeout_minutes"] * 60,
                payload={"what": "external_timeout", "ref": wait.interrupt_id},
            )
        case "task" | "effect":
            return


async def fail(conn: Conn, item: Row, error: str) -> None:
    """A run that cannot succeed: item dead, thread and case failed, a supervisor told, in one transaction."""
    case_id = str(item["case_id"])
    thread = await threads.lock(conn, str(item["thread_id"]))
    await work.kill(conn, str(item["id"]), error)
    if thread["state"] == "ended":
        return
    await lifecycle.end(conn, case_id, str(thread["id"]), "failed", log.WORKER, {"error": error})
    await lifecycle.tell_supervisor(
        conn, case_id, source=str(item["id"]), text=f"The case failed: {error}. Find the cause, then reopen it."
    )


async def finish_cancelled(conn: Conn, item: Row) -> None:
    """The run was stopped because somebody asked: item, thread and case end together."""
    row = await work.lock(conn, str(item["id"]), item["epoch"])
    thread = await threads.lock(conn, str(item["thread_id"]))
    await work.finish(conn, str(item["id"]), item["epoch"], status="cancelled")
    await lifecycle.end(
        conn,
        str(item["case_id"]),
        str(thread["id"]),
        row["cancel"] or "cancelled",
        log.WORKER,
        {"reason": "stopped while running"},
    )
