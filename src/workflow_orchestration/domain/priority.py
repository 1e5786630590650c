"""Which case first: `40*urgency + 30*exposure + 20*penalty + 10*age`, each part between 0 and 1."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from workflow_orchestration.domain.records import Record

#: A cut-off further away than this many minutes gives no urgency.
_URGENT_MINUTES = Decimal(480)
#: EUR 10^9 gives full exposure, EUR 10^5 a day full penalty, ten business days full age.
_EXPOSURE_DIGITS = Decimal(9)
_PENALTY_DIGITS = Decimal(5)
_OLD_DAYS = Decimal(10)
_BANDS = ((Decimal(70), "P1"), (Decimal(50), "P2"), (Decimal(30), "P3"))


class Priority(Record):
    #: 0 to 100, one decimal, as text.
    score: str
    #: P1 (first) to P4.
    band: str
    #: Points that each part gave, as text: why this case stands where it stands.
    factors: dict[str, str]


def priority(
    *, minutes_to_cutoff: int | None, exposure_eur: Decimal | None, penalty_eur: Decimal | None, days_open: int
) -> Priority:
    """Rank a case. Past the cut-off (negative minutes) urgency is full; None (no cut-off known) gives none."""
    parts = {
        "urgency": 40 * _urgency(minutes_to_cutoff),
        "exposure": 30 * _clamp(max(Decimal(1), exposure_eur or Decimal(0)).log10() / _EXPOSURE_DIGITS),
        "penalty": 20 * _clamp((1 + max(Decimal(0), penalty_eur or Decimal(0))).log10() / _PENALTY_DIGITS),
        "age": 10 * _clamp(days_open / _OLD_DAYS),
    }
    score = _tenth(sum(parts.values(), Decimal(0)))
    band = next((name for floor, name in _BANDS if score >= floor), "P4")
    return Priority(score=str(score), band=band, factors={k: str(_tenth(v)) for k, v in parts.items()})


def _urgency(minutes: int | None) -> Decimal:
    return Decimal(0) if minutes is None else _clamp(1 - minutes / _URGENT_MINUTES)


def _clamp(value: Decimal) -> Decimal:
    return min(Decimal(1), max(Decimal(0), value))


def _tenth(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP)
