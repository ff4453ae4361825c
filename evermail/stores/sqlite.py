"""Documents in one SQLite file, for one machine: several processes may write and read it at once.

The file is in WAL mode: readers never wait for the writer, writers wait for each other. Each thread that is
at work has a connection of its own, taken from a pool. A crash of a process loses nothing that was answered
`WRITTEN`; a loss of power may lose the last moments (`synchronous=NORMAL`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from evermail import clock
from evermail.documents import Document, Key, Suppression
from evermail.stores import body
from evermail.stores.base import Outcome, StoreError, StoreUnavailable, WriteResult

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  version INTEGER NOT NULL,
  expire_at INTEGER,
  body TEXT NOT NULL,
  memory BLOB,
  PRIMARY KEY (collection, id)
)
"""
# It stands last, so that who reads a body never touches the pages of a memory.
_ADD_MEMORY = "ALTER TABLE documents ADD COLUMN memory BLOB"
_INDEX = """
CREATE INDEX IF NOT EXISTS impressions_by_shopper ON documents (json_extract(body, '$.shopper'))
WHERE collection = 'impressions'
"""
_UPSERT = """
INSERT INTO documents (collection, id, version, expire_at, body, memory) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (collection, id) DO UPDATE
SET version = excluded.version, expire_at = excluded.expire_at, body = excluded.body, memory = excluded.memory
WHERE excluded.version > documents.version
"""
_GET = """
WITH asked (number, collection, id) AS (VALUES {asked})
SELECT number, body, {memory} FROM asked CROSS JOIN documents USING (collection, id)
WHERE expire_at IS NULL OR expire_at > ?
"""
_GET_SIZE = 200
"""Keys in one statement. One for all, as threads lose time to each other with each."""
_PAGE = """
SELECT id, body FROM documents
WHERE collection = ? AND id > ? AND (expire_at IS NULL OR expire_at > ?) ORDER BY id LIMIT ?
"""
_ABOUT = """
SELECT collection, id FROM documents WHERE collection IN ('suppressions', 'feedback', 'exposures') AND id = ?1
UNION ALL
SELECT collection, id FROM documents WHERE collection = 'impressions' AND json_extract(body, '$.shopper') = ?1
"""
_DELETE = "DELETE FROM documents WHERE collection = ? AND id = ?"
_PURGE = "DELETE FROM documents WHERE expire_at <= ?"
_PAGE_SIZE = 500

# What may pass by itself, or once somebody frees space or puts permissions right: no fault of the document.
_TRANSIENT = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_INTERRUPT,
}


class SqliteStore:
    """A `Store` in the file at `path`, which is made, with its directory, if it does not exist.

    Writes wait at most `busy_timeout_s` for other writers. Raises `StoreError` if the path cannot be a
    store, and `StoreUnavailable` if another process has locked the file.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, busy_timeout_s: float = 5.0, clock: clock.Clock = clock.now_us
    ) -> None:
        if os.fspath(path) in ("", ":memory:"):
            raise StoreError(
                f"an SQLite store needs a file, as several processes share it: {os.fspath(path)!r} is none"
            )
        self.path = Path(path).absolute()
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock
        self._idle: deque[_Connection] = deque()
        self._one_writer = threading.Lock()
        self._closed = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise StoreError(f"cannot make the directory of {self.path}: {problem.strerror}") from problem
        with self._told(), self._connection(busy_timeout_s, mode="rwc") as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)
            if not _has_memory(connection):
                _add_memory(connection)
            connection.execute(_INDEX)

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        asked = [key for key in dict.fromkeys(keys) if body.is_storable(key)]
        parts = [asked[start : start + _GET_SIZE] for start in range(0, len(asked), _GET_SIZE)]
        found: dict[Key, tuple[bytes, bytes | None]] = {}
        now = self._clock()
        with self._told(), self._connection(timeout_s) as connection:
            if len(parts) > 1:
                connection.execute("BEGIN")  # one snapshot for all
            for part in parts:
                get = _get(len(part), with_memory)
                values = [
                    value for number, key in enumerate(part) for value in (number, key.collection, key.id)
                ]
                for number, stored, memory in connection.execute(get, (*values, now)):
                    found[part[number]] = stored, memory
            if len(parts) > 1:
                connection.execute("COMMIT")
        return {key: body.read(key, stored, memory or b"") for key, (stored, memory) in found.items()}

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        """All in one transaction: on a failure none of them is written."""
        results, writables = body.sort_out(documents)
        outcomes: list[Outcome] = []
        message = ""
        try:
            if writables:
                with self._transaction() as connection:
                    for writable in writables:
                        outcomes.append(_upsert(connection, writable))
        except sqlite3.Error as problem:
            message = _describe(problem)
            outcomes = [Outcome.TRANSIENT if _is_transient(problem) else Outcome.PERMANENT] * len(writables)
        except StoreUnavailable as problem:
            message = str(problem)
            outcomes = [Outcome.TRANSIENT] * len(writables)
        for writable, outcome in zip(writables, outcomes, strict=True):
            results[writable.index] = WriteResult(writable.document.key, outcome, message)
        return results

    def delete_many(self, keys: Sequence[Key]) -> None:
        with self._told(), self._transaction() as connection:
            connection.executemany(
                _DELETE, [(key.collection, key.id) for key in keys if body.is_storable(key)]
            )

    def scan(self, collection: str) -> Iterator[Document]:
        """In pages, so a slow reader holds up nobody; what is written meanwhile may or may not appear."""
        last_id = ""
        while True:
            with self._told(), self._connection(None) as connection:
                rows = connection.execute(_PAGE, (collection, last_id, self._clock(), _PAGE_SIZE)).fetchall()
            for raw_id, stored in rows:
                last_id = raw_id.decode()
                yield body.read(Key(collection, last_id), stored)
            if len(rows) < _PAGE_SIZE:
                return

    def about(self, shopper: str) -> list[Key]:
        if not body.is_storable(Key(Suppression.COLLECTION, shopper)):
            return []
        with self._told(), self._connection(None) as connection:
            rows = connection.execute(_ABOUT, (shopper,)).fetchall()
        return [Key(collection.decode(), id.decode()) for collection, id in rows]

    def purge_expired(self) -> int:
        """Deletes documents whose `expire_at` is past; returns how many. Firestore does this by itself."""
        with self._told(), self._transaction() as connection:
            return connection.execute(_PURGE, (self._clock(),)).rowcount

    def ping(self, *, timeout_s: float) -> None:
        with self._told(), self._connection(timeout_s) as connection:
            connection.execute("SELECT 1 FROM documents LIMIT 1").fetchall()

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _transaction(self) -> Iterator[_Connection]:
        """One writing transaction, committed at the end or rolled back whole."""
        # Threads queue fairly for this lock, while SQLite's own waiting sleeps longer and longer.
        if not self._one_writer.acquire(timeout=self._busy_timeout_s):
            raise StoreUnavailable(f"{self.path}: other threads kept writing")
        try:
            with self._connection(None) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
        finally:
            self._one_writer.release()

    @contextmanager
    def _connection(self, timeout_s: float | None, *, mode: str = "rw") -> Iterator[_Connection]:
        """A connection for one piece of work; whatever it left open is rolled back."""
        if self._closed:
            raise StoreUnavailable(f"{self.path}: the store was closed")
        limit_s = self._busy_timeout_s if timeout_s is None else timeout_s
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}",
                uri=True,
                timeout=limit_s,  # holds from the first look at the file
                isolation_level=None,
                check_same_thread=False,
                factory=_Connection,
            )
            connection.text_factory = bytes
            connection.execute("PRAGMA synchronous = NORMAL")
        try:
            connection.wait_at_most(limit_s)
            yield connection
        finally:
            if connection.in_transaction:
                connection.rollback()
            if self._closed:
                connection.close()
            else:
                self._idle.append(connection)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns SQLite's errors into the protocol's."""
        try:
            yield
        except sqlite3.Error as problem:
            kind = StoreUnavailable if _is_transient(problem) else StoreError
            raise kind(f"{self.path}: {_describe(problem)}") from problem


class _Connection(sqlite3.Connection):
    """Knows how long it waits for locks, as asking SQLite to change that on every call would cost."""

    _timeout_ms = -1

    def wait_at_most(self, timeout_s: float) -> None:
        timeout_ms = int(timeout_s * 1000)
        if timeout_ms != self._timeout_ms:
            self.execute(f"PRAGMA busy_timeout = {timeout_ms}")
            self._timeout_ms = timeout_ms


def _upsert(connection: sqlite3.Connection, writable: body.Writable) -> Outcome:
    key, document = writable.document.key, writable.document
    memory = document.memory or None
    row = (key.collection, key.id, document.version, document.expire_at, writable.body, memory)
    return Outcome.WRITTEN if connection.execute(_UPSERT, row).rowcount else Outcome.STALE


def _has_memory(connection: sqlite3.Connection) -> bool:
    return any(column[1] == b"memory" for column in connection.execute("PRAGMA table_info(documents)"))


def _add_memory(connection: sqlite3.Connection) -> None:
    """Brings a file of an earlier version up to date; several processes may be about to."""
    connection.execute("BEGIN IMMEDIATE")
    if not _has_memory(connection):
        connection.execute(_ADD_MEMORY)
    connection.execute("COMMIT")


def _is_transient(problem: sqlite3.Error) -> bool:
    code = getattr(problem, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _TRANSIENT  # the low byte is the primary code


def _describe(problem: sqlite3.Error) -> str:
    return f"{problem} ({getattr(problem, 'sqlite_errorname', type(problem).__name__)})"


@lru_cache(maxsize=2 * _GET_SIZE)
def _get(keys: int, with_memory: bool) -> str:
    """The statement that reads so many."""
    return _GET.format(asked=", ".join(["(?, ?, ?)"] * keys), memory="memory" if with_memory else "NULL")
