"""What every store promises, stated once and held against each of them."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from evermail.documents import Document, Key, Neighbors, Product, Profile, Seen, Suppression
from evermail.stores import Outcome, Store, StoreError
from evermail.stores.body import MAX_DOCUMENT_BYTES, MAX_ID_BYTES

NOW = 1_790_000_000_000_000
WRITTEN, STALE, TRANSIENT, PERMANENT = Outcome.WRITTEN, Outcome.STALE, Outcome.TRANSIENT, Outcome.PERMANENT


def suppression(
    id: str, version: int = 1, *, reason: str = "asked", expire_at: int | None = None
) -> Suppression:
    return Suppression(id=id, version=version, updated_at=NOW, reason=reason, expire_at=expire_at)


def outcomes(store: Store, *documents: Document) -> list[Outcome]:
    results = store.put_many(documents)
    assert [result.key for result in results] == [document.key for document in documents]
    return [result.outcome for result in results]


def stored(store: Store, key: Key) -> Document | None:
    return store.get_many([key]).get(key)


# Reading and writing


def test_what_was_written_is_read(store: Store) -> None:
    documents = [suppression("a"), suppression("b", reason="bounced ü"), suppression("c", expire_at=NOW + 1)]
    assert outcomes(store, *documents) == [WRITTEN] * 3
    assert store.get_many([d.key for d in documents], timeout_s=30) == {d.key: d for d in documents}


def test_one_read_serves_several_collections(store: Store) -> None:
    profile = Profile(id="x", version=1, updated_at=NOW, as_of=1, events=1, history=[Seen("i", 1, "search")])
    assert outcomes(store, profile, suppression("x")) == [WRITTEN, WRITTEN]
    assert store.get_many([profile.key, suppression("x").key]) == {
        profile.key: profile,
        suppression("x").key: suppression("x"),
    }


def test_missing_documents_are_absent(store: Store) -> None:
    store.put_many([suppression("a")])
    assert store.get_many([Key("suppressions", "b"), Key("profiles", "a"), Key("no_such", "a")]) == {}


def test_a_key_asked_twice_comes_once(store: Store) -> None:
    store.put_many([suppression("a")])
    assert store.get_many([Key("suppressions", "a")] * 2) == {Key("suppressions", "a"): suppression("a")}


def test_empty_calls_do_nothing(store: Store) -> None:
    assert store.get_many([]) == {}
    assert store.put_many([]) == []
    store.delete_many([])
    assert list(store.scan("products")) == []


AWKWARD_IDS = [
    *("a/b", "/", "//", "a%2Fb", "%", "ü", "🍵", ".", "..", "...", "__x__", "____", "__", "%5F_x__"),
    *(" ", "a b", "a\nb", "'\"`\\", "global", "category:Tea & Co", "campaign:shopper", "x" * 500, "ü" * 750),
]


def test_awkward_ids_are_kept_apart(store: Store) -> None:
    documents = [suppression(id, reason=id) for id in AWKWARD_IDS]
    assert outcomes(store, *documents) == [WRITTEN] * len(documents)
    assert store.get_many([d.key for d in documents]) == {d.key: d for d in documents}
    assert {d.id for d in store.scan("suppressions")} == set(AWKWARD_IDS)
    store.delete_many([d.key for d in documents])
    assert list(store.scan("suppressions")) == []


def test_many_documents_in_one_call(store: Store) -> None:
    documents = [suppression(f"{n:04}") for n in range(1_200)]
    assert outcomes(store, *documents) == [WRITTEN] * 1_200
    assert outcomes(store, *documents) == [STALE] * 1_200
    assert len(store.get_many([d.key for d in documents])) == 1_200
    store.delete_many([d.key for d in documents])
    assert store.get_many([d.key for d in documents]) == {}


def test_large_documents_in_one_call(store: Store) -> None:
    documents = [suppression(f"{n}", reason="x" * (MAX_DOCUMENT_BYTES - 200)) for n in range(6)]
    assert outcomes(store, *documents) == [WRITTEN] * 6
    assert store.get_many([d.key for d in documents]) == {d.key: d for d in documents}


# Versions


@pytest.mark.parametrize(("version", "outcome"), [(4, STALE), (5, STALE), (6, WRITTEN)])
def test_only_a_higher_version_replaces(store: Store, version: int, outcome: Outcome) -> None:
    store.put_many([suppression("a", 5, reason="before")])
    assert outcomes(store, suppression("a", version, reason="after")) == [outcome]
    left = stored(store, Key("suppressions", "a"))
    assert left == suppression("a", max(5, version), reason="after" if outcome == WRITTEN else "before")


def test_the_highest_version_of_a_key_in_a_call_is_written(store: Store) -> None:
    calls = [
        suppression("a", 2),
        suppression("b", 1),
        suppression("a", 9),
        suppression("a", 9),
        suppression("a", 3),
    ]
    assert outcomes(store, *calls) == [STALE, WRITTEN, WRITTEN, STALE, STALE]
    assert stored(store, Key("suppressions", "a")) == suppression("a", 9)


def test_a_stale_document_does_not_hold_up_the_others(store: Store) -> None:
    store.put_many([suppression("a", 5)])
    assert outcomes(store, suppression("b", 1), suppression("a", 4), suppression("c", 1)) == [
        WRITTEN,
        STALE,
        WRITTEN,
    ]


def test_a_document_replaces_the_whole_of_the_one_before(store: Store) -> None:
    full = Product(
        id="p",
        version=1,
        updated_at=NOW,
        title="Tea",
        url="u",
        image_url="i",
        price=2.0,
        currency="EUR",
        brand="B",
    )
    bare = Product(
        id="p", version=2, updated_at=NOW, title="Tea", url="u", image_url="i", price=2.0, currency="EUR"
    )
    store.put_many([full])
    store.put_many([bare])
    assert stored(store, Key("products", "p")) == bare


def test_after_a_deletion_any_version_may_be_written(store: Store) -> None:
    store.put_many([suppression("a", 9)])
    store.delete_many([Key("suppressions", "a"), Key("suppressions", "never was"), Key("suppressions", "a")])
    assert stored(store, Key("suppressions", "a")) is None
    assert outcomes(store, suppression("a", 2)) == [WRITTEN]
    assert stored(store, Key("suppressions", "a")) == suppression("a", 2)


def test_whoever_writes_when_the_highest_version_stays(store: Store) -> None:
    keys, versions, writers = ["a", "b", "c"], 50, 8

    def write(seed: int) -> None:
        todo = [suppression(key, v, reason=str(v)) for key in keys for v in range(1, versions + 1)]
        random.Random(seed).shuffle(todo)
        while todo:
            batch, todo = todo[:10], todo[10:]
            results = store.put_many(batch)
            assert all(result.outcome != PERMANENT for result in results), results
            todo += [d for d, r in zip(batch, results, strict=True) if r.outcome == TRANSIENT]

    with ThreadPoolExecutor(writers) as threads:
        list(threads.map(write, range(writers)))
    expected = {Key("suppressions", key): suppression(key, versions, reason=str(versions)) for key in keys}
    assert store.get_many(list(expected)) == expected


# Documents that cannot be kept

UNWRITABLE = {
    "no id": suppression(""),
    "a long id": suppression("x" * (MAX_ID_BYTES + 1)),
    "an id that is not Unicode": suppression("\ud800"),
    "no collection": Document(id="a", version=1, updated_at=NOW),
    "a version beyond 64 bits": suppression("a", 2**63),
    "a version beyond what JSON takes": suppression("a", 2**64),
    "a time beyond the calendar": Suppression(id="a", version=1, updated_at=10**18, reason=""),
    "too much": suppression("a", reason="x" * MAX_DOCUMENT_BYTES),
    "text that is not Unicode": suppression("a", reason="\ud800"),
    "a field of another type": suppression("a", reason=5),  # type: ignore[arg-type]
    "a number that JSON lacks": Product(
        id="a", version=1, updated_at=NOW, title="", url="", image_url="", price=float("nan"), currency="EUR"
    ),
}


@pytest.mark.parametrize("bad", UNWRITABLE.values(), ids=UNWRITABLE)
def test_a_document_that_cannot_be_kept_is_told_and_harms_no_other(store: Store, bad: Document) -> None:
    results = store.put_many([suppression("good"), bad, suppression("good too")])
    assert [result.outcome for result in results] == [WRITTEN, PERMANENT, WRITTEN]
    assert results[1].message
    assert store.get_many([bad.key]) == {}
    store.delete_many([bad.key])


def test_a_bad_high_version_does_not_push_out_a_good_lower_one(store: Store) -> None:
    assert outcomes(store, suppression("a", 1), suppression("a", 2, reason="\ud800")) == [WRITTEN, PERMANENT]
    assert stored(store, Key("suppressions", "a")) == suppression("a", 1)


# Expiry


def test_what_has_expired_is_absent_but_still_fences(store: Store) -> None:
    store.put_many([suppression("gone", 5, expire_at=NOW), suppression("here", 5, expire_at=NOW + 1)])
    assert stored(store, Key("suppressions", "gone")) is None
    assert [d.id for d in store.scan("suppressions")] == ["here"]
    assert outcomes(store, suppression("gone", 4)) == [STALE]
    assert outcomes(store, suppression("gone", 6)) == [WRITTEN]
    assert stored(store, Key("suppressions", "gone")) == suppression("gone", 6)


# Scanning


def test_a_scan_gives_one_collection_in_the_order_of_ids(store: Store) -> None:
    ids = [f"{n:04}" for n in range(1_100)]
    shuffled = random.Random(1).sample(ids, len(ids))
    store.put_many([suppression(id) for id in shuffled])
    store.put_many([Neighbors(id="other", version=1, updated_at=NOW, as_of=1, total=1.0)])
    assert [d.id for d in store.scan("suppressions")] == ids


def test_a_scan_may_write_as_it_goes(store: Store) -> None:
    store.put_many([suppression(f"{n:04}") for n in range(600)])
    for document in store.scan("suppressions"):
        if document.id < "0003":
            store.delete_many([document.key])
    assert sum(1 for _ in store.scan("suppressions")) == 597


# The store itself


def test_an_open_store_answers_a_ping(store: Store) -> None:
    store.ping(timeout_s=30)


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.get_many([Key("products", "a")])
    with pytest.raises(StoreError, match="closed"):
        list(store.scan("products"))
    with pytest.raises(StoreError, match="closed"):
        store.delete_many([Key("products", "a")])
    assert outcomes(store, suppression("a")) == [TRANSIENT]
