"""What an answer costs on a node of one's own: the node's price by the tokens and cases it makes under a load.

An idle node costs as much as a busy one, so there is no one price of a token: there is a curve over the load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.inference.config import Price
from benchmarks.inference.results import Point

#: Model calls of one case: supervisor, triage, investigator twice, resolver, comms and critic, with the hand-overs.
CALLS_A_CASE = 12


@dataclass(frozen=True)
class Cost:
    """At one offered load, in USD."""

    requests_per_second: float
    per_million_tokens: float
    per_case: float


def curve(points: Sequence[Point], price: Price, *, nodes: int = 1) -> list[Cost]:
    """By requests answered a second; of the open loop only, since a closed one has no offered load."""
    opened = sorted((p for p in points if p.shape == "open"), key=lambda p: p.offered)
    return [_cost(point, price.usd_per_hour * nodes / 3600) for point in opened]


def _cost(point: Point, per_second: float) -> Cost:
    return Cost(
        requests_per_second=point.requests_per_second,
        per_million_tokens=per_second / point.output_tokens_per_second * 1e6,
        per_case=per_second / point.requests_per_second * CALLS_A_CASE,
    )
