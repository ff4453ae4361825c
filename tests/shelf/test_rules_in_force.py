"""Rules that are about products which no ranking has, or that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from shelf_support import NOW, product, profile, row, rule, rules, trending

from evermail import clock
from evermail.documents import Document, Key
from evermail.serving import NothingToShow, Recommender
from evermail.shelf.policy import Where
from evermail.stores import StoreError, StoreUnavailable

CURRENT = Key("rules", "current")
GARDEN = Where(category=("Garden", "Outdoor"))


class FakeStore:
    """`lost` and `unreadable` fail every read that they are in; so many further reads go before that."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = {document.key: document for document in documents}
        self.unreadable: set[Key] = set()
        self.lost: set[Key] = set()
        self.losses = 10**9
        self.down = False

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        if self.lost.intersection(keys) and self.losses:
            self.losses -= 1
            raise StoreUnavailable("timed out")
        if self.down:
            raise StoreUnavailable("timed out")
        if self.unreadable.intersection(keys):
            raise StoreError("a document cannot be read")
        return {key: self.documents[key] for key in keys if key in self.documents}


class Shop:
    """Ann saw A, which leads to X and Y. P and Q are popular, G and H in Garden, O in Outdoor."""

    def __init__(self, *documents: Document) -> None:
        self.now_us = NOW
        self.store = FakeStore(
            [
                profile("A"),
                row("A", {"X": 9.0, "Y": 8.0}),
                trending("global", "PQ"),
                trending("category:Garden", "GH"),
                trending("category:Outdoor", "O"),
                *(product(one, "Tea") for one in "AXYPQW"),
                *(product(one, "Garden") for one in "GH"),
                product("O", "Outdoor"),
                *documents,
            ]
        )
        self.recommender = Recommender(self.store, clock=lambda: self.now_us)  # type: ignore[arg-type]

    def shows(self, slots: int = 3) -> str:
        answer = self.recommender.recommend("ann", slots=slots, campaign="may")
        return "".join(item.item_id for item in answer.items)


def test_only_items_that_nothing_else_would_bring_are_found() -> None:
    assert Shop(rules(rule("WX", only=True))).shows() == "XW"


def test_only_categories_show_what_is_popular_there() -> None:
    shop = Shop(rules(rule(where=GARDEN, only=True)))
    answer = shop.recommender.recommend("ann", slots=4)
    assert {item.item_id for item in answer.items} == set("GHO")
    assert {item.reason for item in answer.items} == {"Popular in Garden", "Popular in Outdoor"}


def test_a_long_list_of_one_category_leaves_room_for_the_next() -> None:
    many = "".join(chr(0x4E00 + n) for n in range(50))
    sold_out = (product(one, "Garden", available=False) for one in many)
    shop = Shop(rules(rule(where=GARDEN, only=True)), trending("category:Garden", many), *sold_out)
    assert shop.shows(1) == "O"


def test_a_pin_of_a_category_brings_the_best_of_it() -> None:
    assert Shop(rules(rule(where=GARDEN, pin=1))).shows() == "GXY"


def test_of_two_only_rules_both_must_be_met() -> None:
    both = rule(where=GARDEN, only=True), rule("GX", name="another", only=True)
    assert Shop(rules(*both)).shows() == "G"


def test_a_hidden_product_is_not_named_as_the_reason_of_another() -> None:
    shop = Shop(rules(rule("A", hide=True)))
    [item] = shop.recommender.recommend("ann", slots=1).items
    assert (item.item_id, item.reason) == ("X", "Seen with your last picks")


# Rules that cannot be read


def test_while_nobody_knows_the_rules_nothing_is_shown() -> None:
    shop = Shop(rules(rule("X", hide=True)))
    shop.store.lost = {CURRENT}
    with pytest.raises(NothingToShow) as nothing:
        shop.shows()
    assert isinstance(nothing.value.__cause__, StoreUnavailable)
    shop.store.lost = set()
    assert shop.shows() == "YAP"


@pytest.mark.parametrize("losses", [1, 2])
def test_rules_that_did_not_arrive_are_asked_for_again_with_what_everybody_gets(losses: int) -> None:
    shop = Shop(rules(rule("P", hide=True)))
    shop.store.lost, shop.store.losses = {CURRENT}, losses
    if losses == 1:
        assert shop.shows(2) == "Q"
    else:
        with pytest.raises(NothingToShow):
            shop.shows(2)
    assert shop.shows(2) == "XY", "and once they are known, all is well"


def test_rules_that_are_unreadable_are_not_taken_for_none() -> None:
    shop = Shop(rules(rule("X", hide=True)))
    shop.store.unreadable = {CURRENT}
    for _ in range(2):
        with pytest.raises(NothingToShow) as nothing:
            shop.shows()
        assert isinstance(nothing.value.__cause__, StoreError)


@pytest.mark.parametrize("failure", ["unreadable", "lost", "down"])
def test_rules_that_were_read_once_hold_for_as_long_as_they_cannot_be_read(failure: str) -> None:
    shop = Shop(rules(rule("XP", hide=True)))
    assert shop.shows(3) == "YAQ"
    # Products are not remembered for as long as rules are.
    shop.now_us += 30 * clock.DAY if failure == "unreadable" else clock.HOUR // 2
    setattr(shop.store, failure, True if failure == "down" else {CURRENT})
    # Of ann nothing is remembered: where the whole read fails, she gets what is popular.
    assert [shop.shows(1) for _ in range(2)] == ["Y" if failure == "unreadable" else "Q"] * 2


def test_a_shop_that_is_known_to_have_no_rules_needs_none() -> None:
    shop = Shop()
    assert shop.shows(2) == "XY"
    shop.now_us += clock.HOUR
    shop.store.lost = {CURRENT}
    assert shop.shows(2) == "PQ"
