"""A reader that remembers shared documents, and what it does when the store fails."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.documents import Document, Key, Neighbor, Neighbors, Suppression, Trending
from evermail.stores import StoreError, StoreUnavailable
from evermail.stores.cached import CAPACITY, CachedReader

TTL = 100


def trending(item: str, version: int = 1, expire_at: int | None = None) -> Trending:
    return Trending(id=item, version=version, updated_at=0, expire_at=expire_at, as_of=0)


def key(item: str) -> Key:
    return Key("trending", item)


class FakeStore:
    """Holds documents, and notes each read with its timeout. `unreadable` ids are broken documents."""

    def __init__(self, *documents: Document, unreadable: str = "") -> None:
        self.documents = {document.key: document for document in documents}
        self.unreadable = {key(item) for item in unreadable}
        self.reads: list[str] = []
        self.timeouts: list[float | None] = []
        self.down: StoreError | None = None
        self.down_after = 10**9

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.reads.append("".join(one.id for one in keys))
        self.timeouts.append(timeout_s)
        if self.down is not None or len(self.reads) > self.down_after:
            raise self.down or StoreUnavailable("down")
        broken = self.unreadable.intersection(keys)
        if broken:
            raise StoreError(f"{broken} cannot be read")
        return {one: self.documents[one] for one in keys if one in self.documents}


class Reading:
    def __init__(self, store: FakeStore, *, capacity: int = 100, stale_us: int | None = None) -> None:
        self.now_us = 0
        self.seconds = 0.0
        self.store = store
        self._reader = CachedReader(
            store,  # type: ignore[arg-type]
            {"trending": TTL},
            stale_us={} if stale_us is None else {"trending": stale_us},
            capacity=capacity,
            clock=lambda: self.now_us,
            monotonic=lambda: self.seconds,
        )

    def __call__(self, items: str, timeout_s: float | None = None) -> str:
        found = self._reader.get_many([key(item) for item in items], timeout_s=timeout_s)
        assert all(one.id == document.id for one, document in found.items())
        return "".join(sorted(one.id for one in found))


def test_reads_all_that_it_does_not_hold_at_once() -> None:
    read = Reading(FakeStore(*map(trending, "abcd")))
    assert read("ab") == "ab"
    assert read("abcd") == "abcd"
    assert read.store.reads == ["ab", "cd"]


def test_documents_come_in_the_order_asked_for() -> None:
    items = "hgfedcbaponmlkji"
    reader = CachedReader(FakeStore(*map(trending, items)), {}, clock=lambda: 0)  # type: ignore[arg-type]
    assert [one.id for one in reader.get_many([key(item) for item in items])] == list(items)


def test_asks_once_for_what_is_wanted_twice() -> None:
    read = Reading(FakeStore(trending("a")))
    assert read("aaXX") == "a"
    assert read.store.reads == ["aX"]


def test_absence_is_remembered_too() -> None:
    read = Reading(FakeStore())
    assert read("a") == read("a") == ""
    assert read.store.reads == ["a"]


def test_an_answer_holds_for_its_time_and_no_longer() -> None:
    read = Reading(FakeStore(trending("a")))
    read("a")
    read.now_us = TTL - 1
    read("a")
    assert read.store.reads == ["a"]
    read.now_us = TTL
    read("a")
    assert read.store.reads == ["a", "a"]


def test_what_is_new_in_the_store_appears_and_what_is_gone_goes() -> None:
    read = Reading(FakeStore(trending("a")))
    assert read("ab") == "a"
    read.store.documents = {key("b"): trending("b")}
    assert read("ab") == "a"
    read.now_us = TTL
    assert read("ab") == "b"


def test_collections_without_a_time_are_never_remembered() -> None:
    person = Suppression(id="ann", version=1, updated_at=0, reason="r")
    store = FakeStore(person)
    reader = CachedReader(store, {"trending": TTL}, clock=lambda: 0)  # type: ignore[arg-type]
    assert [reader.get_many([person.key]) for _ in range(2)] == [{person.key: person}] * 2
    assert len(store.reads) == 2
    store.down = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        reader.get_many([person.key])


def test_holds_no_more_than_its_capacity() -> None:
    read = Reading(FakeStore(*map(trending, "abc")), capacity=2)
    read("abc")
    read("bc")
    read("a")
    assert read.store.reads == ["abc", "a"]


def test_by_default_it_fits_into_a_small_instance() -> None:
    items = [f"{n}" for n in range(CAPACITY + 1)]
    store = FakeStore(*map(trending, items))
    reader = CachedReader(store, {"trending": TTL}, clock=lambda: 0)  # type: ignore[arg-type]
    reader.get_many([key(item) for item in items])
    reader.get_many([key(items[1])])
    reader.get_many([key(items[0])])
    assert store.reads[1:] == [items[0]]
    assert CAPACITY * bytes_of_a_long_row(letters=8) < 40e6
    assert CAPACITY * bytes_of_a_long_row(letters=100) < 64e6


def bytes_of_a_long_row(letters: int) -> float:
    """What a row of 50 neighbours takes in memory, as decoded from a store, if ids have so many letters."""
    neighbors = [Neighbor(f"{n}".rjust(letters, "i"), n * 0.37) for n in range(50)]
    row = Neighbors(id="item", version=10**9, updated_at=10**15, as_of=10**15, total=1.5, neighbors=neighbors)
    stored = msgspec.json.encode(row)
    tracemalloc.start()
    try:
        held = [msgspec.json.decode(stored, type=Neighbors) for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held[-1] == row
    return taken / len(held)


def test_hands_the_timeout_on() -> None:
    read = Reading(FakeStore())
    read("a", timeout_s=0.25)
    read("b")
    assert read.store.timeouts == [0.25, None]


# When the store fails


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("broken")])
def test_serves_what_it_holds_however_old_when_the_store_fails(failure: StoreError) -> None:
    read = Reading(FakeStore(*map(trending, "ab")))
    read("ab")
    read.store.down = failure
    read.now_us = 1000 * TTL
    assert read("abc") == "ab"
    with pytest.raises(type(failure)):
        read("c")
    read.store.down = None
    read.store.documents = {key("c"): trending("c")}
    assert read("abc") == "c"


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("broken")])
def test_what_is_too_old_counts_as_absent_when_the_store_fails(failure: StoreError) -> None:
    read = Reading(FakeStore(*map(trending, "ab")), stale_us=9 * TTL)
    read("a")
    read.now_us = TTL
    read("b")
    read.store.down = failure
    read.now_us = 9 * TTL - 1
    assert read("ab") == "ab"
    read.now_us = 9 * TTL
    assert read("ab") == "b"
    read.now_us = 10 * TTL
    with pytest.raises(type(failure)):
        read("ab")


def test_a_copy_that_stands_in_does_not_grow_younger_by_it() -> None:
    read = Reading(FakeStore(*map(trending, "ab")), stale_us=3 * TTL + 1)
    read("ab")
    read.store.unreadable = {key("b")}
    shown = []
    for read.now_us in (TTL, 2 * TTL, 3 * TTL, 3 * TTL + 1):
        shown.append(read("ab"))
    assert shown == ["ab", "ab", "ab", "a"]


@pytest.mark.parametrize("down", [None, StoreUnavailable("down")])
def test_what_expires_is_not_held_any_longer(down: StoreError | None) -> None:
    read = Reading(FakeStore(trending("a", expire_at=TTL // 2), trending("b")))
    assert read("ab") == "ab"
    read.store.documents = {key("b"): trending("b")}
    read.store.down = down
    read.now_us = TTL // 2
    assert read("ab") == "b"


def test_fresh_and_stale_serve_together() -> None:
    read = Reading(FakeStore(*map(trending, "ab")))
    read("a")
    read.now_us = TTL - 1
    read("b")
    read.store.down = StoreUnavailable("down")
    read.now_us = TTL
    assert read("ab") == "ab"


def test_without_time_left_the_store_is_not_asked() -> None:
    read = Reading(FakeStore(trending("a")))
    with pytest.raises(StoreUnavailable):
        read("a", timeout_s=0)
    read("a")
    read.now_us = TTL
    assert read("a", timeout_s=0) == "a"
    assert read.store.reads == ["a"]


def test_a_document_that_cannot_be_read_counts_as_absent_and_spoils_no_other() -> None:
    read = Reading(FakeStore(*map(trending, "abcdefgh"), unreadable="c"))
    assert read("abcdefgh") == "abdefgh"
    assert len(read.store.reads) <= 7
    asked = len(read.store.reads)
    assert read("abcdefgh") == "abdefgh"
    assert len(read.store.reads) == asked


def test_alone_it_is_an_error() -> None:
    read = Reading(FakeStore(unreadable="ab"))
    with pytest.raises(StoreError, match="cannot be read"):
        read("ab")


def test_alone_it_stays_an_error_where_it_is_remembered_as_one() -> None:
    read = Reading(FakeStore(*map(trending, "ab"), unreadable="b"))
    assert read("ab") == "a"
    asked = len(read.store.reads)
    with pytest.raises(StoreError, match="cannot be read"):
        read("b")
    assert len(read.store.reads) == asked


def test_an_older_copy_stands_in_for_it() -> None:
    read = Reading(FakeStore(*map(trending, "ab")))
    assert read("ab") == "ab"
    read.store.unreadable = {key("b")}
    read.now_us = TTL
    assert read("ab") == "ab"
    assert read("b") == "b"


def test_looking_for_it_does_not_take_longer_than_allowed() -> None:
    store = FakeStore(*map(trending, "abcdefgh"), unreadable="h")
    read = Reading(store)
    answer = store.get_many

    def slow(keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        read.seconds += 0.1
        return answer(keys, timeout_s=timeout_s)

    store.get_many = slow  # type: ignore[method-assign]
    assert read("abcdefgh", timeout_s=0.25) == "abcd"
    assert read.store.timeouts == pytest.approx([0.25, 0.15, 0.05])


def test_what_could_not_be_asked_any_more_is_not_taken_for_absent() -> None:
    read = Reading(FakeStore(*map(trending, "abcd"), unreadable="d"))
    read.store.down_after = 2
    assert read("abcd") == "ab"
    read.store.down_after = 10**9
    assert read("abcd") == "abc"


letters = st.text("abcdefgh", max_size=8)


@given(letters, st.sets(st.sampled_from("abcdefgh")), letters)
def test_whatever_is_broken_the_rest_is_read(wanted: str, broken: set[str], stored: str) -> None:
    read = Reading(FakeStore(*map(trending, stored), unreadable="".join(broken)))
    if wanted and set(wanted) <= broken:
        with pytest.raises(StoreError):
            read(wanted)
    else:
        assert set(read(wanted)) == set(wanted) & set(stored) - broken
