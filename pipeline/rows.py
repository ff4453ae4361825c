"""Decayed rows in keyed state: changes in, a document now and then out.

Changes are only put aside until the row is looked at: most rows change several times in between, and adding
to a bag reads nothing. A row that has changed too little to rank differently waits longer for its document.

What neighbours of an item and trending lists of a scope have in common. The arithmetic is
`evermail.decay.DecayedRow`; a subclass says what to do with one change and how a row reads as a document.
"""

from __future__ import annotations

from typing import Any
from zlib import crc32

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import (
    BagStateSpec,
    ReadModifyWriteStateSpec,
    TimerSpec,
    on_timer,
)
from apache_beam.utils.timestamp import Timestamp

from evermail import rankings
from evermail.decay import DecayedRow
from evermail.documents import SHARED_RETENTION_US, Document, Key, Neighbor
from pipeline import flush_timer, names
from pipeline.bootstrap import Stored
from pipeline.coders import StructCoder
from pipeline.config import JobConfig
from pipeline.garbage import collect_seldom
from pipeline.state_cache import Weighed, quick_weights

FOLD_EVERY = 1024
"""About so many changes of one key are put aside at most, before they are worked into the row."""

MEMORY_BYTES = 500_000
"""What of a row goes beside its document at most; a document has 1 MiB in all."""


class Shown(msgspec.Struct, Weighed, array_like=True):
    """What stands in the store of a row. Times are microseconds of the timers' clock.

    `head` is as it was when it was written. Since `pending_us` there is something new, too little to be
    written at once; 0 if there is nothing.
    """

    version: int = 0
    head: list[tuple[str, float]] = []
    pending_us: int = 0

    def __sizeof__(self) -> int:
        return 200 + 150 * len(self.head)


class ShownCoder(StructCoder):
    struct = Shown


class RowsFn(beam.DoFn):  # type: ignore[misc]
    """(key, change) -> documents. Subclasses implement `take` and `document`, and say what they store."""

    STORED: type[Document]

    CHANGES = BagStateSpec("changes", BytesCoder())
    ROW = ReadModifyWriteStateSpec("row", BytesCoder())
    SHOWN = ReadModifyWriteStateSpec("shown", ShownCoder())
    DUE = flush_timer.FLUSH_DUE
    FLUSH = TimerSpec("flush", TimeDomain.REAL_TIME)
    # Of its own, as the flush must keep its time: set again to now, it would write a busy row more often.
    FOLD = TimerSpec("fold", TimeDomain.REAL_TIME)
    END = TimerSpec("end", TimeDomain.WATERMARK)

    def __init__(self, config: JobConfig, *, half_life_us: int, capacity: int, flush_us: int) -> None:
        self._config = config
        self._half_life_us = half_life_us
        self._capacity = capacity
        self._flush_us = flush_us
        self._flushes_due = Metrics.counter(names.NAMESPACE, names.ROW_FLUSHES_DUE)
        self._flushes_done = Metrics.counter(names.NAMESPACE, names.ROW_FLUSHES_DONE)
        self._waits = Metrics.counter(names.NAMESPACE, names.ROWS_WAITING)
        self._waited = Metrics.counter(names.NAMESPACE, names.ROWS_WAITED)
        self._documents = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_MADE)

    def setup(self) -> None:
        quick_weights(self._config.quick_state_cache)
        collect_seldom(self._config.seldom_collection)
        self._stored = Stored(self._config)

    def pack(self, change: Any) -> bytes:
        """The form in which a change waits."""
        return msgspec.msgpack.encode(change)

    def take(self, row: DecayedRow, packed: bytes) -> None:
        """Applies one change."""
        raise NotImplementedError

    def document(self, key: str, row: DecayedRow, version: int, now_us: int) -> Document:
        """How a row is stored."""
        raise NotImplementedError

    def weights(self, document: Any) -> tuple[list[Neighbor], int]:
        """The weights of a stored document, and the moment they are as of."""
        raise NotImplementedError

    def process(
        self,
        element: tuple[str, Any],
        changes: Any = beam.DoFn.StateParam(CHANGES),
        due: Any = beam.DoFn.StateParam(DUE),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
        fold: Any = beam.DoFn.TimerParam(FOLD),
        end: Any = beam.DoFn.TimerParam(END),
    ) -> None:
        packed = self.pack(element[1])
        changes.add(packed)
        clock = self._config.timer_clock
        if flush_timer.schedule(due, flush, clock, self._flush_us):
            end.set(Timestamp(micros=self._config.wall_clock() + SHARED_RETENTION_US))
            self._flushes_due.inc()
        elif crc32(packed) % FOLD_EVERY == 0:
            fold.set(Timestamp(micros=clock()))

    @on_timer(FOLD)  # type: ignore[untyped-decorator]
    def fold(
        self,
        key: str = beam.DoFn.KeyParam,
        changes: Any = beam.DoFn.StateParam(CHANGES),
        stored: Any = beam.DoFn.StateParam(ROW),
        shown: Any = beam.DoFn.StateParam(SHOWN),
        due: Any = beam.DoFn.StateParam(DUE),
    ) -> None:
        """Works in what a busy row has put aside, which must not grow without end. The flush writes it."""
        if due.read() is not None:  # else the flush came first
            _, before = self._work_in(key, changes, stored, shown.read())
            shown.write(before)

    @on_timer(FLUSH)  # type: ignore[untyped-decorator]
    def flush(
        self,
        key: str = beam.DoFn.KeyParam,
        changes: Any = beam.DoFn.StateParam(CHANGES),
        stored: Any = beam.DoFn.StateParam(ROW),
        shown: Any = beam.DoFn.StateParam(SHOWN),
        due: Any = beam.DoFn.StateParam(DUE),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> list[Document]:
        """Works the changes in, and writes the row if it ranks differently or has waited long enough."""
        before = shown.read()
        if due.read() is None and not (before and before.pending_us):
            return []  # a second firing of the same timer
        self._count_flush(due)
        row, before = self._work_in(key, changes, stored, before)
        now_us = self._config.timer_clock()
        waited_us = now_us - before.pending_us if before.pending_us else 0
        moved = rankings.has_moved(before.head, row.top(rankings.HEAD))
        if _is_nothing(row, before) or moved or waited_us >= self._config.neighbors_settle_us:
            return self._write(key, row, before, shown)
        if not before.pending_us:
            before = Shown(before.version, before.head, now_us)
            self._waits.inc()
        shown.write(before)
        flush.set(Timestamp(micros=before.pending_us + self._config.neighbors_settle_us))
        return []

    @on_timer(END)  # type: ignore[untyped-decorator]
    def end(
        self,
        key: str = beam.DoFn.KeyParam,
        changes: Any = beam.DoFn.StateParam(CHANGES),
        stored: Any = beam.DoFn.StateParam(ROW),
        shown: Any = beam.DoFn.StateParam(SHOWN),
        due: Any = beam.DoFn.StateParam(DUE),
        end: Any = beam.DoFn.TimerParam(END),
    ) -> list[Document]:
        """Nothing has come for this key in ages: its state goes, as its document does.

        Or the job is being drained, or its input has an end: then event time is over, and what waits for its
        time is written now. The timer is set again, and fires at once if that is how it is.
        """
        before = shown.read()
        if due.read() is None and not (before and before.pending_us):
            stored.clear()
            shown.clear()
            return []
        self._count_flush(due)
        row, before = self._work_in(key, changes, stored, before)
        end.set(Timestamp(micros=self._config.wall_clock() + SHARED_RETENTION_US))
        return self._write(key, row, before, shown)

    def _count_flush(self, due: Any) -> None:
        """The flush that is due, if one is, is being made."""
        if due.read() is not None:
            due.clear()
            self._flushes_done.inc()

    def _work_in(self, key: str, changes: Any, stored: Any, before: Shown | None) -> tuple[DecayedRow, Shown]:
        """The row with all that was put aside, and what is shown of it."""
        data = stored.read()
        if data is None:
            row, before = self._recall(key)
        else:
            row = DecayedRow.from_bytes(data, self._half_life_us, self._capacity)
        for packed in changes.read():
            self.take(row, packed)
        changes.clear()
        stored.write(row.to_bytes())
        return row, before or Shown()

    def _recall(self, key: str) -> tuple[DecayedRow, Shown]:
        """What the store holds of a row without state."""
        stored_key = Key(self.STORED.COLLECTION, key)
        document = self._stored.read([stored_key]).get(stored_key)
        if document is None:
            return DecayedRow(self._half_life_us, self._capacity), Shown()
        row = self._stored.recalled(document, self._row_of)
        return row, Shown(document.version, row.top(rankings.HEAD))

    def _row_of(self, document: Document) -> DecayedRow:
        if document.memory:
            return DecayedRow.from_bytes(document.memory, self._half_life_us, self._capacity)
        weights, as_of = self.weights(document)
        return DecayedRow.of_weights(
            [(each.item_id, each.weight) for each in weights], as_of, self._half_life_us, self._capacity
        )

    def _write(self, key: str, row: DecayedRow, before: Shown, shown: Any) -> list[Document]:
        """The document, and nothing waits any more; there is none of a row that never came to anything."""
        if before.pending_us:
            self._waited.inc()
        if _is_nothing(row, before):
            shown.clear()
            return []
        now_us = self._config.wall_clock()
        version = max(before.version + 1, now_us)
        document = self.document(key, row, version, now_us)
        document.memory = row.to_bytes(MEMORY_BYTES)
        shown.write(Shown(version, row.top(rankings.HEAD)))
        self._documents.inc()
        return [document]


def _is_nothing(row: DecayedRow, before: Shown) -> bool:
    """Whether a row is empty, and no document says otherwise: touched only, or what came was taken back."""
    return not (len(row) or before.version)
