"""The mixture that a proof is played with: mostly honest, and every way of going wrong often enough to count."""

MIXTURE: dict[str, float] = {
    "honest": 66.0,
    "obeys-injection": 8.0,
    "lies-about-amounts": 4.0,
    "invents-accounts": 5.0,
    "cites-nothing": 3.0,
    "picks-forbidden": 8.0,
    "objects": 2.0,
    "repeats": 1.0,
    "digresses": 1.0,
    "truncates": 0.4,
    "truncates-silently": 0.6,
    "ignores-schema": 1.0,
    "aborts": 0.4,
    "overloaded": 0.5,
    "stalls": 0.1,
}
#: Of a hundred talks, so many never come to the point.
MOODS: dict[str, float] = {"digresses": 4.5}
