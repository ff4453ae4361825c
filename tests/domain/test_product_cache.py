"""A memory of the catalog that asks the store rarely, and never guesses."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evermail.clock import MINUTE, SECOND
from evermail.documents import Document, Key, Product
from evermail.enrichment import ProductFacts
from evermail.product_cache import MAX_IDS, UNKNOWN_TTL_US, ProductCache
from evermail.stores import StoreError, StoreUnavailable

TTL = 5 * MINUTE


def product(item_id: str, category: str | None = "chairs", sale_price: float | None = None) -> Product:
    return Product(
        id=item_id,
        version=1,
        updated_at=0,
        title="",
        url="",
        image_url="",
        price=9.0,
        sale_price=sale_price,
        currency="EUR",
        category=category,
    )


class FakeStore:
    """Holds products and notes what each call asks for."""

    def __init__(self, *products: Product, unreadable: str = "") -> None:
        self.products = {one.id: one for one in products}
        self.unreadable = set(unreadable.split())
        self.asked: list[list[str]] = []
        self.down = False

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Document]:
        self.asked.append([key.id for key in keys])
        assert {key.collection for key in keys} == {"products"}
        if self.down:
            raise StoreUnavailable("down")
        if self.unreadable & {key.id for key in keys}:
            raise StoreError("not a product")
        return {key: self.products[key.id] for key in keys if key.id in self.products}


class Memory:
    """A cache with a clock to set."""

    def __init__(self, store: FakeStore, **settings: int) -> None:
        self.now_us = 0
        self.store = store
        self.cache = ProductCache(
            store,  # type: ignore[arg-type]
            ttl_us=settings.pop("ttl_us", TTL),
            clock=lambda: self.now_us,
            **settings,
        )


CHAIR = ProductFacts("chairs", 9.0, "EUR")


def test_what_the_catalog_says() -> None:
    store = FakeStore(product("A"), product("B", None, 7.0), product("C", "", 0.0))
    assert Memory(store).cache.look_up("ABCD") == {
        "A": CHAIR,
        "B": ProductFacts(None, 7.0, "EUR"),
        "C": ProductFacts(None, 0.0, "EUR"),
        "D": None,
    }
    assert store.asked == [["A", "B", "C", "D"]]


def test_an_answer_holds_for_its_time() -> None:
    memory = Memory(FakeStore(product("A")))
    memory.cache.look_up("A")
    memory.now_us = TTL - 1
    assert memory.cache.look_up("AA") == memory.cache.held("A") == {"A": CHAIR}
    assert len(memory.store.asked) == 1
    memory.now_us = TTL
    assert memory.cache.held("A") is None
    memory.cache.look_up("A")
    assert len(memory.store.asked) == 2


def test_that_a_product_is_unknown_holds_only_briefly() -> None:
    memory = Memory(FakeStore())
    memory.cache.look_up("A")
    memory.now_us = UNKNOWN_TTL_US - 1
    assert memory.cache.held("A") == {"A": None}
    memory.now_us = UNKNOWN_TTL_US
    memory.store.products["A"] = product("A")
    assert memory.cache.held("A") is None
    assert memory.cache.look_up("A") == {"A": CHAIR}


def test_it_never_holds_longer_than_known_products_do() -> None:
    memory = Memory(FakeStore(), ttl_us=SECOND)
    memory.cache.look_up("A")
    memory.now_us = SECOND
    assert memory.cache.held("A") is None


def test_what_is_held_is_told_only_whole() -> None:
    memory = Memory(FakeStore(product("A"), product("B")))
    memory.cache.look_up("A")
    assert memory.cache.held("AB") is None
    memory.cache.look_up("AB")
    assert memory.cache.held("AB") == {"A": CHAIR, "B": CHAIR}
    assert memory.store.asked == [["A"], ["B"]]


def test_asking_goes_past_the_memory_of_the_unknown() -> None:
    memory = Memory(FakeStore(product("B")))
    assert memory.cache.ask("AB") == {"A": None, "B": CHAIR}
    memory.store.products["A"] = product("A")
    assert memory.cache.ask("AB") == {"A": CHAIR, "B": CHAIR}
    assert memory.cache.held("AB") == {"A": CHAIR, "B": CHAIR}
    assert memory.cache.ask("AB") == {"A": CHAIR, "B": CHAIR}
    assert memory.store.asked == [["A", "B"], ["A"]]


def test_no_call_asks_for_more_than_a_store_answers() -> None:
    memory = Memory(FakeStore())
    memory.cache.look_up(f"I{n}" for n in range(2 * MAX_IDS + 1))
    assert [len(ids) for ids in memory.store.asked] == [MAX_IDS, MAX_IDS, 1]


def test_a_store_that_is_down_is_no_answer() -> None:
    memory = Memory(FakeStore(product("A")))
    memory.store.down = True
    for ask in (memory.cache.look_up, memory.cache.ask):
        with pytest.raises(StoreUnavailable):
            ask("A")
    assert memory.cache.held("A") is None
    memory.store.down = False
    assert memory.cache.look_up("A") == {"A": CHAIR}


def test_a_product_that_cannot_be_read_counts_as_unknown_alone() -> None:
    known = [product(f"I{n}") for n in range(9)]
    memory = Memory(FakeStore(*known, product("BAD"), unreadable="BAD"))
    found = memory.cache.look_up([*(one.id for one in known), "BAD"])
    assert found == {**{one.id: CHAIR for one in known}, "BAD": None}


def test_the_oldest_answers_go_first() -> None:
    memory = Memory(FakeStore(*map(product, "ABC")), capacity=2)
    for item_id in "ABAC":  # reading is not what keeps an answer
        memory.cache.look_up(item_id)
    assert [memory.cache.held(item_id) is not None for item_id in "ABC"] == [False, True, True]
