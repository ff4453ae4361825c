"""A made-up shop for measuring opens: what it has stored is made when it is read, and reads are counted."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from functools import cache
from itertools import accumulate

from evermail import clock, repeats
from evermail.documents import (
    Document,
    Key,
    Neighbor,
    Neighbors,
    Product,
    Profile,
    Rules,
    Seen,
    Trending,
)
from evermail.shelf.policy import Policy
from evermail.trending import CATALOG, GLOBAL, category_scope

NOW_US = 1_795_489_200 * clock.SECOND
NEIGHBORS = 50
LISTED = 100
CATEGORIES = 40
HISTORY = 20
RETURNS = [
    f"{many}{step}{again}{place}"
    for many in range(1, repeats.MOST_DISTINCT + 1)
    for step in "nse"
    for again in range(repeats.MOST_RETURNS + 1)
    for place in (*range(min(many, repeats.PLACES)), repeats.NEW)
]
"""The whole table of returns."""


class MadeUpShop:
    """A store with `products`, of which the n-th is looked at with a chance of 1/n (Zipf's law), and with as
    many `shoppers`. Half of what goes with an item is of its category. One in twenty is sold out."""

    def __init__(self, products: int, shoppers: int, policy: Policy | None = None, *, seed: int = 1) -> None:
        self.calls = 0
        self.documents = 0
        self._dice = random.Random(seed)
        self._products = products
        self._policy = policy
        self._reach = list(accumulate(1 / n for n in range(1, products + 1)))
        self._profiles = {
            f"shopper-{n}": [self._item(self._dice) for _ in range(HISTORY)] for n in range(shoppers)
        }
        self._shared = cache(self._made)

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        self.calls += 1
        self.documents += len(keys)
        found = (
            (key, self._profile(key.id) if key.collection == "profiles" else self._shared(key))
            for key in keys
        )
        return {key: one for key, one in found if one is not None}

    def next_open(self) -> str:
        """Somebody who has just looked at one or two items more."""
        shopper = f"shopper-{self._dice.randrange(len(self._profiles))}"
        more = [self._item(self._dice) for _ in range(self._dice.randint(1, 2))]
        self._profiles[shopper] = [*more, *self._profiles[shopper]][:HISTORY]
        return shopper

    def _item(self, dice: random.Random) -> str:
        return f"item-{bisect(self._reach, dice.random() * self._reach[-1])}"

    def _profile(self, shopper: str) -> Document | None:
        items = self._profiles.get(shopper)
        if items is None:
            return None
        history = [Seen(one, NOW_US - at * clock.MINUTE, "view_item") for at, one in enumerate(items)]
        return Profile(
            id=shopper, version=1, updated_at=NOW_US, as_of=NOW_US, events=HISTORY, history=history
        )

    def _made(self, key: Key) -> Document | None:
        dice = random.Random(f"{key.collection}/{key.id}")
        if key.collection == "products":
            return self._product(key.id, dice)
        if key == Key(Neighbors.COLLECTION, repeats.ROW_ID):
            return row(key.id, RETURNS, dice)
        if key.collection == "neighbors":
            return row(key.id, [one for one in self._near(key.id, dice) if one != key.id], dice)
        if key.collection == "trending":
            return self._trending(key.id, dice)
        if key.collection == "rules" and self._policy is not None:
            return Rules(id=key.id, version=1, updated_at=NOW_US, policy=self._policy)
        return None

    def _near(self, item_id: str, dice: random.Random) -> list[str]:
        category, near = _number(item_id) % CATEGORIES, dict[str, None]()
        while len(near) < NEIGHBORS:
            other = self._item(dice)
            if dice.random() < 0.5:
                other = f"item-{(_number(other) // CATEGORIES * CATEGORIES + category) % self._products}"
            near[other] = None
        return list(near)

    def _product(self, item_id: str, dice: random.Random) -> Document:
        return Product(
            id=item_id,
            version=1,
            updated_at=NOW_US,
            title=f"The {item_id}",
            url=f"https://shop.example/products/{item_id}",
            image_url=f"https://shop.example/products/{item_id}.jpg",
            price=round(dice.uniform(5, 200), 2),
            currency="EUR",
            brand=f"brand-{dice.randrange(30)}",
            category=f"category-{_number(item_id) % CATEGORIES}",
            available=dice.random() < 0.95,
            labels=(f"label-{dice.randrange(20)}",),
        )

    def _trending(self, scope: str, dice: random.Random) -> Document | None:
        step, start = 1, 0
        if scope not in (GLOBAL, CATALOG):
            step, start = CATEGORIES, int(scope.removeprefix(category_scope("category-")))
        items = [f"item-{n}" for n in range(start, self._products, step)[:LISTED]]
        listed = [Neighbor(one, float(LISTED - n)) for n, one in enumerate(items)]
        return Trending(id=scope, version=1, updated_at=NOW_US, as_of=NOW_US, items=listed)


def row(row_id: str, entries: Sequence[str], dice: random.Random) -> Neighbors:
    """A row of neighbours with weights as they come in a shop: a few heavy ones."""
    weights = sorted((dice.expovariate(1) for _ in entries), reverse=True)
    return Neighbors(
        id=row_id,
        version=1,
        updated_at=NOW_US,
        as_of=NOW_US - dice.randrange(clock.DAY),
        total=2 * sum(weights),
        neighbors=[Neighbor(*pair) for pair in zip(entries, weights, strict=True)],
    )


def _number(item_id: str) -> int:
    return int(item_id.removeprefix("item-"))
