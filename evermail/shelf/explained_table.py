"""Explained items as lines of text: as wide as the terminal, or one line an item where there is none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from evermail.shelf.explanation import Explained

GAP = "  "
LONGEST = {"item": 24, "title": 40, "category": 20}
"""Longer ones are cut, everywhere: JSON has all of them."""

LEAST_TEXT = 12
LEAST_WHY = 40
"""Where less is left beside the columns, longer reasons stand on lines of their own."""

_FIGURES = ("slot", "score", "boost", "rel.", "sim.")


def lines(items: Sequence[Explained], first: str, width: int | None) -> Iterator[str]:
    """A table of items, which are one at least, with the slot or what it is out for `first`. No line is
    wider than a terminal of `width` columns, if that has 70."""
    columns = _columns(items, first)
    if width is not None:
        _fit(columns, width)
    widths = {name: _wide((name, cells)) for name, cells in columns.items()}
    left = sum(widths.values()) + len(GAP) * len(widths)
    longest = max(cell_len(_plain(one.why)) for one in items)
    beside = width is None or width - left >= min(longest, LEAST_WHY)
    indent = left if beside else widths[first] + len(GAP)
    yield _row(widths, {name: name for name in columns}, "why" if beside else "").rstrip()
    for place, one in enumerate(items):
        why = _plain(one.why)
        told = textwrap.wrap(why, max(LEAST_WHY, width - indent)) if width is not None else [why]
        first_line = told.pop(0) if beside and told else ""
        yield _row(widths, {name: cells[place] for name, cells in columns.items()}, first_line).rstrip()
        yield from (" " * indent + line for line in told)


def _columns(items: Sequence[Explained], first: str) -> dict[str, list[str]]:
    """The cells of each column but the last, by its name; figures that no item has are left out."""
    columns = {
        first: [str(one.slot) if one.slot is not None else one.code for one in items],
        "item": [one.item_id for one in items],
        "title": [one.title or "" for one in items],
        "category": [one.category or "" for one in items],
        "from": [one.source for one in items],
        "score": [_figure(one.score) for one in items],
        "boost": [f"x{one.boost:g}" if one.boost != 1.0 else "" for one in items],
        "rel.": [_figure(one.relevance) for one in items],
        "sim.": [_figure(one.similarity) for one in items],
    }
    for name, most in LONGEST.items():
        columns[name] = [_cut(_plain(cell), most) for cell in columns[name]]
    return {name: cells for name, cells in columns.items() if name not in _FIGURES or {*cells} - {"", "0"}}


def _fit(columns: dict[str, list[str]], width: int) -> None:
    """Cuts the longest of the texts until there is room, and does without the rankings' names if need be."""
    while (over := len(GAP) * (len(columns) - 1) + sum(map(_wide, columns.items())) - width) > 0:
        longest = max(LONGEST, key=lambda name: _wide((name, columns[name])))
        most = _wide((longest, columns[longest]))
        if most <= LEAST_TEXT:
            if columns.pop("from", None) is None:
                return
        else:
            columns[longest] = [_cut(cell, max(LEAST_TEXT, most - over)) for cell in columns[longest]]


def _wide(column: tuple[str, list[str]]) -> int:
    return max(map(cell_len, [column[0], *column[1]]))


def _row(widths: dict[str, int], cells: dict[str, str], why: str) -> str:
    padded = []
    for name, wide in widths.items():
        space = " " * (wide - cell_len(cells[name]))
        padded.append(space + cells[name] if name in _FIGURES else cells[name] + space)
    return GAP.join([*padded, why])


def _cut(text: str, most: int) -> str:
    return text if cell_len(text) <= most else set_cell_size(text, most - 1).rstrip() + "…"


def _plain(text: str) -> str:
    """Without what would move the cursor: catalogs hold anything."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
