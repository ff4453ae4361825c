"""A writer's memory lies beside its document: whole for the writer, and no burden to anybody else."""

from __future__ import annotations

import itertools
import json
import sqlite3
from pathlib import Path

import pytest
from google.cloud import firestore as google_firestore
from msgspec.structs import replace

from evermail.documents import Key, Profile
from evermail.stores import Outcome, Store
from evermail.stores.body import MAX_DOCUMENT_BYTES
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
KEY = Key("profiles", "ann")
MEMORY = bytes(range(256))
_projects = itertools.count()


def profile(memory: bytes = b"", *, version: int = 1, expire_at: int | None = None) -> Profile:
    return Profile(
        id="ann", version=version, updated_at=NOW, expire_at=expire_at, as_of=NOW, events=1, memory=memory
    )


def memory_of(store: Store) -> bytes:
    return store.get_many([KEY], with_memory=True)[KEY].memory


# What every store promises


def test_memory_comes_back_only_where_it_is_asked_for(store: Store) -> None:
    store.put_many([profile(MEMORY)])
    assert store.get_many([KEY]) == {KEY: profile()}
    assert store.get_many([KEY], with_memory=False) == {KEY: profile()}
    assert store.get_many([KEY], timeout_s=30, with_memory=True) == {KEY: profile(MEMORY)}


def test_a_scan_never_carries_memory(store: Store) -> None:
    store.put_many([profile(MEMORY)])
    assert list(store.scan("profiles")) == [profile()]


def test_a_document_without_memory_has_none(store: Store) -> None:
    store.put_many([profile()])
    assert store.get_many([KEY], with_memory=True) == {KEY: profile()}


def test_the_document_that_was_written_keeps_its_memory(store: Store) -> None:
    document = profile(MEMORY)
    store.put_many([document])
    assert document.memory == MEMORY


def test_memory_goes_with_its_version(store: Store) -> None:
    store.put_many([profile(b"second", version=2)])
    store.put_many([profile(b"first", version=1)])
    assert memory_of(store) == b"second"
    store.put_many([profile(b"third", version=3), profile(b"not this", version=2)])
    assert memory_of(store) == b"third"
    store.put_many([profile(version=4)])
    assert memory_of(store) == b""


def test_memory_goes_when_its_document_goes(store: Store) -> None:
    store.put_many([profile(MEMORY)])
    store.put_many([Profile.erased("ann", 2, NOW)])
    assert store.get_many([KEY], with_memory=True) == {}
    store.put_many([profile(version=3)])
    assert memory_of(store) == b""
    store.put_many([profile(MEMORY, version=4)])
    store.delete_many([KEY])
    assert store.get_many([KEY], with_memory=True) == {}


@pytest.mark.parametrize(
    ("excess", "outcome"), [(0, Outcome.WRITTEN), (1, Outcome.PERMANENT)], ids=["fits", "a byte too much"]
)
def test_body_and_memory_share_the_room_of_a_document(store: Store, excess: int, outcome: Outcome) -> None:
    full = Profile(id="i" * 1_500, version=1, updated_at=NOW, as_of=NOW, events=1)
    body_bytes = len(json.dumps({"id": full.id, "version": 1, "updated_at": NOW}, separators=(",", ":")))
    body_bytes += len(f',"as_of":{NOW},"events":1')
    full.memory = b"m" * (MAX_DOCUMENT_BYTES - body_bytes + excess)
    [result] = store.put_many([full])
    assert result.outcome == outcome, result.message
    assert ("of memory" in result.message) == (outcome is Outcome.PERMANENT)
    assert len(store.get_many([full.key], with_memory=True)) == 1 - excess


def test_many_large_memories_are_written_in_one_call(store: Store) -> None:
    documents = [replace(profile(b"m" * 900_000), id=f"{n}") for n in range(6)]
    assert {result.outcome for result in store.put_many(documents)} == {Outcome.WRITTEN}
    keys = [document.key for document in documents]
    assert store.get_many(keys, with_memory=True) == {document.key: document for document in documents}


def test_memory_that_is_not_bytes_is_told(store: Store) -> None:
    [result] = store.put_many([profile("text")])  # type: ignore[arg-type]
    assert result.outcome == Outcome.PERMANENT
    assert "its memory is str, not bytes" in result.message


# How it looks in each


def test_firestore_keeps_it_as_bytes_and_leaves_it_out_when_there_is_none(
    firestore_emulator_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator_endpoint)
    project = f"memory-{next(_projects)}"
    FirestoreStore(project).put_many([profile(MEMORY), replace(profile(), id="ben")])
    collection = google_firestore.Client(project).collection("profiles")
    ann, ben = (collection.document(id).get().to_dict() for id in ("ann", "ben"))
    assert ann["memory"] == MEMORY
    assert "memory" not in json.loads(ann["body"])
    assert "memory" not in ben


def test_sqlite_keeps_it_in_a_column_of_its_own(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "s.sqlite3").put_many([profile(MEMORY), replace(profile(), id="ben")])
    with sqlite3.connect(tmp_path / "s.sqlite3") as file:
        rows = file.execute("SELECT body, memory FROM documents ORDER BY id").fetchall()
    assert [memory for _, memory in rows] == [MEMORY, None]
    assert "memory" not in json.loads(rows[0][0])


def test_a_file_of_before_there_was_memory_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as old:
        old.execute(
            "CREATE TABLE documents (collection TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, "
            "expire_at INTEGER, body TEXT NOT NULL, PRIMARY KEY (collection, id))"
        )
        body = json.dumps({"id": "ann", "version": 1, "updated_at": NOW, "as_of": NOW, "events": 1})
        old.execute("INSERT INTO documents VALUES ('profiles', 'ann', 1, NULL, ?)", (body,))
    old.close()
    for version in (2, 3):  # the second time there is nothing to do
        store = SqliteStore(path)
        assert KEY in store.get_many([KEY], with_memory=True)
        store.put_many([profile(MEMORY, version=version)])
        assert store.get_many([KEY], with_memory=True) == {KEY: profile(MEMORY, version=version)}
        store.close()
