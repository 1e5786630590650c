"""From what GuideLLM measured to one point of the report. Errors are counted, and every number keeps its sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from random import Random
from statistics import fmean
from typing import Any

from benchmarks.inference.config import Limits

#: Below this many samples a p99 is the slowest request and little more.
ENOUGH_FOR_P99 = 1000
#: A client that is later than this, as a part of the p95 latency, measures itself.
LATE_CLIENT = 0.01
_RESAMPLED = 500


@dataclass(frozen=True)
class Request:
    """One answered request. Times in milliseconds; `scheduled` counts from when it was meant to leave."""

    first_token: float
    #: For each token after the first.
    output_token: float
    latency: float
    scheduled: float
    late: float
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True)
class Spread:
    """Mean with its 95 % interval (bootstrap), and percentiles; milliseconds."""

    mean: float
    low: float
    high: float
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Point:
    """One backend under one load."""

    backend: str
    workload: str
    #: "closed": `offered` requests at once; "open": `offered` requests a second.
    shape: str
    offered: float
    seconds: float
    answered: int
    #: Refused, failed, or not whole.
    errors: int
    #: Begun, and cut off: by the clock that ends a closed loop, or because an open one was given up.
    unfinished: int
    first_token: Spread
    output_token: Spread
    latency: Spread
    scheduled: Spread
    #: Mean tokens of a prompt and of an answer, as the server counted them.
    tokens_in: float
    tokens_out: float
    requests_per_second: float
    output_tokens_per_second: float
    #: Requests a second that kept both limits.
    goodput: float
    late_client: bool
    server: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def requests(measured: Mapping[str, Any]) -> list[Request]:
    return [_request(found) for found in measured["requests"]["successful"]]


def point(
    measured: Sequence[Mapping[str, Any]],
    *,
    backend: str,
    workload: str,
    shape: str,
    offered: float,
    limits: Limits,
    server: Mapping[str, float],
) -> Point:
    """All repeats of one load together."""
    answered = [request for one in measured for request in requests(one)]
    if not answered:
        raise ValueError(f"{backend} answered nothing under {offered:g} of {workload} ({shape}); see its log")
    totals = [one["metrics"]["request_totals"] for one in measured]
    seconds = sum(one["duration"] for one in measured)
    good = sum(r.first_token <= limits.first_token_ms and r.output_token <= limits.output_token_ms for r in answered)
    return Point(
        backend=backend,
        workload=workload,
        shape=shape,
        offered=offered,
        seconds=seconds,
        answered=len(answered),
        errors=sum(total["errored"] for total in totals),
        unfinished=sum(total["incomplete"] for total in totals),
        first_token=spread(r.first_token for r in answered),
        output_token=spread(r.output_token for r in answered),
        latency=spread(r.latency for r in answered),
        scheduled=spread(r.scheduled for r in answered),
        tokens_in=fmean(r.tokens_in for r in answered),
        tokens_out=fmean(r.tokens_out for r in answered),
        requests_per_second=len(answered) / seconds,
        output_tokens_per_second=sum(r.tokens_out for r in answered) / seconds,
        goodput=good / seconds,
        late_client=shape == "open" and _is_late(answered),
        server=server,
    )


def spread(values: Iterable[float]) -> Spread:
    ordered = sorted(values)
    random = Random(0)  # noqa: S311 - the same interval from the same sample
    means = sorted(fmean(random.choices(ordered, k=len(ordered))) for _ in range(_RESAMPLED))
    return Spread(
        mean=fmean(ordered),
        low=percentile(means, 2.5),
        high=percentile(means, 97.5),
        p50=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
    )


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` per cent of them do not exceed."""
    rank = -(-len(ordered) * part // 100)
    return ordered[max(0, int(rank) - 1)]


def _is_late(answered: Sequence[Request]) -> bool:
    late = percentile(sorted(r.late for r in answered), 95)
    return late > LATE_CLIENT * percentile(sorted(r.scheduled for r in answered), 95)


def _request(found: Mapping[str, Any]) -> Request:
    return Request(
        first_token=found["time_to_first_token_ms"] or 0.0,
        output_token=found["inter_token_latency_ms"] or 0.0,
        latency=found["request_latency"] * 1000,
        scheduled=found["request_scheduled_latency"] * 1000,
        late=found["request_dispatch_delay"] * 1000,
        tokens_in=found["prompt_tokens"] or 0,
        tokens_out=found["output_tokens"] or 0,
    )
