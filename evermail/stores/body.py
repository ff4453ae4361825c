"""The stored form of a document, one for all stores: JSON, checked before it is written and when it is read.

A writer's memory lies beside it as the bytes that it is. Every store keeps to Firestore's limits, so that
what works on one machine works in the cloud.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evermail.clock import SECOND
from evermail.documents import TYPES, Document, Key, from_json, to_json
from evermail.stores.base import Outcome, UnreadableDocument, WriteResult

MAX_ID_BYTES = 1500
MAX_DOCUMENT_BYTES = 1_000_000
"""Of a body and its memory together. Firestore takes 1 MiB (https://firebase.google.com/docs/firestore/quotas)
for a document with its name and all fields; this leaves room for those."""

_MAX_INT = 2**63
_MIN_TIME = -62_135_596_800 * SECOND  # year 1
_MAX_TIME = 253_402_300_800 * SECOND  # year 10000


class Writable(msgspec.Struct, frozen=True):
    """A document that passed the checks. `index` is its place in the call, `body` is without the memory."""

    index: int
    document: Document
    body: str


class Unwritable(Exception):
    """A document that no store can keep; the message says why."""


def sort_out(documents: Sequence[Document]) -> tuple[list[WriteResult], list[Writable]]:
    """Splits a call into what need not be tried and what is to be written.

    Returns a result for every document, in the order given, and for each key the highest version that can be
    written. The results say `PERMANENT` of documents that no store can keep, `STALE` of those with a higher
    version (or an earlier equal one) in the call, and `TRANSIENT` of the rest, for the caller to replace.
    """
    results: list[WriteResult] = []
    newest: dict[Key, Writable] = {}
    for index, document in enumerate(documents):
        key = document.key
        try:
            writable = Writable(index, document, _checked_body(document))
        except Unwritable as problem:
            results.append(WriteResult(key, Outcome.PERMANENT, str(problem)))
            continue
        rival = newest.get(key)
        if rival and rival.document.version >= document.version:
            results.append(_superseded(key))
            continue
        if rival:
            results[rival.index] = _superseded(key)
        results.append(WriteResult(key, Outcome.TRANSIENT, "not tried"))
        newest[key] = writable
    return results, list(newest.values())


def is_storable(key: Key) -> bool:
    """Whether a document can exist under this key."""
    return not _problem_with_key(key)


def read(key: Key, body: bytes | str, memory: bytes = b"") -> Document:
    """The document of a stored body, and of the memory beside it if that was asked for.

    Raises `UnreadableDocument` if it is not one of its collection.
    """
    try:
        document = from_json(key.collection, body)
        document.memory = memory
        return document
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as problem:
        raise UnreadableDocument(
            f"{key.collection}/{key.id} is not a document of this version: {problem}"
        ) from problem


def _checked_body(document: Document) -> str:
    """The JSON of a document. Raises `Unwritable`."""
    if refusal := _problem_with_key(document.key):
        raise Unwritable(refusal)
    try:
        body = to_json(document)
        # Structs are not validated when made; what could not be read again (a NaN, for one) must not get in.
        read_back = from_json(document.COLLECTION, body)
    except Exception as problem:  # whatever it is, the fault is this document's alone
        raise Unwritable(f"it could not be read again: {problem}") from problem
    memory = document.memory
    if not isinstance(memory, bytes):
        raise Unwritable(f"its memory is {type(memory).__name__}, not bytes")
    if len(body) + len(memory) > MAX_DOCUMENT_BYTES:
        raise Unwritable(
            f"it has {len(body)} bytes and {len(memory)} of memory, more than the {MAX_DOCUMENT_BYTES} that "
            "a store keeps"
        )
    if not -_MAX_INT <= read_back.version < _MAX_INT:
        raise Unwritable(f"its version {read_back.version} does not fit in 64 bits")
    for time_us in (read_back.updated_at, read_back.expire_at):
        if time_us is not None and not _MIN_TIME <= time_us < _MAX_TIME:
            raise Unwritable(f"the time {time_us} is not within the years 1 to 9999")
    return body.decode()


def _problem_with_key(key: Key) -> str:
    if key.collection not in TYPES:
        return f"there is no collection {key.collection!r}"
    try:
        size = len(key.id.encode())
    except UnicodeEncodeError:
        return "its id is not valid Unicode"
    if not 1 <= size <= MAX_ID_BYTES:
        return f"its id has {size} bytes; 1 to {MAX_ID_BYTES} are allowed"
    return ""


def _superseded(key: Key) -> WriteResult:
    return WriteResult(key, Outcome.STALE, "the same call holds a version that is not lower")
