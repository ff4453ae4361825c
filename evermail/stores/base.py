"""The protocol that every store speaks, and the words its answers are made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from evermail.documents import Document, Key


class StoreError(Exception):
    """A store cannot do what was asked, and trying again will not help."""


class StoreUnavailable(StoreError):
    """A store cannot answer now; the same call may succeed later."""


class UnreadableDocument(StoreError):
    """What is stored under one of the keys is not a document of this version. The others can be read."""


class Outcome(StrEnum):
    WRITTEN = "written"
    STALE = "stale"
    """The store already holds this version or a higher one: nothing was changed."""
    TRANSIENT = "transient"
    """Not written; the same write may succeed later."""
    PERMANENT = "permanent"
    """Not written, and it never will be as it stands."""


class WriteResult(msgspec.Struct, frozen=True):
    """What became of one document of a `put_many`."""

    key: Key
    outcome: Outcome
    message: str = ""


class Store(Protocol):
    """Versioned documents by key. Implementations are safe to share between threads."""

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        """The documents that exist, in one round trip. Missing ones, and those whose `expire_at` is
        past, are absent. Their `memory` is empty unless it is asked for: only a writer needs it, and nobody
        else is to carry it. Raises `StoreUnavailable` when the store does not answer within `timeout_s`, and
        `UnreadableDocument` when there is one among them."""
        ...

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        """Writes whole documents and says of each, in the order given, what became of it.

        A document is written, with its `memory`, only if the store holds no version of it or a lower one.
        Of several versions of one key in a call the highest is written and the others are `STALE`.
        Problems are told in the results: it does not raise.
        """
        ...

    def delete_many(self, keys: Sequence[Key]) -> None:
        """Deletes documents; one that does not exist is no error. Raises `StoreUnavailable`."""
        ...

    def scan(self, collection: str) -> Iterator[Document]:
        """Every document of a collection in the order of ids, without `memory`. Raises `StoreUnavailable`."""
        ...

    def about(self, shopper: str) -> list[Key]:
        """The keys of what is stored of a shopper besides the profile, expired documents included: the
        suppression, what this shopper said of items, and what was shown. Raises `StoreUnavailable`."""
        ...

    def ping(self, *, timeout_s: float) -> None:
        """Raises `StoreUnavailable` unless the store answers within `timeout_s`."""
        ...

    def close(self) -> None: ...


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite store; None for the URL of any other store, or of none."""
    parts = urlsplit(url)
    # sqlite:///relative and sqlite:////absolute, as SQLAlchemy writes them
    path = parts.path.removeprefix("/")
    return Path(path) if parts.scheme == "sqlite" and path else None


def open_store(url: str) -> Store:
    """Opens the store that a URL names. Raises `StoreError` for a URL it cannot read."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        from evermail.stores.sqlite import SqliteStore

        return SqliteStore(sqlite_file(url) or "")
    if parts.scheme == "firestore" and parts.netloc:
        from evermail.stores.firestore import FirestoreStore

        return FirestoreStore(parts.netloc, database=parts.path.strip("/") or "(default)")
    raise StoreError(f"cannot open store {url!r}: expected sqlite:///PATH or firestore://PROJECT[/DATABASE]")
