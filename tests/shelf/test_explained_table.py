"""Explained items fit a terminal, and are one line each where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from evermail.shelf.explained_table import lines
from evermail.shelf.explanation import Explained


def explained(item_id: str = "lamp-1", why: str = "You looked at this", **changes: Any) -> Explained:
    fields: dict[str, Any] = {"slot": 1, "title": "Lamp", "category": "Lighting", "score": 0.1}
    return Explained(item_id, "reminder", why, "personal", **{**fields, **changes})


LONG = explained(
    "a-very-long-id-of-an-item-in-the-feed",
    "Seen with a thing; boosted by rule 'A rule with quite a long name of its own', line 17",
    title="A table lamp of brass and oak with a shade of paper, made in the north",
    category="Lighting > Lamps > Table lamps",
    boost=1.5,
    relevance=0.917,
    similarity=0.224,
)


@pytest.mark.parametrize("width", [80, 100, 140, 300])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    told = list(lines([LONG, explained()], "slot", width))
    assert max(map(cell_len, told)) <= width
    whole = " ".join(" ".join(told).split())
    assert "boosted by rule" in whole
    assert "line 17" in whole


def test_a_reason_stands_beside_or_below_and_is_told_whole() -> None:
    assert len(list(lines([LONG], "slot", 300))) == 2
    head, row, *below = lines([LONG], "slot", 80)
    assert "why" not in head
    assert row.split()[0] == "1"
    assert " ".join(" ".join(below).split()) == LONG.why


def test_without_a_terminal_each_item_is_one_line() -> None:
    told = list(lines([LONG, explained()], "slot", None))
    assert len(told) == 3
    at = told[0].index("why")
    assert [line[at:] for line in told[1:]] == [LONG.why, "You looked at this"]
    assert "Lamp " in told[2]


def test_figures_that_no_item_has_are_left_out() -> None:
    [head, _] = lines([explained(similarity=0.0)], "slot", None)
    assert head.split() == ["slot", "item", "title", "category", "from", "score", "why"]
    [head, row] = lines([explained(slot=None, boost=2.0)], "out", None)
    assert head.split() == ["out", "item", "title", "category", "from", "score", "boost", "why"]
    assert row.startswith("reminder  lamp-1  Lamp")
    assert " x2 " in row


def test_what_would_move_the_cursor_is_not_printed() -> None:
    [_, row] = lines([explained(title="A\x1b[2J\r\nlamp")], "slot", None)
    assert "A [2J lamp" in row


texts = st.text(max_size=60)


@given(
    st.lists(st.builds(explained, texts, texts, title=texts, category=texts), min_size=1, max_size=4),
    st.integers(min_value=70, max_value=200),
)
def test_columns_align_whatever_a_catalog_holds(items: list[Explained], width: int) -> None:
    for wide in (width, None):
        told = list(lines(items, "slot", wide))
        assert all(line == line.rstrip() for line in told)
        scores = [line for line in told if "0.1" in line and line.startswith("   1  ")]
        ends = {cell_len(line[: line.index("0.1") + 3]) for line in scores if line.count("0.1") == 1}
        assert len(ends) <= 1
