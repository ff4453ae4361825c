"""Decayed rows in keyed state: changes in, a document an interval out.

Changes are only put aside until the row is written: most rows change several times between two writes, and
adding to a bag reads nothing.

What neighbours of an item and trending lists of a scope have in common. The arithmetic is
`evermail.decay.DecayedRow`; a subclass says what to do with one change and how a row reads as a document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from evermail.decay import DecayedRow
from evermail.documents import SHARED_RETENTION_US, Document
from pipeline import flush_timer, names
from pipeline.coders import MsgpackCoder
from pipeline.config import JobConfig


class RowsFn(beam.DoFn):  # type: ignore[misc]
    """(key, change) -> documents. Subclasses implement `take` and `document`."""

    CHANGES = BagStateSpec("changes", MsgpackCoder())
    ROW = ReadModifyWriteStateSpec("row", BytesCoder())
    VERSION = ReadModifyWriteStateSpec("version", VarIntCoder())
    DUE = flush_timer.FLUSH_DUE
    FLUSH = TimerSpec("flush", TimeDomain.REAL_TIME)
    EXPIRY = TimerSpec("expiry", TimeDomain.REAL_TIME)

    def __init__(self, config: JobConfig, *, half_life_us: int, capacity: int, flush_us: int) -> None:
        self._config = config
        self._half_life_us = half_life_us
        self._capacity = capacity
        self._flush_us = flush_us
        self._flushes_due = Metrics.counter(names.NAMESPACE, names.ROW_FLUSHES_DUE)
        self._flushes_done = Metrics.counter(names.NAMESPACE, names.ROW_FLUSHES_DONE)
        self._documents = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_MADE)

    def take(self, row: DecayedRow, change: Any) -> None:
        """Applies one change, in the builtin types of msgpack."""
        raise NotImplementedError

    def document(self, key: str, row: DecayedRow, version: int, now_us: int) -> Document:
        """How a row is stored."""
        raise NotImplementedError

    def process(
        self,
        element: tuple[str, Any],
        changes: Any = beam.DoFn.StateParam(CHANGES),
        due: Any = beam.DoFn.StateParam(DUE),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> None:
        _, change = element
        changes.add(change)
        if flush_timer.schedule(due, flush, self._config.timer_clock, self._flush_us):
            self._flushes_due.inc()

    @on_timer(FLUSH)  # type: ignore[untyped-decorator]
    def write_row(
        self,
        key: str = beam.DoFn.KeyParam,
        changes: Any = beam.DoFn.StateParam(CHANGES),
        stored: Any = beam.DoFn.StateParam(ROW),
        written_version: Any = beam.DoFn.StateParam(VERSION),
        due: Any = beam.DoFn.StateParam(DUE),
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),
    ) -> Iterator[Document]:
        if due.read() is None:
            return  # a second firing of the same timer
        now_us = self._config.wall_clock()
        last_version = written_version.read()
        due.clear()
        row = self._read(stored)
        for change in changes.read():
            self.take(row, change)
        changes.clear()
        stored.write(row.to_bytes())
        expiry.set(Timestamp(micros=self._config.timer_clock() + SHARED_RETENTION_US))
        self._flushes_done.inc()
        if len(row) or last_version is not None:
            version = max((last_version or 0) + 1, now_us)
            written_version.write(version)
            self._documents.inc()
            yield self.document(key, row, version, now_us)

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]
    def forget(
        self,
        stored: Any = beam.DoFn.StateParam(ROW),
        written_version: Any = beam.DoFn.StateParam(VERSION),
        due: Any = beam.DoFn.StateParam(DUE),
    ) -> None:
        """Nothing has come for this key in ages: its state goes, as its document does. Flushes put it off."""
        if due.read() is not None:
            return  # a change came at the last moment: its flush will put it off
        stored.clear()
        written_version.clear()

    def _read(self, stored: Any) -> DecayedRow:
        data = stored.read()
        if data is None:
            return DecayedRow(self._half_life_us, self._capacity)
        return DecayedRow.from_bytes(data, self._half_life_us, self._capacity)
