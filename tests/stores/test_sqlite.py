"""What is SQLite's own: the file, its sharing between processes, and its failures."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from evermail.documents import Key, Suppression
from evermail.stores import Outcome, StoreError, StoreUnavailable, open_store
from evermail.stores.sqlite import SqliteStore

NOW = 1_790_000_000_000_000
KEY = Key("suppressions", "a")


def suppression(id: str = "a", version: int = 1, *, expire_at: int | None = None) -> Suppression:
    return Suppression(id=id, version=version, updated_at=NOW, reason="asked", expire_at=expire_at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path, busy_timeout_s=0.05, clock=lambda: NOW)
    yield opened
    opened.close()


# The file


def test_the_directory_is_made(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "not" / "there" / "yet.sqlite3").put_many([suppression()])
    assert (tmp_path / "not" / "there" / "yet.sqlite3").exists()


def test_a_relative_path_is_taken_from_where_the_store_was_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///a%23b.sqlite3")
    monkeypatch.chdir("/")
    store.put_many([suppression()])
    assert list(tmp_path.glob("*.sqlite3"))


def test_awkward_file_names_are_taken_as_they_are(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "a?b#c %20 ü.sqlite3").close()
    assert (tmp_path / "a?b#c %20 ü.sqlite3").exists()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_memory_is_refused_as_it_cannot_be_shared(path: str) -> None:
    with pytest.raises(StoreError, match="needs a file"):
        SqliteStore(path)


def test_a_directory_that_cannot_be_made_is_told(path: Path) -> None:
    path.write_text("in the way")
    with pytest.raises(StoreError, match="cannot make the directory"):
        SqliteStore(path / "store.sqlite3")


def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path) -> None:
    path.write_text("dear diary, " * 1000)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(path)
    assert path.read_text().startswith("dear diary")


def test_what_was_written_outlives_the_store(path: Path) -> None:
    first = SqliteStore(path)
    first.put_many([suppression()])
    first.close()
    assert SqliteStore(path).get_many([KEY]) == {KEY: suppression()}


def test_the_file_can_be_queried_with_sqlites_own_tools(store: SqliteStore, path: Path) -> None:
    store.put_many([suppression()])
    query = "SELECT collection, id, version, json_extract(body, '$.reason') FROM documents"
    assert sqlite3.connect(path).execute(query).fetchall() == [("suppressions", "a", 1, "asked")]


def test_expired_documents_can_be_purged(store: SqliteStore) -> None:
    store.put_many([suppression("a", expire_at=NOW), suppression("b", expire_at=NOW + 1), suppression("c")])
    assert store.purge_expired() == 1
    assert store.purge_expired() == 0
    assert [d.id for d in store.scan("suppressions")] == ["b", "c"]


# Several processes


def test_two_processes_share_a_file(store: SqliteStore, path: Path) -> None:
    program = """
import sys
from evermail.documents import Suppression
from evermail.stores.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
for version in range(1, 201):
    results = store.put_many([Suppression(id="a", version=version, updated_at=1, reason=str(version))])
    assert results[0].outcome == "written", results
"""
    seen = 0
    with subprocess.Popen([sys.executable, "-c", program, path], cwd=Path(__file__).parents[2]) as writer:
        while writer.poll() is None:
            for document in store.get_many([KEY]).values():
                assert document.version >= seen
                seen = document.version
    assert writer.returncode == 0
    assert store.get_many([KEY])[KEY].version == 200


def test_while_another_process_writes_reads_go_on_and_writes_are_transient(
    store: SqliteStore, path: Path
) -> None:
    store.put_many([suppression()])
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert store.get_many([KEY], timeout_s=0) == {KEY: suppression()}
    [result] = store.put_many([suppression(version=2)])
    assert result.outcome == Outcome.TRANSIENT
    assert "locked" in result.message
    with pytest.raises(StoreUnavailable, match="locked"):
        store.delete_many([KEY])
    other.execute("ROLLBACK")
    assert store.put_many([suppression(version=2)])[0].outcome == Outcome.WRITTEN


@contextmanager
def locked_for_good(path: Path) -> Iterator[None]:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    yield
    assert other.in_transaction  # nobody was waited for
    other.close()


def test_a_file_locked_for_good_is_unavailable(path: Path) -> None:
    SqliteStore(path).close()
    with locked_for_good(path), pytest.raises(StoreUnavailable, match="locked"):
        SqliteStore(path, busy_timeout_s=0.05)


def test_a_file_locked_for_good_is_waited_for_as_long_as_the_caller_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[float] = []
    connect = sqlite3.connect

    def noting(*args: Any, timeout: float, **kwargs: Any) -> sqlite3.Connection:
        opened.append(timeout)
        return connect(*args, timeout=timeout, **kwargs)

    store = SqliteStore(path, busy_timeout_s=10_000)
    store._idle.pop().close()  # so that the next call opens the file anew
    with locked_for_good(path):
        monkeypatch.setattr(sqlite3, "connect", noting)
        with pytest.raises(StoreUnavailable, match="locked"):
            store.get_many([KEY], timeout_s=0.05)
        with pytest.raises(StoreUnavailable, match="locked"):
            store.ping(timeout_s=0.06)
        monkeypatch.undo()
    assert opened == [0.05, 0.06]


def test_an_open_connection_waits_for_locks_as_long_as_the_caller_says(path: Path) -> None:
    store = SqliteStore(path, busy_timeout_s=30)

    def waits_ms() -> int:
        [connection] = store._idle
        [milliseconds] = connection.execute("PRAGMA busy_timeout").fetchone()
        return int(milliseconds)

    store.get_many([KEY], timeout_s=0.05)
    assert waits_ms() == 50
    store.ping(timeout_s=0.25)
    assert waits_ms() == 250
    store.put_many([suppression()])
    assert waits_ms() == 30_000
    store.get_many([KEY], timeout_s=0)
    assert waits_ms() == 0
    store.close()


# Failures of the disk


def test_a_full_disk_is_transient(store: SqliteStore) -> None:
    store._idle[0].execute("PRAGMA max_page_count = 5")
    documents = [suppression(f"{n}") for n in range(1_000)]
    assert {result.outcome for result in store.put_many(documents)} == {Outcome.TRANSIENT}
    assert "full" in store.put_many(documents)[0].message
    assert list(store.scan("suppressions")) == []


def test_a_read_only_file_is_transient(store: SqliteStore) -> None:
    store._idle[0].execute("PRAGMA query_only = TRUE")
    [result] = store.put_many([suppression()])
    assert result.outcome == Outcome.TRANSIENT
    assert "readonly" in result.message


def test_a_damaged_file_is_told(path: Path) -> None:
    store = SqliteStore(path)
    store.put_many([suppression(f"{n}") for n in range(1_000)])
    store.close()
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    damaged = SqliteStore(path)
    with pytest.raises(StoreError, match="malformed") as failure:
        damaged.get_many([KEY])
    assert not isinstance(failure.value, StoreUnavailable)
    [result] = damaged.put_many([suppression()])
    assert result.outcome == Outcome.PERMANENT
    assert "malformed" in result.message


def test_a_body_that_is_no_document_is_named(store: SqliteStore, path: Path) -> None:
    store.put_many([suppression()])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE documents SET body = '{\"id\": 5}'")
    with pytest.raises(StoreError, match="suppressions/a is not a document"):
        store.get_many([KEY])
