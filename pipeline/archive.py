"""Every accepted event into the archive, and the late ones, marked.

Writing has a stage of its own, behind a shuffle: an archive that is down holds up no email, and a bundle that
is tried again finds the very batches of the first time, so it writes the same files or rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder, VarIntCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import BagStateSpec, ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from evermail import clock
from evermail.archive.folder import day_of
from evermail.archive.location import Table, location
from evermail.archive.record import Row, Verdict, row_of, to_line
from evermail.events import Accepted, Event, Rejected
from pipeline import flush_timer, names
from pipeline.archive_bigquery import WriteRowsFn
from pipeline.archive_files import WriteFileFn, random_name
from pipeline.config import JobConfig

SHARDS = 4
"""Batches of a day that are gathered side by side, each by one thread at a time."""

CHUNK_BYTES = 256 * 1024
"""Rows of a bundle travel together, up to about this."""


class WriteArchive(beam.PTransform):  # type: ignore[misc]
    """(Accepted, late Event) -> the archive at `url`; rows that it will never take come out as `Rejected`.

    A row is written after `archive_flush_us`, or when its batch has `archive_batch_bytes`. Each is written
    at least once: a file that is written again replaces itself, a row of BigQuery has its `row_id`. Raises
    `ValueError` for a URL that names no archive.
    """

    def __init__(self, url: str, config: JobConfig) -> None:
        super().__init__()
        self._place = location(url)
        self._config = config

    def expand(
        self, events: tuple[beam.PCollection[Accepted], beam.PCollection[Event]]
    ) -> beam.PCollection[Rejected]:
        accepted, late = events
        chunk = tuple[str, bytes]  # key of a batch, lines
        rows = (
            accepted | "AcceptedRows" >> beam.ParDo(AcceptedRowsFn(self._config)).with_output_types(chunk),
            late | "LateRows" >> beam.ParDo(LateRowsFn(self._config)).with_output_types(chunk),
        ) | "Rows" >> beam.Flatten()
        batches = (
            rows
            | "Gather" >> beam.ParDo(GatherFn(self._config)).with_output_types(chunk)
            | "Settle" >> beam.Reshuffle()
        )
        write = (
            WriteRowsFn(self._place, self._config)
            if isinstance(self._place, Table)
            else WriteFileFn(self._place, self._config)
        )
        return batches | "Write" >> beam.ParDo(write).with_output_types(Rejected)


class _RowsFn(beam.DoFn):  # type: ignore[misc]
    """Events to lines. Those of one bundle and day travel as one element: (key of a batch, lines)."""

    def __init__(self, config: JobConfig, unique: Callable[[], str] = random_name) -> None:
        """`unique` tells events apart that have no id: never the same twice."""
        self._version = config.version
        self._unique = unique
        self._made = Metrics.counter(names.NAMESPACE, names.ARCHIVE_ROWS_MADE)

    def row(self, element: Any) -> Row:
        raise NotImplementedError

    def start_bundle(self) -> None:
        self._lines: dict[str, list[bytes]] = {}
        self._sizes: dict[str, int] = {}

    def process(self, element: Any) -> Iterator[tuple[str, bytes]]:
        row = self.row(element)
        line = to_line(row)
        day = day_of(clock.from_datetime(row.received_at))
        self._lines.setdefault(day, []).append(line)
        size = self._sizes[day] = self._sizes.get(day, 0) + len(line)
        if size >= CHUNK_BYTES:
            yield self._chunk(day)

    def finish_bundle(self) -> Iterator[WindowedValue]:
        for day in list(self._lines):
            yield GlobalWindows.windowed_value(self._chunk(day))

    def _chunk(self, day: str) -> tuple[str, bytes]:
        lines = self._lines.pop(day)
        del self._sizes[day]
        self._made.inc(len(lines))
        chunk = b"".join(lines)
        return f"{day}/{sum(chunk[-64:]) % SHARDS}", chunk

    def _row_of(self, event: Event, shopper: str, verdict: Verdict) -> Row:
        unique = "" if event.event_id else self._unique()
        return row_of(event, shopper=shopper, verdict=verdict, version=self._version, unique=unique)


class AcceptedRowsFn(_RowsFn):
    def row(self, element: Accepted) -> Row:
        return self._row_of(element.event, element.shopper, Verdict.ACCEPTED)


class LateRowsFn(_RowsFn):
    def row(self, element: Event) -> Row:
        return self._row_of(element, element.shopper, Verdict.LATE)


class GatherFn(beam.DoFn):  # type: ignore[misc]
    """Chunks of lines to batches: (day, lines)."""

    CHUNKS = BagStateSpec("chunks", BytesCoder())
    SIZE = ReadModifyWriteStateSpec("size", VarIntCoder())
    DUE = flush_timer.FLUSH_DUE
    FLUSH = TimerSpec("flush", TimeDomain.REAL_TIME)
    DRAIN = TimerSpec("drain", TimeDomain.WATERMARK)

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def process(
        self,
        element: tuple[str, bytes],
        chunks: Any = beam.DoFn.StateParam(CHUNKS),
        size: Any = beam.DoFn.StateParam(SIZE),
        due: Any = beam.DoFn.StateParam(DUE),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
        drain: Any = beam.DoFn.TimerParam(DRAIN),
    ) -> Iterator[tuple[str, bytes]]:
        key, chunk = element
        held = (size.read() or 0) + len(chunk)
        chunks.add(chunk)
        if held >= self._config.archive_batch_bytes:
            yield from _release(key, chunks, size, due, drain)
            return
        size.write(held)
        if flush_timer.schedule(due, flush, self._config.timer_clock, self._config.archive_flush_us):
            drain.set(GlobalWindow().max_timestamp())

    @on_timer(FLUSH)  # type: ignore[untyped-decorator]
    @on_timer(DRAIN)  # type: ignore[untyped-decorator]
    def release(
        self,
        key: str = beam.DoFn.KeyParam,
        chunks: Any = beam.DoFn.StateParam(CHUNKS),
        size: Any = beam.DoFn.StateParam(SIZE),
        due: Any = beam.DoFn.StateParam(DUE),
        drain: Any = beam.DoFn.TimerParam(DRAIN),
    ) -> Iterator[tuple[str, bytes]]:
        """It is time, or the job is being drained, or its input has an end."""
        yield from _release(key, chunks, size, due, drain)


def _release(key: str, chunks: Any, size: Any, due: Any, drain: Any) -> Iterator[tuple[str, bytes]]:
    lines = b"".join(chunks.read())
    chunks.clear()
    size.clear()
    due.clear()
    drain.clear()
    if lines:
        yield key.partition("/")[0], lines
