"""What people said outlives a rebuild from an archive that goes back less far than they do."""

from __future__ import annotations

from pathlib import Path

import pytest
from people_support import Shop, browser, erase, identify, says
from streaming_support import NOW, Collected, Stream, event
from test_backfill import copy_of, rebuilt, received, telling
from test_rotation import KEYS, after, before, new, old

from evermail import consent
from evermail.clock import SECOND
from evermail.documents import Document, Neighbors, Profile
from evermail.events import Event
from evermail.profiles import from_profile
from evermail.stores.sqlite import SqliteStore

LATER = NOW // SECOND + 1000
"""A second after all that happens here."""

ANNA, COOKIE = new("anna"), new("c1", "client")


class Rebuilding(Shop):
    """A shop whose stream is over, and what is made of its archive, or a part of it, beside its store."""

    def __init__(self, collected: Collected, folder: Path) -> None:
        super().__init__(collected, SqliteStore(folder / "stream.sqlite3", clock=lambda: NOW))
        self._folder = folder
        self._rebuilt = 0

    def streams(self, *events: Event) -> list[Event]:
        """Returns what was archived, in the order in which it was received."""
        stream = Stream()
        for one in received(list(events)):
            stream.arrives(one)
        self(stream, pseudonym_keys=KEYS)
        archived = [*(one.event for one in self.out["accepted"]), *self.out["late"]]
        return sorted(archived, key=lambda one: one.receipt.received_at)

    def rebuilds(self, archived: list[Event]) -> dict[str, Profile]:
        path = self._next_path()
        rebuilt(archived, copy_of(self, path))
        return _with_memory(SqliteStore(path, clock=lambda: LATER * SECOND))

    def profiles(self) -> dict[str, Profile]:
        return _with_memory(self.store)

    def rows_of(self, archived: list[Event]) -> dict[str, list[tuple[str, float]]]:
        """The rows of neighbours that a rebuild makes beside the store."""
        path = self._next_path()
        rebuilt(archived, copy_of(self, path))
        found: list[Document] = list(SqliteStore(path, clock=lambda: NOW).scan(Neighbors.COLLECTION))
        return {
            one.id: [(each.item_id, each.weight) for each in one.neighbors]
            for one in found
            if isinstance(one, Neighbors)
        }

    def _next_path(self) -> Path:
        self._rebuilt += 1
        return self._folder / f"{self._rebuilt}.sqlite3"


def _with_memory(store: SqliteStore) -> dict[str, Profile]:
    keys = [one.key for one in store.scan(Profile.COLLECTION)]
    found = store.get_many(keys, with_memory=True).values()
    return {one.id: one for one in found if isinstance(one, Profile)}


@pytest.fixture
def shop(collected: Collected, tmp_path: Path) -> Rebuilding:
    return Rebuilding(collected, tmp_path)


def may_be_used(profile: Profile) -> bool:
    return consent.allows(from_profile(profile).statements, LATER)


def history(profile: Profile) -> str:
    return "".join(seen.item_id for seen in reversed(profile.history))


def test_a_refusal_holds(shop: Rebuilding) -> None:
    shop.streams(event("A", shopper=ANNA, at=-9), says(False, user=ANNA, at=-8))
    again = shop.rebuilds(received([event("B", shopper=ANNA, at=-7)]))
    assert history(again[ANNA]) == ""
    assert not may_be_used(again[ANNA])


def test_a_refusal_holds_after_an_erasure_that_is_all_the_archive_has(shop: Rebuilding) -> None:
    archived = shop.streams(says(False, user=ANNA, at=-8), erase(ANNA, at=-7))
    again = shop.rebuilds(archived[-1:])
    assert telling(again) == telling(shop.profiles())
    assert not may_be_used(again[ANNA])


def test_an_erasure_holds(shop: Rebuilding) -> None:
    shop.streams(event("A", shopper=ANNA, at=-9), erase(ANNA, at=-8))
    events = [event("A", shopper=ANNA, at=-9), event("B", shopper=ANNA, at=-7)]
    profile = shop.rebuilds(received(events))[ANNA]
    assert history(profile) == "B"
    assert from_profile(profile).erased_second == NOW // SECOND - 8


def test_what_is_said_after_the_span_drops_what_the_span_tells(shop: Rebuilding) -> None:
    archived = shop.streams(
        event("A", shopper=ANNA, at=-9), event("B", shopper=ANNA, at=-8), says(False, user=ANNA, at=3)
    )
    again = shop.rebuilds(archived[:2])
    assert telling(again) == telling(shop.profiles())
    assert not may_be_used(again[ANNA])


def test_rows_are_as_if_the_archive_told_it(shop: Rebuilding) -> None:
    events = [event(item, shopper=ANNA, at=at) for at, item in enumerate("ABC")]
    archived = shop.streams(*events, erase(ANNA, at=2.9), event("D", shopper=ANNA, at=4))
    told = shop.rows_of(archived)
    assert told["A"]
    assert shop.rows_of([*archived[:3], archived[4]]) == told


def test_a_browser_that_refused_is_still_joined_to_nobody(shop: Rebuilding) -> None:
    archived = shop.streams(
        says(False, user=None, cookie=COOKIE, at=-9),
        identify(ANNA, cookie=COOKIE, at=-8),
        event("B", shopper=ANNA, at=-7),
    )
    again = shop.rebuilds(archived[1:])
    assert telling(again) == telling(shop.profiles())
    assert again[COOKIE].moved_to is None
    assert not may_be_used(again[COOKIE])


def test_a_refusal_under_a_former_name_goes_along(shop: Rebuilding) -> None:
    shop.streams(before(says(False, at=-9)))
    again = shop.rebuilds(received([after(event("B", at=-8))]))
    assert again[old("anna")].moved_to == ANNA
    assert history(again[ANNA]) == ""
    assert not may_be_used(again[ANNA])


def test_who_refused_and_is_not_in_the_archive_is_left_as_stored(shop: Rebuilding) -> None:
    shop.streams(event("A", shopper=ANNA, at=-9), says(False, user=ANNA, at=-8))
    again = shop.rebuilds(received([event("B", shopper=new("ben"), at=-7)]))
    assert again[ANNA] == shop.profiles()[ANNA]
    assert history(again[new("ben")]) == "B"


def test_where_nothing_is_stored_nothing_was_said(shop: Rebuilding) -> None:
    again = shop.rebuilds(received([event("B", shopper=ANNA, at=-7)]))
    assert history(again[ANNA]) == "B"


PEOPLE = [
    before(event("A", at=-30)),
    before(says(False, at=-29)),
    after(event("A", shopper="ben", at=-28)),
    before(browser("X", at=-27)),
    after(says(False, user="ben", at=-26)),
    after(erase("ben", at=-25)),
    before(says(False, user=None, cookie="c1", at=-24)),
    after(says(False, user="cy", at=-23)),
    after(identify("dora", at=-22)),
    after(browser("Y", at=-21)),
    after(says(True, user="cy", at=-20)),
    after(event("C", shopper="cy", at=-19)),
    after(event("B", at=-18)),
    after(event("D", shopper="dora", at=-17)),
    after(event("B", shopper="ben", at=-16)),
    after(says(False, user="cy", cookie="c2", at=-15)),
    after(identify("dora", cookie="c2", at=-14)),
]


def test_wherever_the_archive_begins_nobody_who_refused_may_be_used(shop: Rebuilding) -> None:
    archived = shop.streams(*PEOPLE)
    refused = {name for name, profile in shop.profiles().items() if not may_be_used(profile)}
    assert refused >= {ANNA, new("ben"), new("cy"), COOKIE}
    for since in range(len(archived) + 1):
        again = shop.rebuilds(archived[since:])
        assert {name for name, profile in again.items() if not may_be_used(profile)} >= refused
        assert [name for name in refused if history(again[name]) or again[name].moved_to] == []
