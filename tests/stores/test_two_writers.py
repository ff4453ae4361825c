"""Several processes write the same documents: an older write that was held up never replaces a newer one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.documents import Document, Key, Profile, Suppression
from evermail.stores import Outcome, Store
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
KEY = Key("suppressions", "a")
WRITTEN, STALE = Outcome.WRITTEN, Outcome.STALE
Opener = Callable[[], Store]


def suppression(version: int, *, id: str = "a", reason: str = "asked") -> Suppression:
    return Suppression(id=id, version=version, updated_at=NOW, reason=reason)


def put(store: Store, *documents: Document) -> list[Outcome]:
    return [result.outcome for result in store.put_many(documents)]


def version(store: Store) -> int:
    return store.get_many([KEY])[KEY].version


class HeldUp:
    """A writer whose next write is held up at the last moment, while others do something.

    What it would not write anyhow is not held up: the others come after it.
    """

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self._store = store
        self._monkeypatch = monkeypatch

    def put(self, *documents: Document, meanwhile: Callable[[], Any]) -> list[Outcome]:
        with self._monkeypatch.context() as patch:
            place, name = self._last_step()
            step, done = getattr(place, name), []

            def held_up(*args: Any, **kwargs: Any) -> Any:
                if not done:
                    done.append(True)
                    meanwhile()
                return step(*args, **kwargs)

            patch.setattr(place, name, held_up)
            outcomes = put(self._store, *documents)
        if not done:
            meanwhile()
        return outcomes

    def _last_step(self) -> tuple[Any, str]:
        if isinstance(self._store, FirestoreStore):
            return self._store._api, "write"  # what is stored was looked at before
        assert isinstance(self._store, SqliteStore)
        return self._store, "_transaction"  # from here on others wait


@pytest.fixture
def held_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> HeldUp:
    return HeldUp(store, monkeypatch)


@pytest.fixture
def other(open_another: Opener) -> Store:
    return open_another()


def test_an_older_write_that_was_held_up_changes_nothing(store: Store, other: Store, held_up: HeldUp) -> None:
    outcomes = held_up.put(
        suppression(3, reason="older"), meanwhile=lambda: put(other, suppression(5, reason="newer"))
    )
    assert outcomes == [STALE]
    assert store.get_many([KEY]) == {KEY: suppression(5, reason="newer")}


def test_a_newer_write_that_was_held_up_still_replaces_an_older_one(
    store: Store, other: Store, held_up: HeldUp
) -> None:
    assert held_up.put(suppression(7), meanwhile=lambda: put(other, suppression(5))) == [WRITTEN]
    assert version(store) == 7


def test_that_holds_as_well_for_a_document_that_the_writer_wrote_before(
    store: Store, other: Store, held_up: HeldUp
) -> None:
    put(store, suppression(1))
    assert held_up.put(suppression(3), meanwhile=lambda: put(other, suppression(5))) == [STALE]
    assert version(store) == 5
    assert held_up.put(suppression(9), meanwhile=lambda: put(other, suppression(7))) == [WRITTEN]
    assert version(store) == 9


def test_a_document_deleted_meanwhile_is_written(store: Store, other: Store, held_up: HeldUp) -> None:
    put(store, suppression(1))
    assert held_up.put(suppression(3), meanwhile=lambda: other.delete_many([KEY])) == [WRITTEN]
    assert version(store) == 3


def test_only_the_document_that_was_overtaken_is_stale(store: Store, other: Store, held_up: HeldUp) -> None:
    outcomes = held_up.put(
        *(suppression(3, id=id) for id in "abc"), meanwhile=lambda: put(other, suppression(5, id="b"))
    )
    assert outcomes == [WRITTEN, STALE, WRITTEN]


def test_an_erased_shopper_does_not_come_back_by_a_write_that_was_held_up(
    store: Store, other: Store, held_up: HeldUp
) -> None:
    profile = Profile(id="ann", version=5, updated_at=NOW, as_of=NOW, events=1)
    outcomes = held_up.put(profile, meanwhile=lambda: put(other, Profile.erased("ann", 6, NOW)))
    assert outcomes == [STALE]
    assert store.get_many([profile.key]) == {}


writes = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 6), st.sampled_from("ab")), max_size=12)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=writes, held=st.tuples(st.integers(1, 6), st.integers(0, 11)))
def test_whatever_two_writers_do_in_turn_the_highest_version_stays(
    open_another: Opener, writes: Sequence[tuple[int, int, str]], held: tuple[int, int]
) -> None:
    stores = [open_another(), open_another()]
    stores[0].delete_many([KEY, Key("suppressions", "b")])
    held_version, at = held
    highest: dict[str, int] = {}

    def write(turn: tuple[int, int, str]) -> None:
        writer, version, id = turn
        highest[id] = max(version, highest.get(id, 0))
        put(stores[writer], suppression(version, id=id))

    for turn in writes[:at]:
        write(turn)
    with pytest.MonkeyPatch.context() as patch:
        late = HeldUp(open_another(), patch)
        late.put(suppression(held_version), meanwhile=lambda: [write(turn) for turn in writes[at:]])
    highest["a"] = max(held_version, highest.get("a", 0))
    found = stores[1].get_many([Key("suppressions", id) for id in "ab"])
    assert {key.id: document.version for key, document in found.items()} == highest
