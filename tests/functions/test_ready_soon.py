"""A recommender that is not ready yet holds nobody up."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from evermail.serving import NothingToShow, Recommender, Source
from functions.ready_soon import ReadySoon
from tests.functions.fakes import FakeRecommender, item

LONG = 30.0
ASKED = {"slots": 2, "campaign": "may", "prefetch": False}


class Making:
    """Makes a recommender once it may, and counts."""

    def __init__(self, *, at_once: bool = False, errors: int = 0) -> None:
        self.may = threading.Event()
        self.times = 0
        self._errors = errors
        if at_once:
            self.may.set()

    def __call__(self) -> Recommender:
        assert self.may.wait(LONG), "nobody let it"
        self.times += 1
        if self.times <= self._errors:
            raise ZeroDivisionError("once")
        return cast(Recommender, FakeRecommender())


def test_what_is_ready_answers() -> None:
    making = Making(at_once=True)
    soon = ReadySoon(making, patience_s=LONG)
    assert [one.item_id for one in soon.recommend("ann", **ASKED).items] == ["SKU0", "SKU1"]
    soon.recommend("ann", **ASKED)
    assert making.times == 1


def test_until_then_there_is_the_last_resort() -> None:
    making = Making()
    soon = ReadySoon(making, [item("L"), item("M"), item("N")], patience_s=0.0)
    for answer in (soon.recommend("ann", **ASKED), soon.popular(slots=2, category="")):
        assert [one.item_id for one in answer.items] == ["L", "M"]
        assert (answer.source, answer.to_store) == (Source.STATIC, [])
    assert soon.follow("ann", campaign="may", slot=1, item_id="") is None
    making.may.set()
    soon.start().result(LONG)
    assert soon.recommend("ann", **ASKED).source is Source.PERSONAL
    assert making.times == 1


def test_without_a_last_resort_there_is_nothing_to_show_yet() -> None:
    making = Making()
    soon = ReadySoon(making, patience_s=0.0)
    with pytest.raises(NothingToShow):
        soon.recommend("ann", **ASKED)
    making.may.set()


def test_it_is_begun_once_however_many_ask() -> None:
    making = Making()
    soon = ReadySoon(making, [item("L")], patience_s=0.0)
    assert len({id(soon.start()) for _ in range(10)}) == 1
    making.may.set()
    soon.start().result(LONG)
    assert making.times == 1


def test_what_goes_wrong_is_told_and_tried_again() -> None:
    making = Making(at_once=True, errors=1)
    soon = ReadySoon(making, [item("L")], patience_s=LONG)
    with pytest.raises(ZeroDivisionError):
        soon.recommend("ann", **ASKED)
    assert soon.recommend("ann", **ASKED).source is Source.PERSONAL


def test_a_time_limit_within_is_no_reason_to_say_not_yet() -> None:
    def make() -> Recommender:
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError):
        ReadySoon(make, [item("L")], patience_s=LONG).recommend("ann", **ASKED)
