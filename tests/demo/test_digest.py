"""Documents of the same events are the same, whatever the time of day at which they were published."""

from __future__ import annotations

import pytest

from demo import digest
from evermail import clock, repeats
from evermail.documents import Neighbor, Neighbors
from evermail.interest import HALF_LIFE_US

EARLY, LATE = 10 * clock.DAY + clock.MINUTE, 11 * clock.DAY + 50 * clock.MINUTE
"""Two starts of a run, in microseconds."""


def row(item_id: str, as_of: int, weight: float = 2.0) -> Neighbors:
    return Neighbors(
        id=item_id, version=1, updated_at=1, as_of=as_of, total=weight, neighbors=[Neighbor("B", weight)]
    )


def test_a_row_is_as_of_the_start_of_its_run() -> None:
    found = [digest.canonical(row("A", start + 5), start) for start in (EARLY, LATE)]
    assert found[0] == found[1]
    assert found[0] != digest.canonical(row("A", EARLY + 6), EARLY)


def test_where_in_an_hour_a_run_began_does_not_show() -> None:
    fading = 2.0 ** (-clock.HOUR / HALF_LIFE_US)
    before, across = row(repeats.ROW_ID, EARLY), row(repeats.ROW_ID, EARLY + clock.HOUR, 2.0 * fading)
    assert digest.canonical(before, EARLY) == digest.canonical(across, LATE)


@pytest.mark.parametrize("item_id", ["A", repeats.ROW_ID])
def test_another_weight_is_another_document(item_id: str) -> None:
    one, other = (digest.canonical(row(item_id, EARLY, weight), EARLY) for weight in (1.0, 2.0))
    assert one != other
