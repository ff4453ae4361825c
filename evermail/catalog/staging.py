"""What a feed holds, kept on disk until all of it is read and judged.

Nothing may be written before the whole feed has passed, and a feed of a million items does not fit in
memory: so the products that passed, the ids that occurred and everything found wrong wait in a temporary
SQLite database, which vanishes when it is closed, however that comes about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from types import TracebackType

import msgspec

from evermail.catalog.findings import Refused, Remarked
from evermail.documents import Product

CACHE_KIB = 32 * 1024
"""Memory for pages of the database; the rest stands in a file of the directory for temporary files."""

_SCHEMA = """
CREATE TABLE items (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, product BLOB);
CREATE TABLE refused (number INTEGER PRIMARY KEY, finding BLOB NOT NULL);
CREATE TABLE remarked (number INTEGER PRIMARY KEY, finding BLOB NOT NULL);
CREATE TABLE missing (id TEXT PRIMARY KEY, product BLOB NOT NULL);
"""
_ADD = """
INSERT INTO items (id, product) VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET product = excluded.product WHERE items.product IS NULL
"""
_NEXT = """
SELECT number, product FROM items WHERE number > ? AND product IS NOT NULL ORDER BY number LIMIT ?
"""


class Staging:
    """One import's temporary database. Raises `sqlite3.Error` where the disk is full."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._connection.execute("PRAGMA journal_mode = OFF")  # nobody would read it after a crash
        self._connection.executescript(_SCHEMA)
        self._connection.execute("BEGIN")

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, product: Product) -> bool:
        """Keeps a product, unless the feed has had one of this id: returns whether it was kept."""
        return self._connection.execute(_ADD, (product.id, _encode(product))).rowcount == 1

    def add_refused(self, item_id: str) -> None:
        """Remembers that the feed has an item of this id, although it was refused."""
        self._connection.execute("INSERT INTO items (id) VALUES (?) ON CONFLICT (id) DO NOTHING", (item_id,))

    def products(self, size: int) -> Iterator[list[Product]]:
        """The products in the order of the feed, `size` at a time."""
        last = 0
        while rows := self._connection.execute(_NEXT, (last, size)).fetchall():
            last = rows[-1][0]
            yield [_PRODUCTS.decode(product) for _, product in rows]

    def not_in_feed(self, ids: Sequence[str]) -> set[str]:
        """Those of at most some hundred ids that no item of the feed has."""
        marks = ", ".join("?" * len(ids))
        query = f"SELECT id FROM items WHERE id IN ({marks})"  # noqa: S608 - question marks alone
        return set(ids).difference(item_id for (item_id,) in self._connection.execute(query, list(ids)))

    def add_missing(self, products: Iterable[Product]) -> None:
        """Keeps products that the store has and the feed has not; one that is kept already is replaced."""
        rows = ((product.id, _encode(product)) for product in products)
        self._connection.executemany("INSERT OR REPLACE INTO missing VALUES (?, ?)", rows)

    def missing(self, size: int) -> Iterator[list[Product]]:
        """What `add_missing` kept, in the order of ids, `size` at a time."""
        last = ""
        query = "SELECT id, product FROM missing WHERE id > ? ORDER BY id LIMIT ?"
        while rows := self._connection.execute(query, (last, size)).fetchall():
            last = rows[-1][0]
            yield [_PRODUCTS.decode(product) for _, product in rows]

    def add_finding(self, finding: Refused | Remarked) -> None:
        table = "refused" if isinstance(finding, Refused) else "remarked"
        self._connection.execute(f"INSERT INTO {table} (finding) VALUES (?)", (_encode(finding),))  # noqa: S608

    def refused(self, limit: int = -1) -> Iterator[Refused]:
        """The refusals in the order of the feed; all without a `limit`."""
        query = "SELECT finding FROM refused ORDER BY number LIMIT ?"
        for (finding,) in self._connection.execute(query, (limit,)):
            yield _REFUSED.decode(finding)

    def remarked(self, limit: int = -1) -> Iterator[Remarked]:
        """The remarks in the order of the feed; all without a `limit`."""
        query = "SELECT finding FROM remarked ORDER BY number LIMIT ?"
        for (finding,) in self._connection.execute(query, (limit,)):
            yield _REMARKED.decode(finding)


_encode = msgspec.msgpack.Encoder().encode
_PRODUCTS = msgspec.msgpack.Decoder(Product)
_REFUSED = msgspec.msgpack.Decoder(Refused)
_REMARKED = msgspec.msgpack.Decoder(Remarked)
