"""A batch of the archive into a table of BigQuery, by AppendRows of the Storage Write API.

Rows go to the table's default stream, which takes each at least once: `row_id` tells copies. Beam's own
WriteToBigQuery would need Java, and a download, at the launch of the job.

A row that the table will never take becomes a dead letter. Everything else is tried again with backoff, then
by the runner: a missing table or column is put right by people, not by dropping rows.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics

from evermail import clock
from evermail.archive.lines import read_lines
from evermail.archive.location import Table
from evermail.archive.record import Row
from evermail.events import Code, Rejected
from evermail.stores import StoreUnavailable
from pipeline import names
from pipeline.append_rows import Appender, encode, shared_client
from pipeline.config import JobConfig

MAX_APPEND_BYTES = 8_000_000
"""BigQuery takes 10 MB in a request at least."""

_SCHEMA_HINT = "; the table must have the columns of evermail/archive/schema.json"
_LOG = logging.getLogger(__name__)


class Encoded(NamedTuple):
    row: Row
    data: bytes


class WriteRowsFn(beam.DoFn):  # type: ignore[misc]
    """(day, lines) -> rows of the table; `Rejected` for those that it refuses."""

    def __init__(self, table: Table, config: JobConfig, client: Callable[[], Any] = shared_client) -> None:
        self._table = table
        self._config = config
        self._client = client
        self._written = Metrics.counter(names.NAMESPACE, names.ARCHIVE_ROWS_WRITTEN)
        self._refused = Metrics.counter(names.NAMESPACE, names.ARCHIVE_ROWS_REFUSED)
        self._retries = Metrics.counter(names.NAMESPACE, names.ARCHIVE_RETRIES)

    def setup(self) -> None:
        self._appender = Appender(self._table, self._client, self._config.store_backoff.monotonic)

    def teardown(self) -> None:
        self._appender.close()

    def process(self, batch: tuple[str, bytes]) -> Iterator[Rejected]:
        """Raises `StoreUnavailable` if it takes longer than the configuration allows: the runner then tries
        the bundle again, as often as it takes."""
        _, lines = batch
        rows: list[Encoded] = []
        for line in read_lines(io.BytesIO(lines), "batch"):
            if line.row is None:
                yield self._refuse(line.data, line.code, line.problem)
            else:
                rows.append(Encoded(line.row, encode(line.row)))
        for portion in _portions(rows):
            yield from self._append(portion)

    def _append(self, rows: list[Encoded]) -> Iterator[Rejected]:
        for last_try in self._config.store_backoff.tries(self._config.store_retry_us / clock.SECOND):
            try:
                response = self._appender.append([row.data for row in rows])
            except Exception as problem:  # whatever it is, these rows must end up written
                _LOG.exception("BigQuery has not answered for %d rows of the archive", len(rows))
                self._appender.close()
                why = f"{type(problem).__name__}: {problem}{_hint(getattr(problem, 'code', None))}"
            else:
                if not response.error.code:
                    self._written.inc(len(rows))
                    return
                why = f"{response.error.message}{_hint(response.error.code)}"
                # None of a request's rows is written if one is wrong.
                wrong = {error.index: error.message for error in response.row_errors}
                for index, message in wrong.items():
                    row = rows[index].row
                    told = f"row {row.row_id} of an event that has counted: {message}"
                    yield self._refuse(bytes(row.event), Code.STORE_REFUSED, told)
                rows = [row for index, row in enumerate(rows) if index not in wrong]
                if not rows:
                    return
            self._retries.inc()
            if last_try:
                raise StoreUnavailable(
                    f"{self._table} has not taken {len(rows)} rows within "
                    f"{self._config.store_retry_us // clock.SECOND} s: {why}"
                )

    def _refuse(self, data: bytes, code: Code, message: str) -> Rejected:
        self._refused.inc()
        return Rejected(
            stage="archive",
            code=code,
            message=message,
            data=data,
            attributes={},
            pipeline_version=self._config.version,
            first_seen=self._config.wall_clock(),
        )


def _portions(rows: list[Encoded]) -> Iterator[list[Encoded]]:
    """The rows in portions that BigQuery takes in one request."""
    portion: list[Encoded] = []
    size = 0
    for row in rows:
        if portion and size + len(row.data) > MAX_APPEND_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(row)
        size += len(row.data) + 8  # its length stands before it
    if portion:
        yield portion


def _hint(code: Any) -> str:
    """What to look at when a table is missing or is not as it should be."""
    return _SCHEMA_HINT if code in (3, 5, 400, 404) else ""  # INVALID_ARGUMENT, NOT_FOUND
