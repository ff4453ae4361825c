"""Documents in Firestore, at `collection/id`, with what Firestore itself must understand as native fields.

    version     integer     fences writes
    updated_at  timestamp   for people and tools
    expire_at   timestamp   absent if it never expires; the field for a TTL policy
    body        string      the document as JSON, the same as in every other store
    memory      bytes       what the writer goes on from, read only where it is asked for; absent if empty
    shopper     string      of impressions only: whose they are, for `about`

**Why the body is JSON.** A function that answers an email decodes some thirty documents within 200 ms, and
the protocol's nested values are slow to walk in Python: a profile with 50 touches takes 218 us as native
fields and 10 us as JSON, a row of 50 neighbours 179 us and 9 us. Native fields would not be cheaper either
(Firestore bills by document), would need a map for every pair in a list (it has no lists of lists) and would
be indexed down to every element of every list. JSON stays readable in the console.

**Indexes.** Switch single-field indexing off for all fields of these collections but one: nothing queries by
them, an index on `version` or `updated_at`, which only grow, holds a collection to 500 writes a second
(https://firebase.google.com/docs/firestore/best-practices), and one on `body` or `memory` costs for nothing.
The one is `shopper` of `impressions`, which the automatic ascending single-field index serves.

**Ids** are percent-escaped where Firestore forbids them: `/` and `%` anywhere, and `.`, `..` and `__NAME__`
as a whole. `scan` goes by the escaped form.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from evermail import clock
from evermail.clock import SECOND
from evermail.documents import Document, Exposures, Feedback, Impression, Key, Suppression
from evermail.stores import body
from evermail.stores.base import Outcome, StoreUnavailable, WriteResult
from evermail.stores.firestore_api import Api, DocumentProto, ValueProto, WriteProto
from evermail.stores.firestore_writes import MAX_WRITES, FencedWrite, FencedWriter

_PAGE_SIZE = 300


class FirestoreStore:
    """A `Store` in a Firestore database in native mode, or its emulator if FIRESTORE_EMULATOR_HOST is set.

    `timeout_s` is for each call to Firestore, where the caller gives no other. The versions of the
    `remembered` documents written last are kept in mind (some 300 bytes each) and not read again before
    the next write. Raises `StoreError` where there are no credentials. Open it after a fork, not before.
    """

    def __init__(
        self,
        project: str,
        database: str = "(default)",
        *,
        timeout_s: float = 10.0,
        remembered: int = 20_000,
        clock: clock.Clock = clock.now_us,
    ) -> None:
        self._api = Api(project, database)
        self._writer = FencedWriter(self._api, timeout_s=timeout_s, remembered=remembered)
        self._timeout_s = timeout_s
        self._clock = clock

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        names = {self._name(key): key for key in keys if _is_storable(key)}
        if not names:
            return {}
        limit = self._timeout_s if timeout_s is None else timeout_s
        fields = ["body", "memory"] if with_memory else ["body"]
        protos = self._api.get(names, fields=fields, timeout_s=limit)
        documents = {names[proto.name]: _document(names[proto.name], proto) for proto in protos}
        now = self._clock()
        return {key: document for key, document in documents.items() if _is_current(document, now)}

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        results, writables = body.sort_out(documents)
        tried: list[body.Writable] = []
        for writable in writables:
            key = writable.document.key
            if _is_storable(key):
                tried.append(writable)
            else:
                message = f"its id, escaped, has more than {body.MAX_ID_BYTES} bytes"
                results[writable.index] = WriteResult(key, Outcome.PERMANENT, message)
        written = self._writer.write([self._fenced(writable) for writable in tried])
        for writable, (outcome, message) in zip(tried, written, strict=True):
            results[writable.index] = WriteResult(writable.document.key, outcome, message)
        return results

    def delete_many(self, keys: Sequence[Key]) -> None:
        names = list(dict.fromkeys(self._name(key) for key in keys if _is_storable(key)))
        for start in range(0, len(names), MAX_WRITES):
            chunk = names[start : start + MAX_WRITES]
            statuses = self._api.write([WriteProto(delete=name) for name in chunk], timeout_s=self._timeout_s)
            self._writer.forget(chunk)
            for name, status in zip(chunk, statuses, strict=True):
                if status.code:
                    raise StoreUnavailable(f"Firestore did not delete {name}: {status.message}")

    def scan(self, collection: str) -> Iterator[Document]:
        """In pages: what is written meanwhile may or may not appear."""
        last = ""
        while True:
            page = self._api.page(
                collection, fields=["body"], after=last, limit=_PAGE_SIZE, timeout_s=self._timeout_s
            )
            for proto in page:
                document = _document(Key(collection, proto.name.rpartition("/")[2]), proto)
                if _is_current(document, self._clock()):
                    yield document
            if len(page) < _PAGE_SIZE:
                return
            last = page[-1].name

    def about(self, shopper: str) -> list[Key]:
        suppression = Key(Suppression.COLLECTION, shopper)
        if not _is_storable(suppression):
            return []
        others = (Key(kind.COLLECTION, shopper) for kind in (Feedback, Exposures))
        names = {self._name(key): key for key in (suppression, *others)}
        found = self._api.get(names, fields=["version"], timeout_s=self._timeout_s)
        shown = self._api.find(
            Impression.COLLECTION, field="shopper", value=shopper, timeout_s=self._timeout_s
        )
        return [
            *(names[proto.name] for proto in found),
            *(Key(Impression.COLLECTION, unquote(name.rpartition("/")[2])) for name in shown),
        ]

    def ping(self, *, timeout_s: float) -> None:
        """Reads a document that need not exist: Firestore bills it as one read."""
        self.get_many([Key("campaigns", "ping")], timeout_s=timeout_s)

    def close(self) -> None:
        self._api.close()

    def _name(self, key: Key) -> str:
        return f"{self._api.documents}/{key.collection}/{escape(key.id)}"

    def _fenced(self, writable: body.Writable) -> FencedWrite:
        document = writable.document
        proto = DocumentProto(name=self._name(document.key))
        fields = proto.fields
        fields["version"].integer_value = document.version
        _set_time(fields["updated_at"], document.updated_at)
        if document.expire_at is not None:
            _set_time(fields["expire_at"], document.expire_at)
        fields["body"].string_value = writable.body
        if document.memory:
            fields["memory"].bytes_value = document.memory
        if isinstance(document, Impression):
            fields["shopper"].string_value = document.shopper
        return FencedWrite(proto, document.version)


def escape(id: str) -> str:
    """An id as Firestore takes it; `urllib.parse.unquote` is the way back."""
    escaped = id.replace("%", "%25").replace("/", "%2F") if "%" in id or "/" in id else id
    if escaped in (".", ".."):
        return escaped.replace(".", "%2E")
    if escaped.startswith("__") and escaped.endswith("__"):
        return "%5F" + escaped[1:]
    return escaped


def _is_storable(key: Key) -> bool:
    return body.is_storable(key) and len(escape(key.id).encode()) <= body.MAX_ID_BYTES


def _document(key: Key, proto: Any) -> Document:
    # A field that was not asked for, or is not there, reads as an empty one.
    return body.read(key, proto.fields["body"].string_value, proto.fields["memory"].bytes_value)


def _is_current(document: Document, now: int) -> bool:
    return document.expire_at is None or document.expire_at > now


def _set_time(value: ValueProto, time_us: int) -> None:
    seconds, microseconds = divmod(time_us, SECOND)
    value.timestamp_value.seconds = seconds
    value.timestamp_value.nanos = microseconds * 1000
