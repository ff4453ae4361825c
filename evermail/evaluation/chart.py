"""A line chart as SVG, for what changes step by step: bounds of rows, lags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 168, 40, 44
COLORS = ("#1f6feb", "#d1480f", "#1a7f37", "#8250df", "#9a6700", "#cf222e")
"""Different in lightness as well."""


def line_chart(title: str, steps: Sequence[str], lines: Mapping[str, Sequence[float]]) -> str:
    """One line for each name, a point for each of the steps, which stand at equal distances. The axis of
    values begins at 0."""
    highest = max([0.0, *(value for values in lines.values() for value in values)]) or 1.0
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(at: int) -> float:
        return LEFT + wide * (at + 0.5) / len(steps)

    def y(value: float) -> float:
        return TOP + high * (1 - value / (1.1 * highest))

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="14">{escape(title)}</text>',
    ]
    for part in range(5):
        value = highest * part / 4
        drawn.append(f'<path d="M{LEFT} {y(value):.1f}h{wide}" stroke="#d0d7de"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.1f}</text>')
    for at, step in enumerate(steps):
        drawn.append(f'<text x="{x(at):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{escape(step)}</text>')
    for number, (name, values) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(values))
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
        drawn += [
            f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="3.5" fill="{color}">'
            f"<title>{escape(name)}, {escape(steps[at])}: {value:.2f}</title></circle>"
            for at, value in enumerate(values)
        ]
        height = TOP + 18 * number
        drawn.append(f'<path d="M{WIDTH - RIGHT + 12} {height}h18" stroke="{color}" stroke-width="3"/>')
        drawn.append(f'<text x="{WIDTH - RIGHT + 36}" y="{height + 4}">{escape(name)}</text>')
    return "\n".join([*drawn, "</svg>", ""])
