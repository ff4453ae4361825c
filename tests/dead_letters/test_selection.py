"""Which letters are meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest
from letters_support import NOW, in_the_clear, sealed

from evermail.clock import DAY, HOUR, MINUTE, SECOND
from evermail.dead_letters.letter import Letter
from evermail.dead_letters.selection import Selection, parse_moment, select
from evermail.dead_letters.sources import Taken
from evermail.events import Code

LETTER = in_the_clear()


class Shelf:
    """A source of letters in the order given; says how many were taken."""

    name, keeps, strangers = "a shelf", "", 0

    def __init__(self, *letters: Letter) -> None:
        self._letters = letters
        self.taken = 0

    def letters(self) -> Iterator[Taken]:
        for number, letter in enumerate(self._letters):
            self.taken += 1
            yield Taken(letter, str(number))

    def acknowledge(self, handles: Sequence[str]) -> None: ...

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(codes=frozenset({"late", "empty_payload"})),
        Selection(stages=frozenset({"shoppers"})),
        Selection(ids=(LETTER.id,)),
        Selection(ids=("?", LETTER.id[:3])),
        Selection(since_us=NOW),
        Selection(until_us=NOW + 1),
        Selection(frozenset({"late"}), frozenset({"shoppers"}), (LETTER.id,), NOW, NOW + 1),
    ],
)
def test_a_letter_is_meant_if_all_that_is_said_fits(selection: Selection) -> None:
    assert selection.takes(LETTER)


@pytest.mark.parametrize(
    "selection",
    [
        Selection(codes=frozenset({"wrong_type"})),
        Selection(stages=frozenset({"decode"})),
        Selection(ids=(LETTER.id + "x",)),
        Selection(since_us=NOW + 1),
        Selection(until_us=NOW),
        Selection(frozenset({"late"}), frozenset({"decode"})),
    ],
)
def test_and_not_if_one_thing_does_not(selection: Selection) -> None:
    assert not selection.takes(LETTER)


def test_one_letter_in_two_messages_is_found_once_with_both() -> None:
    again = msgspec.structs.replace(LETTER, first_seen=NOW + 5)
    found = list(select(Shelf(LETTER, sealed(), again), Selection()))
    assert [one.letter.id for one in found] == [LETTER.id, sealed().id]
    assert [one.handles for one in found] == [["0", "2"], ["1"]]


def test_no_more_are_read_than_are_wanted() -> None:
    letters = [in_the_clear(value=number) for number in range(5)]
    shelf = Shelf(*letters)
    assert [one.letter for one in select(shelf, Selection(), limit=2)] == letters[:2]
    assert shelf.taken == 3
    others = Shelf(sealed(), *letters)
    assert len(list(select(others, Selection(codes=frozenset({Code.LATE})), limit=2))) == 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-24T03:00:00Z", NOW),
        ("2026-11-24T04:00:00.5+01:00", NOW + SECOND // 2),
        ("0s", NOW),
        ("90s", NOW - 90 * SECOND),
        ("5m", NOW - 5 * MINUTE),
        ("2h", NOW - 2 * HOUR),
        ("7d", NOW - 7 * DAY),
    ],
)
def test_a_moment_is_a_time_or_how_long_ago(text: str, moment: int) -> None:
    assert parse_moment(text, NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-24", "2026-11-24T03:00:00", "2", "h", "-2h", "2h ago", "2w"]
)
def test_anything_else_is_told_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 2026-11-24T03:00:00Z, or 2h"):
        parse_moment(text, NOW)
