"""The archive as a source: its events as they were decoded, to make every document again.

Copies of a row are dropped here. Among the events of a shopper the job would find them by itself, but those
without one, which feed aggregates only, have no ids.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import TimestampedValue
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import Timestamp

from evermail import clock
from evermail.archive.bigquery import schema
from evermail.archive.folder import DAY_PREFIX, SUFFIXES, day_in, day_of
from evermail.archive.lines import read_lines
from evermail.archive.location import Table, location
from evermail.archive.record import Row, Unreadable, event_of, from_columns
from evermail.events import Code, Event, Rejected
from pipeline import names
from pipeline.config import JobConfig

REJECTED = "rejected"


class Span(NamedTuple):
    """Times of receipt, in microseconds since the epoch: `since` belongs to it, `until` does not."""

    since_us: int | float = -math.inf
    until_us: int | float = math.inf


class Archived(NamedTuple):
    events: beam.PCollection[Event]
    rejected: beam.PCollection[Rejected]


class ReadArchive(beam.PTransform):  # type: ignore[misc]
    """The events of an archive, each once, with their event times; and what could not be read, as `Rejected`.

    Takes the place of the read and of decode: identifiers are pseudonyms already. Late events come as well,
    to be judged again by their time of receipt, and those for aggregates only, which have no shopper.
    Bounded. `since_us` and `until_us` limit the time of receipt; `until_us` itself is left out. Raises
    `ValueError` for a URL that names no archive; when it runs, for a folder that has none.
    """

    def __init__(
        self, url: str, config: JobConfig, *, since_us: int | None = None, until_us: int | None = None
    ) -> None:
        super().__init__()
        self._place = location(url)
        self._config = config
        self._span = Span(
            -math.inf if since_us is None else since_us, math.inf if until_us is None else until_us
        )

    def expand(self, begin: beam.pvalue.PBegin) -> Archived:
        if isinstance(self._place, Table):
            sources = begin | "Rows" >> _read_table(self._place, self._span)
            reader: beam.DoFn = EventsOfColumnsFn(self._config, self._span)
        else:
            sources = (
                begin
                | "Folder" >> beam.Create([self._place.path])
                | "Files" >> beam.ParDo(ListFilesFn(self._span)).with_output_types(str)
                | "Spread" >> beam.Reshuffle()
            )
            reader = EventsOfFileFn(self._config, self._span)
        outputs = sources | "Read" >> beam.ParDo(reader).with_outputs(REJECTED, main="events")
        outputs["events"].element_type = typehints.Tuple[str, Event]
        outputs[REJECTED].element_type = Rejected
        events = (
            outputs["events"]
            | "ByRow" >> beam.GroupByKey()
            | "Once" >> beam.ParDo(OnceFn()).with_output_types(Event)
        )
        return Archived(events, outputs[REJECTED])


def _read_table(table: Table, span: Span) -> beam.PTransform:
    return beam.io.ReadFromBigQuery(
        table=f"{table.project}:{table.dataset}.{table.table}",
        method=beam.io.ReadFromBigQuery.Method.DIRECT_READ,
        selected_fields=[column["name"] for column in schema()],
        row_restriction=_restriction(span),
    )


def _restriction(span: Span) -> str:
    """There is always one, as the table asks for it."""
    since_us = max(span.since_us, 0)
    limits = [f"received_at >= TIMESTAMP '{clock.to_rfc3339(int(since_us))}'"]
    if span.until_us != math.inf:
        limits.append(f"received_at < TIMESTAMP '{clock.to_rfc3339(int(span.until_us))}'")
    return " AND ".join(limits)


def files_of(folder: str) -> list[tuple[str, str]]:
    """The complete files of an archive in a folder, local or not: (day, path), in this order.

    Raises `ValueError` if there are none, and Beam's `BeamIOError` if the folder cannot be listed.
    """
    (match,) = FileSystems.match([FileSystems.join(folder, f"{DAY_PREFIX}*", "*")])
    found = sorted(
        (day, file.path)
        for file in match.metadata_list
        if file.path.endswith(SUFFIXES)
        and (day := day_in(FileSystems.split(FileSystems.split(file.path)[0])[1]))
    )
    if not found:
        raise ValueError(f"{folder} is no archive: it has no {DAY_PREFIX}YYYY-MM-DD/*{SUFFIXES[0]}[.gz]")
    return found


class ListFilesFn(beam.DoFn):  # type: ignore[misc]
    """The folder of an archive to the paths of those of its files that may hold rows of the span."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def process(self, folder: str) -> Iterator[str]:
        found = files_of(folder)
        first = day_of(int(self._span.since_us)) if self._span.since_us != -math.inf else ""
        last = day_of(int(self._span.until_us)) if self._span.until_us != math.inf else "~"
        for day, path in found:
            if first <= day <= last:
                yield path


class _EventsFn(beam.DoFn):  # type: ignore[misc]
    """Rows to (row id, event)."""

    def __init__(self, config: JobConfig, span: Span) -> None:
        self._config = config
        self._span = span
        self._read = Metrics.counter(names.NAMESPACE, names.ARCHIVE_ROWS_READ)
        self._unreadable = Metrics.counter(names.NAMESPACE, names.ARCHIVE_LINES_UNREADABLE)

    def _events_of(self, row: Row) -> Iterator[tuple[str, Event]]:
        """At most one. Raises `Unreadable`."""
        if not self._span.since_us <= clock.from_datetime(row.received_at) < self._span.until_us:
            return
        event = event_of(row)
        self._read.inc()
        yield row.row_id, event

    def _refuse(self, data: bytes, code: Code, message: str, attributes: dict[str, str]) -> TaggedOutput:
        self._unreadable.inc()
        rejected = Rejected(
            stage="read_archive",
            code=code,
            message=message,
            data=data,
            attributes=attributes,
            pipeline_version=self._config.version,
            first_seen=self._config.wall_clock(),
        )
        return TaggedOutput(REJECTED, rejected)


class EventsOfFileFn(_EventsFn):
    def process(self, path: str) -> Iterator[Any]:
        with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as stream:
            for line in read_lines(stream, path):
                code, problem = line.code, line.problem
                if line.row is not None:
                    try:
                        yield from self._events_of(line.row)
                        continue
                    except Unreadable as unreadable:
                        code, problem = unreadable.code, str(unreadable)
                where = {"file": path, "line": str(line.number)}
                yield self._refuse(line.data, code, f"{path}, line {line.number}: {problem}", where)


class EventsOfColumnsFn(_EventsFn):
    def process(self, columns: dict[str, Any]) -> Iterator[Any]:
        try:
            yield from self._events_of(from_columns(columns))
        except Unreadable as unreadable:
            row_id = str(columns.get("row_id"))
            data = str(columns.get("event") or "").encode("utf-8", "replace")
            message = f"row {row_id}: {unreadable}"
            yield self._refuse(data, unreadable.code, message, {"row_id": row_id})


class OnceFn(beam.DoFn):  # type: ignore[misc]
    """(row id, its copies) to one event, at its own time."""

    def __init__(self) -> None:
        self._copies = Metrics.counter(names.NAMESPACE, names.ARCHIVE_COPIES_READ)

    def process(self, element: tuple[str, Iterable[Event]]) -> Iterator[TimestampedValue]:
        event, *copies = element[1]
        self._copies.inc(len(copies))
        yield TimestampedValue(event, Timestamp(micros=event.event_time))
