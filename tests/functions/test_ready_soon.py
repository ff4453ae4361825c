"""A recommender that is not ready yet holds nobody up."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from evermail.serving import NothingToShow, Recommender, Source
from functions.background import PAUSE_S
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
    for click in ({"slot": 2, "item_id": ""}, {"slot": 0, "item_id": "M"}):
        followed = soon.follow("ann", campaign="may", **click)
        assert followed is not None
        assert (followed.item_id, followed.url) == ("M", item("M").url)
    assert soon.follow("ann", campaign="may", slot=9, item_id="") is None
    assert soon.follow("ann", campaign="may", slot=0, item_id="X") is None
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


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_cannot_be_made_is_tried_again_after_a_while(caplog: pytest.LogCaptureFixture) -> None:
    making, watch = Making(at_once=True, errors=1), Watch()
    soon = ReadySoon(making, [item("L")], patience_s=LONG, monotonic=watch)
    for _ in range(3):
        assert soon.recommend("ann", **ASKED).source is Source.STATIC
    assert making.times == 1
    assert caplog.text.count("recommendations cannot be made: once") == 1
    watch.now = PAUSE_S
    assert soon.recommend("ann", **ASKED).source is Source.PERSONAL


@pytest.mark.parametrize("error", [ZeroDivisionError, TimeoutError])
def test_without_a_last_resort_it_is_told_what_went_wrong(error: type[Exception]) -> None:
    def make() -> Recommender:
        raise error("of its own")

    with pytest.raises(error):
        ReadySoon(make, patience_s=LONG).recommend("ann", **ASKED)
