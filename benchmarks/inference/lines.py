"""A line chart as SVG: a report of numbers needs no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 300, 64, 34, 210, 44
_COLOURS = ("#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568")
Curve = Sequence[tuple[float, float]]


def lines(title: str, curves: Mapping[str, Curve], *, x: str, y: str) -> str:
    """One line a name over a common x, both axes from zero."""
    points = [point for curve in curves.values() for point in curve]
    most_x, most_y = max((p[0] for p in points), default=0) or 1, max((p[1] for p in points), default=0) or 1
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(point: tuple[float, float]) -> str:
        return f"{_LEFT + point[0] / most_x * width:.1f},{_TOP + height - point[1] / most_y * height:.1f}"

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="8" y="20" font-size="13" font-weight="bold">{escape(title)}</text>',
        f'<path d="M{_LEFT},{_TOP}V{_TOP + height}H{_LEFT + width}" fill="none" stroke="#4a5568"/>',
        f'<text x="{_LEFT - 6}" y="{_TOP + 4}" text-anchor="end">{most_y:.3g}</text>',
        f'<text x="{_LEFT - 6}" y="{_TOP + height}" text-anchor="end">0</text>',
        f'<text x="{_LEFT + width}" y="{_TOP + height + 16}" text-anchor="end">{most_x:.3g}</text>',
        f'<text x="{_LEFT + width / 2:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{escape(x)}</text>',
        f'<text x="14" y="{_TOP + height / 2:.0f}" text-anchor="middle" '
        f'transform="rotate(-90 14 {_TOP + height / 2:.0f})">{escape(y)}</text>',
    ]
    for n, (name, curve) in enumerate(curves.items()):
        colour, row = _COLOURS[n % len(_COLOURS)], _TOP + 8 + 18 * n
        path = " ".join(place(point) for point in curve)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for point in curve:
            at_x, at_y = place(point).split(",")
            drawn.append(f'<circle cx="{at_x}" cy="{at_y}" r="3" fill="{colour}"/>')
        drawn.append(f'<rect x="{_LEFT + width + 14}" y="{row - 9}" width="10" height="10" fill="{colour}"/>')
        drawn.append(f'<text x="{_LEFT + width + 30}" y="{row}">{escape(name)}</text>')
    return "\n".join([*drawn, "</svg>", ""])
