"""What an open may cost: calls of the store and products looked up, whatever the rules and the items are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from shelf_support import NOW, product, profile, row, rule, rules, trending

from evermail.documents import MAX_MOVES, Document, Key, Product, Profile, Rules
from evermail.serving import NothingToShow, Recommender
from evermail.shelf.filling import CANDIDATES_PER_SLOT, MAX_NAMED, MAX_PRODUCTS
from evermail.shelf.opened import MAX_LISTS
from evermail.shelf.policy import MAX_RULES, MAX_SLOT, Where
from evermail.trending import category_scope

MOST_CALLS = 5
MANY = "".join(chr(0x4E00 + n) for n in range(3000))
"""Items A leads to and that are popular, and after them others that only rules name."""

NAMED = MANY[1000:]
CATEGORIES = [f"category {n}" for n in range(50)]


class CountingStore:
    """Has every product, for sale or not, and counts the calls and what they ask for."""

    def __init__(self, documents: Sequence[Document], *, available: bool) -> None:
        self.documents = {document.key: document for document in documents}
        self.available = available
        self.reads: list[list[Key]] = []

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.reads.append(list(keys))
        made = {
            key: product(key.id, "Tea", available=self.available)
            for key in keys
            if key.collection == "products"
        }
        return made | {key: self.documents[key] for key in keys if key in self.documents}

    def asked(self, collection: str) -> list[str]:
        return [key.id for keys in self.reads for key in keys if key.collection == collection]


def shop(in_force: Rules | None, *, available: bool, moves: int = 0) -> CountingStore:
    documents: list[Document] = [
        profile("AB"),
        row("A", dict.fromkeys(MANY[:500], 2.0)),
        trending("global", MANY[500:1000]),
        *(trending(category_scope(one), NAMED[n * 40 :][:100]) for n, one in enumerate(CATEGORIES)),
        *([in_force] if in_force is not None else []),
    ]
    names = [f"name {n}" for n in range(moves)]
    for name, to in pairwise([*names, "ann"]):
        documents.append(
            Profile(id=name, version=1, updated_at=NOW, as_of=0, events=0, moved_to=to, renamed=True)
        )
    return CountingStore(documents, available=available)


def opened(store: CountingStore, slots: int, shopper: str = "ann") -> int:
    """How many slots are filled."""
    try:
        recommender = Recommender(store, clock=lambda: NOW)  # type: ignore[arg-type]
        return len(recommender.recommend(shopper, slots=slots).items)
    except NothingToShow:
        return 0


def naming_items(**action: object) -> Rules:
    return rules(*(rule(NAMED[n * 5 :][:100], **action) for n in range(MAX_RULES)))


def naming_categories(**action: object) -> Rules:
    wheres = [Where(category=tuple(CATEGORIES[n:] + CATEGORIES[:n])) for n in range(len(CATEGORIES))]
    return rules(*(rule(where=wheres[n % len(wheres)], **action) for n in range(MAX_RULES)))


POLICIES = {
    "none": None,
    "boosts": naming_items(boost=1.5),
    "pins of items": naming_items(pin=1),
    "only items": naming_items(only=True),
    "pins of categories": naming_categories(pin=2),
    "only categories": naming_categories(only=True),
    "only what is not there": rules(rule(where=Where(category=("none",)), only=True)),
    "a cap": rules(max_per_category=1),
}


@pytest.mark.parametrize("slots", [1, 4, MAX_SLOT])
@pytest.mark.parametrize("available", [True, False], ids=["for sale", "all sold out"])
@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_whatever_the_shop_is_an_open_has_its_bounds(
    policy: Rules | None, available: bool, slots: int
) -> None:
    store = shop(policy, available=available)
    filled = opened(store, slots)
    assert len(store.reads) <= MOST_CALLS
    looked_up = set(store.asked(Product.COLLECTION))
    assert len(looked_up) <= MAX_PRODUCTS + 1, "and the newest item, for its category"
    assert len(store.asked("trending")) <= MAX_LISTS + 3
    assert filled <= (slots if available else 0)


def test_where_nothing_is_in_the_way_few_are_looked_up() -> None:
    store = shop(None, available=True)
    assert opened(store, 4) == 4
    assert len(store.asked("products")) <= 2 * 4 * CANDIDATES_PER_SLOT + 2
    assert len(store.reads) == 4


@pytest.mark.parametrize("policy", ["pins of items", "pins of categories"])
def test_what_rules_name_leaves_room_for_the_rankings(policy: str) -> None:
    store = shop(POLICIES[policy], available=True)
    assert opened(store, 4) == 4
    looked_up = set(store.asked("products"))
    assert len(looked_up & {*NAMED}) == MAX_NAMED
    assert len(looked_up - {*NAMED}) >= 2 * 4 * CANDIDATES_PER_SLOT


def test_where_all_is_sold_out_as_many_are_looked_up_as_may_be() -> None:
    store = shop(None, available=False)
    opened(store, 4)
    assert len(set(store.asked("products"))) >= MAX_PRODUCTS


def test_each_former_name_takes_a_call_more() -> None:
    store = shop(None, available=True, moves=MAX_MOVES)
    assert opened(store, 4, "name 0") == 4
    assert len(store.reads) == 4 + MAX_MOVES


def test_of_many_rules_each_has_its_turn() -> None:
    """The first items of each, not all items of the first."""
    first, second = rule(NAMED[:100], pin=1), rule(NAMED[100:200], pin=2)
    store = shop(rules(first, second), available=True)
    recommender = Recommender(store, clock=lambda: NOW)  # type: ignore[arg-type]
    items = [item.item_id for item in recommender.recommend("ann", slots=2).items]
    assert items == [NAMED[0], NAMED[100]]
