"""What an email shows is decided once, and a person's open is counted, whoever was quicker."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import msgspec
import pytest

from evermail import clock, impressions
from evermail.documents import Document, Impression, Neighbor, Product, Profile, Seen, Trending
from evermail.serving import DEADLINE_S, Answer, Recommender, Source
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import Recipient
from functions.decided import TRIES, Decider
from functions.logs import RequestLog
from functions.shown import Remembered, ShownWriter
from tests.functions.fakes import EXPOSURES, RECIPIENT, get, item

LOG = RequestLog("test", get({}))


class Shop:
    """Answers with what it has, the next one each time, and remembers with what comes next, too."""

    def __init__(self, answers: Sequence[str], remembered: Sequence[Remembered]) -> None:
        self.answers, self.remembered = list(answers), list(remembered)
        self.within: list[float | None] = []

    def recommend(
        self, shopper: str, *, slots: int, campaign: str, prefetch: bool, within_s: float | None
    ) -> Answer:
        self.within.append(within_s)
        return Answer([item(self.answers.pop(0))], Source.PERSONAL, to_store=[EXPOSURES])

    def remember(self, documents: Sequence[Document], *, within_s: float) -> Remembered:
        return self.remembered.pop(0)


def decided(shop: Shop, *seconds: float) -> str:
    times = iter([*seconds, *[max(seconds, default=0.0)] * 99])
    decider = Decider(lambda: shop, lambda: shop, monotonic=lambda: next(times))
    return decider.decide(RECIPIENT, LOG, slots=1, prefetch=False).items[0].item_id


def test_what_is_stored_first_is_shown() -> None:
    shop = Shop(["MINE", "THEIRS"], [Remembered.OVERTAKEN, Remembered.WRITTEN])
    assert decided(shop) == "THEIRS"
    assert shop.remembered == [], "the open is counted with theirs"


@pytest.mark.parametrize("remembered", [one for one in Remembered if one is not Remembered.OVERTAKEN])
def test_otherwise_the_answer_stands(remembered: Remembered) -> None:
    assert decided(Shop(["MINE"], [remembered])) == "MINE"


def test_it_is_asked_a_few_times_at_most() -> None:
    shop = Shop("ABCDEFG", [Remembered.OVERTAKEN] * 9)
    assert decided(shop) == "ABCDEFG"[TRIES]


def test_each_step_has_what_the_ones_before_have_left() -> None:
    shop = Shop("AB", [Remembered.OVERTAKEN, Remembered.WRITTEN])
    assert decided(shop, 10.0, 10.02, 10.03, 10.1, 10.1, 10.15, 10.15) == "B"
    assert shop.within == [pytest.approx(DEADLINE_S - 0.02), pytest.approx(DEADLINE_S - 0.15)]


def test_without_time_left_nothing_is_asked_again() -> None:
    assert decided(Shop("AB", [Remembered.OVERTAKEN] * 2), 10.0, 10.0, 10.1, 10.1, 10.0 + DEADLINE_S) == "A"


def test_nor_where_there_is_less_time_than_it_took() -> None:
    assert decided(Shop("AB", [Remembered.OVERTAKEN] * 2), 10.0, 10.0, 10.08, 10.1, 10.13) == "A"


def test_a_worse_answer_does_not_replace_a_better_one() -> None:
    class Slow(Shop):
        def recommend(self, *args: Any, **how: Any) -> Answer:
            answer = super().recommend(*args, **how)
            return (
                answer if len(self.within) == 1 else msgspec.structs.replace(answer, source=Source.TRENDING)
            )

    assert decided(Slow("AB", [Remembered.OVERTAKEN, Remembered.WRITTEN])) == "A"


def _documents(popular: str) -> list[Document]:
    now_us = clock.now_us()
    shared = {"version": now_us, "updated_at": now_us}
    listed = [Neighbor(one, 50.0 - n) for n, one in enumerate(popular)]
    return [
        Profile(id="ann", **shared, as_of=now_us, events=1, history=[Seen("A", now_us, "view_item")]),
        Trending(id="global", **shared, as_of=now_us, items=listed),
        *(
            Product(
                id=one,
                **shared,
                title=one,
                url=f"https://shop.example/{one}",
                image_url="https://shop.example/i.jpg",
                price=1.0,
                currency="EUR",
            )
            for one in "ABCDEFGH"
        ),
    ]


def test_requests_of_one_open_agree_though_their_instances_know_different_things(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path / "store.sqlite3")) as store:
        deciders = []
        for popular in ("BCD", "DEF", "GHB", "FEC"):
            store.put_many(_documents(popular))
            recommender = Recommender(store, deadline_s=10.0)
            recommender.popular(slots=3)  # remembers what is popular now
            writer = ShownWriter(store)
            deciders.append(Decider(lambda made=recommender: made, lambda made=writer: made))  # type: ignore[misc]
        shown: list[list[str]] = []
        together = Barrier(len(deciders))

        def ask(decider: Decider) -> None:
            together.wait()
            who = Recipient("ann", "may")
            answer = decider.decide(who, LOG, slots=3, prefetch=False, within_s=10.0)
            shown.append([one.item_id for one in answer.items])

        threads = [Thread(target=ask, args=(decider,)) for decider in deciders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        key = impressions.key("may", "ann")
        stored = store.get_many([key])[key]
        assert isinstance(stored, Impression)
        assert stored.opens == 1
        assert len(shown) == len(deciders)
        assert {tuple(one) for one in shown} == {tuple(one.item_id for one in stored.slots)}
