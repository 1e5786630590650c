"""The nightly look at the model server: a few sums through the gateway that cases use, with their answers known."""

from __future__ import annotations

from pydantic import BaseModel

from workflow_orchestration.domain.jobs import ModelBenchmark
from workflow_orchestration.llm.contract import Answer, ModelUnavailable, Question
from workflow_orchestration.store.db import Row
from workflow_orchestration.workflows.common.context import Execution
from workflow_orchestration.workflows.job.found import Found

_INSTRUCTIONS = "Add the two numbers. Answer with their sum alone."
#: Two-digit sums: small enough for any model, so that a wrong one says that the server is ill and not that it is small.
_SUMS = ((12, 30), (25, 17), (41, 8), (63, 19), (34, 52))


class Sum(BaseModel):
    sum: int


async def measure(execution: Execution, case: Row, job: ModelBenchmark) -> Found:
    if execution.context.agents.gateway is None:
        return Found({"model": None, "asked": 0})
    answers = [await _ask(execution, case, n) for n in range(len(_SUMS))]
    return judged(answers, most_seconds=job.most_seconds)


async def _ask(execution: Execution, case: Row, n: int) -> Answer[Sum] | str:
    """The answer, or why there is none."""
    left, right = _SUMS[n]
    question = Question(
        agent="benchmark",
        case_id=str(case["id"]),
        desk=case["desk"],
        instructions=_INSTRUCTIONS,
        facts=f"{left} + {right}",
        answer=Sum,
    )
    try:
        return await execution.ask(question, n=n)
    except ModelUnavailable as error:
        return str(error)


def judged(answers: list[Answer[Sum] | str], *, most_seconds: int) -> Found:
    """Figures of all answers; a task where one is missing, wrong or slow."""
    given = [(n, a) for n, a in enumerate(answers) if isinstance(a, Answer)]
    right = sum(answer.value.sum == sum(_SUMS[n]) for n, answer in given)
    seconds = sorted(float(answer.run.seconds) for _, answer in given)
    failures = [a for a in answers if isinstance(a, str)]
    result = {
        "model": given[0][1].run.model if given else None,
        "asked": len(answers),
        "answered": len(given),
        "right": right,
        # text: canonical form has no floats
        "slowest_seconds": f"{seconds[-1]:.2f}" if seconds else None,
        "failures": failures,
    }
    if right == len(answers) and seconds[-1] <= most_seconds:
        return Found(result)
    slow = f", slowest {seconds[-1]:.1f} s where {most_seconds} s are allowed" if seconds else ""
    why = f": {failures[0]}" if failures else ""
    return Found(
        result, task=f"The model answered {len(given)} of {len(answers)} questions, {right} rightly{slow}{why}",
        role="ops_supervisor",
    )  # fmt: skip
