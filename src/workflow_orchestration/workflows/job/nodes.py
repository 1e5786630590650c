"""Nodes of scheduled jobs. A job is one function: it looks, writes what it found, and says what a person must see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from workflow_orchestration.domain import jobs
from workflow_orchestration.domain.canonical import plain
from workflow_orchestration.store import cases, retention, sweeps, tasks
from workflow_orchestration.store.db import Row
from workflow_orchestration.workflows.common import gate
from workflow_orchestration.workflows.common.context import Execution, Node, asking, node
from workflow_orchestration.workflows.job import model_benchmark, penalty_report, sweep
from workflow_orchestration.workflows.job.found import Found
from workflow_orchestration.workflows.job.state import JobProgress, State

Update = dict[str, Any]
#: Batches of threads that one job removes; what is left is said, and the worker's own pruner goes on.
_MOST_BATCHES = 10


@asking(State)
async def work(state: State, execution: Execution) -> Update:
    """Do the job; where it found something, open the task of the person who looks at it."""
    case = await execution.read(lambda conn: cases.get(conn, execution.context.case_id))
    job = jobs.parse(case["input"])
    # a model takes seconds: it is asked before the transaction that writes what came of it
    measured = await model_benchmark.measure(execution, case, job) if isinstance(job, jobs.ModelBenchmark) else None

    async def write(node: Node) -> Update:
        found = measured or await _JOBS[job.job](node, case, job)
        task_id = await _ask(node, job.job, found) if found.task else None
        await node.change_case(
            "job.done",
            {"job": job.job, "result": plain(found.result), "task_id": task_id},
            phase="INVESTIGATING",
            findings=plain({"job": found.result}),
        )
        return {"progress": JobProgress(waits_for=task_id)}

    return await execution.write(write)


async def _ask(node: Node, job: str, found: Found) -> str:
    task = await tasks.put(
        node.conn,
        case_id=node.context.case_id,
        thread_id=node.context.thread_id,
        source=node.key("task"),
        step="task",
        kind=job,
        role=found.role,
        text=found.task or "",
    )
    return str(task["id"])


def wait_task(state: State) -> Update:
    progress = state["progress"]
    gate.pause("task", ref=progress.waits_for or "", seen_seq=0)
    return {"progress": progress}


@node(State)
async def close(state: State, node: Node) -> Update:
    reason = "a person has looked at it" if state["progress"].waits_for else "done"
    await node.change_case("case.closing", {"outcome": "resolved", "reason": reason}, phase="RESOLVED")
    return {"progress": JobProgress(waits_for=state["progress"].waits_for, outcome="resolved", reason=reason)}


# -- the jobs ---------------------------------------------------------------------------------------------------------


async def _incident(node: Node, case: Row, job: jobs.Incident) -> Found:
    return Found({"about": job.about}, task=job.about)


async def _retention(node: Node, case: Row, job: jobs.Retention) -> Found:
    removed = 0
    for _ in range(_MOST_BATCHES):
        batch = await retention.prune(node.conn, days=job.days)
        removed += batch
        if not batch:
            break
    left = await sweeps.left_to_prune(node.conn, days=job.days)
    return Found({"removed": removed, "left": left})


_JOBS: dict[str, Callable[[Node, Row, Any], Awaitable[Found]]] = {
    "incident": _incident,
    "sweep": sweep.run,
    "penalty_report": penalty_report.run,
    "retention": _retention,
}
