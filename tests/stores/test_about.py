"""All that is stored of one shopper can be found, and so it can be erased."""

from __future__ import annotations

import itertools
import sqlite3
from pathlib import Path

import pytest
from google.cloud import firestore as google_firestore

from evermail.documents import (
    PERSONAL,
    Document,
    Exposure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Opinion,
    Profile,
    Shown,
    Suppression,
    Verdict,
)
from evermail.stores import Store, StoreError, StoreUnavailable
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
_projects = itertools.count()


def impression(campaign: str, shopper: str, *, version: int = 1, expire_at: int | None = None) -> Impression:
    return Impression(
        id=f"{campaign}:{shopper}",
        version=version,
        updated_at=NOW,
        expire_at=expire_at,
        shopper=shopper,
        source="personal",
        slots=[Shown("A", "seen")],
    )


def suppression(shopper: str, *, expire_at: int | None = None) -> Suppression:
    return Suppression(id=shopper, version=1, updated_at=NOW, reason="asked", expire_at=expire_at)


def exposures(shopper: str) -> Exposures:
    return Exposures(id=shopper, version=1, updated_at=NOW, campaigns=(Exposure("spring", NOW, ("A",)),))


def feedback(shopper: str) -> Feedback:
    return Feedback(id=shopper, version=1, updated_at=NOW, opinions={"A": Opinion(Verdict.NOT_FOR_ME, NOW)})


def profile(shopper: str, version: int = 1) -> Profile:
    return Profile(id=shopper, version=version, updated_at=NOW, as_of=NOW, events=1)


def about(store: Store, shopper: str) -> set[Key]:
    found = store.about(shopper)
    assert len(set(found)) == len(found)
    return set(found)


def test_all_that_is_stored_of_one_shopper_is_found(store: Store) -> None:
    own: list[Document] = [impression("spring", "ann"), impression("autumn/1", "ann"), suppression("ann")]
    own += [exposures("ann"), feedback("ann")]
    others: list[Document] = [
        impression("ann", "ben"),
        suppression("ben"),
        exposures("ben"),
        feedback("ben"),
        impression("spring", "ann:2"),
    ]
    store.put_many([*own, *others, profile("ann")])
    assert about(store, "ann") == {document.key for document in own}


def test_of_a_stranger_nothing_is_found(store: Store) -> None:
    store.put_many([impression("spring", "ann"), suppression("ann")])
    assert about(store, "cleo") == set()
    assert about(store, "") == set()


def test_what_has_expired_is_found_as_long_as_it_is_there(store: Store) -> None:
    gone: list[Document] = [impression("spring", "ann", expire_at=NOW), suppression("ann", expire_at=NOW)]
    store.put_many(gone)
    assert store.get_many([document.key for document in gone]) == {}
    assert about(store, "ann") == {document.key for document in gone}


def test_what_was_found_can_be_deleted(store: Store) -> None:
    store.put_many([impression("spring", "ann"), impression("spring", "ben"), suppression("ann")])
    store.delete_many(store.about("ann"))
    assert about(store, "ann") == set()
    assert [document.id for document in store.scan("impressions")] == ["spring:ben"]


@pytest.mark.parametrize("shopper", ["a/b", "a%2Fb", "..", "__x__", "ü", "'\"\\", "a\nb", "x" * 500])
def test_awkward_shoppers_are_found_as_well(store: Store, shopper: str) -> None:
    store.put_many([impression("spring", shopper), suppression(shopper), impression("spring", "ann")])
    assert about(store, shopper) == {impression("spring", shopper).key, suppression(shopper).key}


def test_a_shopper_of_many_emails_is_found_whole(store: Store) -> None:
    many = [impression(f"{n}", "ann") for n in range(1_200)]
    store.put_many(many)
    assert about(store, "ann") == {document.key for document in many}


def test_a_new_version_is_found_by_its_own_shopper(store: Store) -> None:
    store.put_many([impression("spring", "ann")])
    store.put_many([impression("spring", "ann", version=2)])
    assert about(store, "ann") == {impression("spring", "ann").key}


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.about("ann")


def test_every_personal_collection_is_either_the_profile_or_found(store: Store) -> None:
    """A new kind of personal document must not be forgotten when somebody is erased."""
    store.put_many([impression("spring", "ann"), exposures("ann"), suppression("ann"), feedback("ann")])
    store.put_many([profile("ann")])
    found = {key.collection for key in store.about("ann")}
    assert found == {kind.COLLECTION for kind in PERSONAL} - {Profile.COLLECTION}


def test_an_erased_profile_is_absent_at_once_and_does_not_come_back(store: Store) -> None:
    key = profile("ann").key
    store.put_many([profile("ann", version=5)])
    store.put_many([Profile.erased("ann", 6, NOW)])
    assert store.get_many([key]) == {}
    assert list(store.scan("profiles")) == []
    store.put_many([profile("ann", version=5)])  # held up on its way until now
    assert store.get_many([key]) == {}
    store.put_many([profile("ann", version=7)])
    assert store.get_many([key]) == {key: profile("ann", version=7)}


# How each finds them


def test_firestore_finds_impressions_by_a_native_field(
    firestore_emulator_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator_endpoint)
    project = f"about-{next(_projects)}"
    FirestoreStore(project).put_many([impression("spring", "ann"), suppression("ann")])
    client = google_firestore.Client(project)
    assert client.document("impressions/spring:ann").get().to_dict()["shopper"] == "ann"
    assert "shopper" not in client.document("suppressions/ann").get().to_dict()


def test_sqlite_finds_impressions_by_an_index(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite3")
    statements: list[str] = []
    [connection] = store._idle
    connection.set_trace_callback(statements.append)
    store.about("ann")
    connection.set_trace_callback(None)
    [query] = [statement for statement in statements if "impressions" in statement]
    with sqlite3.connect(tmp_path / "s.sqlite3") as other:
        plan = [row[3] for row in other.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert not [step for step in plan if step.startswith("SCAN")], plan
    assert any("impressions_by_shopper" in step for step in plan), plan
    store.close()


def test_an_erased_profile_is_purged(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite3", clock=lambda: NOW)
    store.put_many([profile("ann")])
    store.put_many([Profile.erased("ann", 2, NOW)])
    assert store.purge_expired() == 1
    store.close()


def test_a_store_that_does_not_answer_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite3", busy_timeout_s=0.05)
    store._idle.pop().close()
    other = sqlite3.connect(tmp_path / "s.sqlite3", isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.about("ann")
    other.close()
