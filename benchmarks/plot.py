"""Bars as SVG: a page of numbers needs no plotting library."""

from __future__ import annotations

from xml.sax.saxutils import escape

_ROW, _LEFT, _WIDTH, _ROOM = 28, 230, 360, 90


def bars(title: str, values: dict[str, float]) -> str:
    """One horizontal bar a name, each with its number, under a title."""
    top = max(values.values(), default=0) or 1
    height = 34 + _ROW * len(values)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + _ROOM}" height="{height}" '
        f'font-family="sans-serif" font-size="13" role="img" aria-label="{escape(title)}">',
        f'<rect width="100%" height="100%" fill="white"/><text x="8" y="20" font-weight="bold">{escape(title)}</text>',
    ]
    for n, (name, value) in enumerate(values.items()):
        y, length = 32 + n * _ROW, max(1, round(_WIDTH * value / top))
        lines += [
            f'<text x="{_LEFT - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LEFT}" y="{y}" width="{length}" height="20" fill="#2b6cb0"/>',
            f'<text x="{_LEFT + length + 6}" y="{y + 15}">{value:g}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])
