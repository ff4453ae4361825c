"""A line chart as SVG, for what changes step by step: bounds of rows, lags. It suits light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 184, 48, 60
LINE_HEIGHT = 15
MOST_TICKS = 6

_STYLE = """<style>
svg { --ground: #fff; --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; --hue0: #0969da; --hue1: #bc4c00 }
@media (prefers-color-scheme: dark) {
svg { --ground: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --grid: #3d444d; --hue0: #4493f8; --hue1: #f0883e }
}
text { fill: var(--ink); font: 12px system-ui, sans-serif }
text { paint-order: stroke; stroke: var(--ground); stroke-width: 4px; stroke-linejoin: round }
text.faint { fill: var(--faint) }
polyline { fill: none; stroke-width: 2.5; stroke-linejoin: round }
</style>"""


class Line(NamedTuple):
    """A value for each step. Lines of one `hue`, 0 or 1, belong together; `dashed` sets them apart."""

    name: str
    values: Sequence[float]
    hue: int = 0
    dashed: bool = False


def line_chart(title: str, steps: Sequence[str], lines: Sequence[Line], *, across: str, up: str) -> str:
    """A point for each of the steps, which stand at equal distances; `across` and `up` name the axes, with
    their units. The axis of values begins at 0; each line has its name and its values beside it."""
    return "\n".join([*_Chart(steps, lines).drawn(title, across, up), ""])


def ticks(highest: float) -> list[float]:
    """Round numbers from 0 to the first that is not below `highest`: 1, 2 or 5 times a power of ten apart."""
    if highest <= 0:
        return [0.0, 1.0]
    size = 10.0 ** math.floor(math.log10(highest / MOST_TICKS))
    apart = next(size * one for one in (1, 2, 5, 10) if highest <= size * one * MOST_TICKS)
    return [apart * number for number in range(math.ceil(highest / apart) + 1)]


class _Chart:
    def __init__(self, steps: Sequence[str], lines: Sequence[Line]) -> None:
        self._steps, self._lines = steps, lines
        self._ticks = ticks(max((value for line in lines for value in line.values), default=0.0))

    def drawn(self, title: str, across: str, up: str) -> Iterator[str]:
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            f'aria-label="{escape(title)}">'
        )
        yield _STYLE
        yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="var(--ground)"/>'
        yield f'<text x="{LEFT}" y="26" style="font-size: 14px; font-weight: 600">{escape(title)}</text>'
        yield from self._axes(across, up)
        for line in self._lines:
            yield from self._line(line)
        yield from self._values()
        yield from self._names()
        yield "</svg>"

    def _x(self, at: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (at + 0.5) / len(self._steps)

    def _y(self, value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self._ticks[-1])

    def _axes(self, across: str, up: str) -> Iterator[str]:
        wide, middle = WIDTH - LEFT - RIGHT, (TOP + HEIGHT - BOTTOM) / 2
        for value in self._ticks:
            y = self._y(value)
            yield f'<path d="M{LEFT} {y:.1f}h{wide}" stroke="var(--grid)"/>'
            yield f'<text class="faint" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
        for at, step in enumerate(self._steps):
            x = self._x(at)
            yield f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="var(--faint)"/>'
            yield (
                f'<text class="faint" x="{x:.1f}" y="{HEIGHT - BOTTOM + 19}" '
                f'text-anchor="middle">{escape(step)}</text>'
            )
        yield f'<text x="{LEFT + wide / 2}" y="{HEIGHT - 16}" text-anchor="middle">{escape(across)}</text>'
        yield f'<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'

    def _line(self, line: Line) -> Iterator[str]:
        color = f"var(--hue{line.hue})"
        points = " ".join(f"{self._x(at):.1f},{self._y(value):.1f}" for at, value in enumerate(line.values))
        dashes = ' stroke-dasharray="6 4"' if line.dashed else ""
        yield f'<polyline points="{points}" stroke="{color}"{dashes}/>'
        for at, value in enumerate(line.values):
            yield (
                f'<circle cx="{self._x(at):.1f}" cy="{self._y(value):.1f}" r="3.5" fill="{color}">'
                f"<title>{escape(line.name)}, {escape(self._steps[at])}: {value:.2f}</title></circle>"
            )

    def _values(self) -> Iterator[str]:
        """Above the points, as far as they do not cover each other."""
        for at in range(len(self._steps)):
            written: list[float] = []
            for value in sorted({line.values[at] for line in self._lines}, reverse=True):
                y = self._y(value) - 8
                if all(abs(y - other) >= LINE_HEIGHT for other in written):
                    written.append(y)
                    yield f'<text x="{self._x(at):.1f}" y="{y:.1f}" text-anchor="middle">{value:.1f}</text>'

    def _names(self) -> Iterator[str]:
        """Beside where the lines end, moved apart where they would cover each other."""
        lowest = -math.inf
        for line in sorted(self._lines, key=lambda line: -line.values[-1]):
            lowest = max(self._y(line.values[-1]) + 4, lowest + LINE_HEIGHT)
            yield (
                f'<text x="{self._x(len(self._steps) - 1) + 24:.1f}" y="{lowest:.1f}" '
                f'style="fill: var(--hue{line.hue})">{escape(line.name)}</text>'
            )
