"""Fenced writes: a document replaces only a lower version, even when another writer works on it at once.

Firestore has no "write if the version is higher". So the stored version is read with the document's update
time, and the write made on condition that this time still holds. When it does not, somebody wrote in between:
the version is read again. The update time of what was written last is remembered, so a writer that mostly has
its documents to itself, as a worker of the pipeline does, saves the reads and what they cost.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import grpc

from evermail.stores.base import Outcome
from evermail.stores.firestore_api import Api, CallFailed, Precondition, Status, WriteProto

MAX_WRITES = 500
MAX_CALL_BYTES = 3_500_000
"""Firestore takes 10 MiB in a call, its emulator 4 MiB."""
MAX_ATTEMPTS = 5
"""Rounds of reading and writing before a document that others keep writing is given up for now."""

_CONTENDED = {
    code.value[0]
    for code in (
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ABORTED,
    )
}
# Only what is wrong with the document itself. A missing permission or a quota is the operator's to put right,
# and must not turn every document into a dead letter.
_PERMANENT = {code.value[0] for code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)}


class Stored(NamedTuple):
    """What the store holds of a document, or held when this was learned."""

    version: int
    update_time: Any


class FencedWrite(NamedTuple):
    """A document to write: its proto, with the name, and its version."""

    proto: Any
    version: int


class Result(NamedTuple):
    outcome: Outcome
    message: str = ""


_NOT_LOWER = Result(Outcome.STALE)
_WRITTEN = Result(Outcome.WRITTEN)


class FencedWriter:
    """Writes documents by their versions. Safe to share between threads."""

    def __init__(self, api: Api, *, timeout_s: float, remembered: int) -> None:
        """`timeout_s` is for each call to Firestore, `remembered` how many documents are kept in mind."""
        self._api = api
        self._timeout_s = timeout_s
        self._known = _Known(remembered)

    def write(self, writes: Sequence[FencedWrite]) -> list[Result]:
        """Says of each write, in the order given, what became of it. No document may occur twice."""
        results: list[Result] = []
        failure: CallFailed | None = None
        for chunk in _chunks(writes):
            if not failure:
                try:
                    results += self._write_chunk(chunk)
                    continue
                except CallFailed as problem:
                    failure = problem  # the rest would only wait for the same
            results += [Result(Outcome.TRANSIENT, str(failure))] * len(chunk)
        return results

    def forget(self, names: Sequence[str]) -> None:
        """Must be called for documents that were deleted."""
        self._known.forget(names)

    def _write_chunk(self, writes: Sequence[FencedWrite]) -> list[Result]:
        results: dict[str, Result] = {}
        pending = {write.proto.name: write for write in writes}
        known = self._known.get(pending)
        for _ in range(MAX_ATTEMPTS):
            # What is remembered may be outdated, so it never makes a document stale.
            unsure = [
                n for n, write in pending.items() if n not in known or known[n].version >= write.version
            ]
            stored = {**known, **dict.fromkeys(unsure), **self._read(unsure)}
            ready = []
            for name, write in pending.items():
                held = stored.get(name)
                if held and held.version >= write.version:
                    results[name] = _NOT_LOWER
                else:
                    ready.append((write, held))
            statuses = self._send(ready)
            pending = {
                write.proto.name: write
                for (write, _), status in zip(ready, statuses, strict=True)
                if status.code in _CONTENDED
            }
            for (write, _), status in zip(ready, statuses, strict=True):
                results[write.proto.name] = _result(status)
            if not pending:
                break
            known = {}
        return [results[write.proto.name] for write in writes]

    def _read(self, names: Sequence[str]) -> dict[str, Stored]:
        if not names:
            return {}
        return {
            found.name: Stored(found.fields["version"].integer_value, found.update_time)
            for found in self._api.get(names, fields=["version"], timeout_s=self._timeout_s)
        }

    def _send(self, writes: Sequence[tuple[FencedWrite, Stored | None]]) -> list[Status]:
        if not writes:
            return []
        names = [write.proto.name for write, _ in writes]
        self._known.forget(names)  # until it is sure what they are
        statuses = self._api.write(
            [WriteProto(update=write.proto, current_document=_only_over(held)) for write, held in writes],
            timeout_s=self._timeout_s,
        )
        self._known.learn(
            {
                write.proto.name: Stored(write.version, status.update_time)
                for (write, _), status in zip(writes, statuses, strict=True)
                if status.code == 0
            }
        )
        return statuses


class _Known:
    """The most recently written documents."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._stored: OrderedDict[str, Stored] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, names: Sequence[str] | dict[str, FencedWrite]) -> dict[str, Stored]:
        with self._lock:
            return {name: self._stored[name] for name in names if name in self._stored}

    def learn(self, stored: dict[str, Stored]) -> None:
        with self._lock:
            self._stored.update(stored)
            while len(self._stored) > self._capacity:
                self._stored.popitem(last=False)

    def forget(self, names: Sequence[str]) -> None:
        with self._lock:
            for name in names:
                self._stored.pop(name, None)


def _only_over(held: Stored | None) -> Any:
    """The condition that the stored document is still the one that was read, or still none."""
    return Precondition(update_time=held.update_time) if held else Precondition(exists=False)


def _result(status: Status) -> Result:
    if status.code == 0:
        return _WRITTEN
    if status.code in _PERMANENT:
        return Result(Outcome.PERMANENT, status.message)
    if status.code in _CONTENDED:
        return Result(Outcome.TRANSIENT, f"others kept writing it: {status.message}")
    return Result(Outcome.TRANSIENT, status.message)


def _chunks(writes: Sequence[FencedWrite]) -> Iterator[list[FencedWrite]]:
    """The writes in portions that Firestore takes in one call."""
    chunk: list[FencedWrite] = []
    size = 0
    for write in writes:
        bytes_ = write.proto.ByteSize()
        if chunk and (len(chunk) == MAX_WRITES or size + bytes_ > MAX_CALL_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(write)
        size += bytes_
    if chunk:
        yield chunk
