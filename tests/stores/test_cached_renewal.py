"""What is in use is read anew beside other reads, before it is too old."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from evermail.documents import Document, Key, Suppression, Trending
from evermail.stores import StoreError, StoreUnavailable
from evermail.stores.cached import RIDERS, CachedReader

TTL, RENEW, ABSENT = 100, 30, 10


class Shop:
    """A store, and a reader that remembers trending lists. Suppressions are never remembered."""

    def __init__(self, items: str = "abc") -> None:
        self.now_us = 0
        self.reads: list[str] = []
        self.broken = ""
        self.down: StoreError | None = None
        self.seconds = self.takes_s = 0.0
        self.versions = dict.fromkeys(items, 1)
        self._reader = CachedReader(
            self,  # type: ignore[arg-type]
            {"trending": TTL},
            renew_us={"trending": RENEW},
            absent_us={"trending": ABSENT},
            clock=lambda: self.now_us,
            monotonic=lambda: self.seconds,
        )

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.reads.append("".join(key.id for key in keys))
        self.seconds += self.takes_s
        if self.down is not None:
            raise self.down
        if any(key.id in self.broken for key in keys):
            raise StoreError("cannot be read")
        return {
            key: Trending(id=key.id, version=self.versions[key.id], updated_at=0, as_of=0)
            if key.collection == "trending"
            else Suppression(id=key.id, version=1, updated_at=0, reason="r")
            for key in keys
            if key.id in self.versions or key.collection != "trending"
        }

    def read(self, items: str, people: str = "", timeout_s: float | None = None) -> dict[str, int]:
        """The versions of some lists, read together with some people's documents, who come first."""
        keys = [Key("suppressions", one) for one in people] + [Key("trending", one) for one in items]
        found = self._reader.get_many(keys, timeout_s=timeout_s)
        return {key.id: one.version for key, one in found.items() if key.id not in people}


def test_what_is_old_and_in_use_comes_with_the_next_read() -> None:
    shop = Shop()
    shop.read("abc")
    shop.versions["a"] = 2
    shop.now_us = RENEW
    assert shop.read("a") == {"a": 1}, "from memory: it is not worth a read of its own"
    assert shop.reads == ["abc"]
    shop.read("", people="P")
    assert shop.reads == ["abc", "Pa"], "and not what nobody asked for since"
    assert shop.read("a") == {"a": 2}
    assert len(shop.reads) == 2


def test_what_is_asked_for_in_that_very_read_is_new_at_once() -> None:
    shop = Shop()
    shop.read("a")
    shop.versions["a"] = 2
    shop.now_us = RENEW
    assert shop.read("a", people="P") == {"a": 2}


def test_what_is_young_is_not_read_again() -> None:
    shop = Shop()
    shop.read("ab")
    shop.now_us = RENEW - 1
    shop.read("ab", people="P")
    assert shop.reads == ["ab", "P"]


def test_what_nobody_renews_is_too_old_in_the_end() -> None:
    shop = Shop()
    shop.read("a")
    shop.versions["a"] = 2
    shop.now_us = TTL
    assert shop.read("a") == {"a": 2}


def test_in_steady_use_only_the_first_read_is_made_for_shared_documents() -> None:
    shop = Shop()
    for shop.now_us in range(0, 20 * TTL, RENEW // 2):
        assert shop.read("a", people="P") == {"a": 1}
        assert shop.read("bc") == {"b": 1, "c": 1}
    assert shop.reads[1] == "bc"
    assert all(read.startswith("P") for read in [shop.reads[0], *shop.reads[2:]])


def test_that_there_is_none_holds_shorter() -> None:
    shop = Shop("")
    assert shop.read("a") == {}
    shop.versions["a"] = 1
    shop.now_us = ABSENT - 1
    assert shop.read("a") == {}
    shop.now_us = ABSENT
    assert shop.read("a") == {"a": 1}
    shop.now_us += TTL - 1
    assert shop.read("a") == {"a": 1}
    assert len(shop.reads) == 2


def test_a_read_takes_only_so_many_with_it_and_the_others_come_next() -> None:
    many = "".join(chr(0x4E00 + n) for n in range(RIDERS + 5))
    shop = Shop(many)
    shop.read(many)
    shop.now_us = RENEW
    shop.read(many)
    shop.read("", people="P")
    shop.read("", people="P")
    shop.read("", people="P")
    assert shop.reads[1:] == ["P" + many[:RIDERS], "P" + many[RIDERS:], "P"]


def test_what_cannot_be_renewed_costs_one_read_more_and_rides_no_more() -> None:
    shop = Shop()
    shop.read("ab")
    shop.broken, shop.versions["b"] = "a", 2
    shop.now_us = RENEW
    shop.read("ab")
    assert shop.read("c", people="P") == {"c": 1}
    assert shop.reads[1:] == ["Pcab", "Pc"]
    assert shop.read("ab", people="Q") == {"a": 1, "b": 1}
    assert shop.reads[3:] == ["Q"]


def test_it_is_read_again_when_its_copy_is_too_old_and_what_can_be_read_then_rides_again() -> None:
    shop = Shop()
    shop.read("ab")
    shop.broken, shop.versions["b"] = "a", 2
    shop.now_us = RENEW
    shop.read("ab", people="P")
    shop.now_us = TTL
    assert shop.read("ab") == {"a": 1, "b": 2}
    shop.now_us, begun = TTL + RENEW, len(shop.reads)
    shop.read("ab")
    shop.read("", people="P")
    assert shop.reads[begun:] == ["Pb"]
    shop.broken, shop.now_us = "", 2 * TTL
    shop.read("a")
    shop.now_us, begun = 2 * TTL + RENEW, len(shop.reads)
    shop.read("a", people="P")
    assert shop.reads[begun:] == ["Pa"]


def test_where_time_ends_with_the_read_that_a_rider_spoils_the_next_is_right() -> None:
    shop = Shop()
    shop.read("a")
    shop.broken, shop.now_us = "a", RENEW
    shop.takes_s = 0.2
    with pytest.raises(StoreUnavailable):
        shop.read("a", people="P", timeout_s=0.1)
    assert shop.read("a", people="P", timeout_s=0.1) == {"a": 1}
    assert shop.reads[1:] == ["Pa", "P"]


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), StoreError("broken")])
def test_a_failing_store_does_not_take_what_is_remembered(failure: StoreError) -> None:
    shop = Shop()
    shop.read("ab")
    shop.down = failure
    shop.now_us = RENEW
    shop.read("ab")
    with pytest.raises(type(failure)):
        shop.read("ab", people="P")
    assert shop.read("ab") == {"a": 1, "b": 1}


def test_where_somebodys_own_documents_fail_that_is_told_whatever_else_is_remembered() -> None:
    shop = Shop()
    shop.read("a")
    shop.down = StoreUnavailable("down")
    with pytest.raises(StoreUnavailable):
        shop.read("a", people="P")
