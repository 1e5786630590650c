"""Scheduled jobs: what a scheduler may ask code to do on time, as the input of a case of workflow `job`.

The input is checked when the case is asked for, so that a typing error is told to the scheduler and not to a worker.
To add a job: a model here, a function in workflows/job.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workflow_orchestration.domain.errors import InvalidRequest

#: Days of checkpoints that no scheduler may ask to remove.
_SHORTEST_RETENTION = 30


def _month(value: str) -> str:
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", value):
        raise ValueError("must be a month as YYYY-MM")
    return value


class Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Incident(Input):
    """Something outside the platform went wrong: a person of operations looks at it."""

    job: Literal["incident"]
    about: str = Field(min_length=1, max_length=1000)


class Sweep(Input):
    """Find what should have moved by now and has no case: a case for each group of exceptions."""

    job: Literal["sweep"]
    #: Key of the `market` row whose calendar counts.
    market: str = Field(min_length=1, max_length=40)
    #: T-1: the evening before, about what settles on the next business day. SD: in the morning of the day itself.
    moment: Literal["T-1", "SD"]
    #: The market's local date at which the sweep is made.
    day: date


class PenaltyReport(Input):
    """What the fails of a month cost by our own figures, for comparison with the depository's."""

    job: Literal["penalty_report"]
    month: Annotated[str, AfterValidator(_month)]


class Retention(Input):
    """Remove the machinery of threads that ended long ago, and say what is left to remove."""

    job: Literal["retention"]
    days: int = Field(ge=_SHORTEST_RETENTION)


class ModelBenchmark(Input):
    """Ask the model a few questions whose answers are known: does it answer, rightly, and how fast?"""

    job: Literal["model_benchmark"]
    #: Seconds an answer may take before a person looks.
    most_seconds: int = Field(gt=0, le=300)


Job = Annotated[Incident | Sweep | PenaltyReport | Retention | ModelBenchmark, Field(discriminator="job")]
_ADAPTER: TypeAdapter[Job] = TypeAdapter(Job)
NAMES = ("incident", "model_benchmark", "penalty_report", "retention", "sweep")


def parse(given: dict[str, Any]) -> Job:
    """The job of a case's input; InvalidRequest names each field that is wrong."""
    try:
        return _ADAPTER.validate_python(given)
    except ValidationError as error:
        errors = [
            {"field": ".".join(["input", *map(str, e["loc"])]), "cause": e["msg"]}
            for e in error.errors(include_url=False)
        ]
        raise InvalidRequest(
            "; ".join(f"{e['field']}: {e['cause']}" for e in errors),
            fix=f"A job is one of: {', '.join(NAMES)}; domain/jobs.py has the fields of each.",
            errors=errors,
        ) from None
