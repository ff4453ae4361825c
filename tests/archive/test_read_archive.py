"""The archive as a source: every event once, at its time, and what cannot be read with its place."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import fastavro
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from archive_support import NOW, TODAY, event, row, write
from streaming_support import Collected, config, counters, run

from evermail import clock
from evermail.archive import bigquery
from evermail.archive.record import Row, Verdict, to_line
from evermail.events import Code, Event, Rejected
from pipeline import names
from pipeline.read_archive import EventsOfColumnsFn, ReadArchive, Span

RUNNERS = ["apache_beam.runners.portability.fn_api_runner.FnApiRunner", "BundleBasedDirectRunner"]


class Read:
    """What came out of an archive."""

    def __init__(self, place: Path | str, runner: str = RUNNERS[0], **span: int) -> None:
        collected = Collected()
        unrun = beam.Pipeline(options=PipelineOptions([f"--runner={runner}"]))
        archived = unrun | ReadArchive(str(place), config(), **span)
        archived.events | collected.timed_into("events")
        archived.rejected | collected.into("rejected")
        self.counters = counters(run(unrun))
        self.timed: list[tuple[Event, int]] = collected["events"]
        self.rejected: list[Rejected] = collected["rejected"]

    @property
    def events(self) -> list[Event]:
        return sorted((event for event, _ in self.timed), key=lambda event: event.event_id)

    @property
    def ids(self) -> Counter[str]:
        return Counter(event.event_id for event in self.events)


@pytest.mark.parametrize("runner", RUNNERS)
class TestOnBothRunners:
    def test_every_event_comes_back_as_it_was_at_its_own_time(self, runner: str, tmp_path: Path) -> None:
        made = {"1": {"user": "u", "client": "c"}, "2": {"client": "c", "at": -90_000.0, "attempts": 2}}
        write(tmp_path, *([row(name, **fields)] for name, fields in made.items()))  # type: ignore[arg-type]
        read = Read(tmp_path, runner)
        assert read.events == [event(name, **fields) for name, fields in made.items()]  # type: ignore[arg-type]
        assert all(time_us == event.event_time for event, time_us in read.timed)
        assert read.rejected == []

    def test_copies_of_a_row_are_dropped_and_counted(self, runner: str, tmp_path: Path) -> None:
        one = row("1", user="u")
        write(tmp_path, [one, one], [one, row("2", user="u")])
        read = Read(tmp_path, runner)
        assert read.ids == {"1": 1, "2": 1}
        assert read.counters[names.ARCHIVE_COPIES_READ] == 2
        assert read.counters[names.ARCHIVE_ROWS_READ] == 4

    def test_a_line_that_cannot_be_read_is_refused_with_its_place(self, runner: str, tmp_path: Path) -> None:
        bad = b'{"row_id": 1}\n'
        (path,) = write(tmp_path, [row("1", user="u")], raw=[bad, to_line(row("2", user="u"))])
        read = Read(tmp_path, runner)
        assert read.ids == {"1": 1, "2": 1}
        (refused,) = read.rejected
        assert (refused.stage, refused.code, refused.data) == ("read_archive", Code.WRONG_TYPE, bad)
        assert refused.attributes == {"file": str(path), "line": "2"}
        assert refused.message.startswith(f"{path}, line 2: ")
        assert (refused.pipeline_version, refused.first_seen) == ("test", NOW)
        assert read.counters[names.ARCHIVE_LINES_UNREADABLE] == 1


class TestWhatComes:
    def test_late_events_come_too_to_be_judged_again(self, tmp_path: Path) -> None:
        late = {"user": "u", "at": -90_000.0, "received": 0.0}
        write(tmp_path, [row("1", verdict=Verdict.LATE, **late)])  # type: ignore[arg-type]
        assert Read(tmp_path).events == [event("1", **late)]  # type: ignore[arg-type]

    def test_events_for_aggregates_only_come_without_a_shopper(self, tmp_path: Path) -> None:
        write(tmp_path, [row("", shopper="", at=-5), row("", shopper="", at=-4)])
        read = Read(tmp_path)
        assert [event.shopper for event in read.events] == ["", ""]

    def test_a_row_whose_event_is_none_is_refused(self, tmp_path: Path) -> None:
        broken = to_line(row("1", user="u")).replace(
            b'"event_name":"view_item","event_time"', b'"event_time"'
        )
        (path,) = write(tmp_path, [row("2", user="u")], raw=[broken])
        read = Read(tmp_path)
        assert read.ids == {"2": 1}
        assert read.rejected[0].attributes == {"file": str(path), "line": "2"}

    def test_a_file_that_breaks_off_gives_what_is_there_and_says_so(self, tmp_path: Path) -> None:
        path, _ = write(tmp_path, [row("1", user="u")], [row("2", user="u")])
        path.write_bytes(path.read_bytes()[:-9])
        read = Read(tmp_path)
        assert "2" in read.ids
        assert "breaks off" in read.rejected[0].message

    def test_files_need_not_be_compressed(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, [row("1", user="u")])
        path.with_name("hand.ndjson").write_bytes(to_line(row("2", user="u")))
        assert Read(tmp_path).ids == {"1": 1, "2": 1}

    def test_what_is_no_complete_file_is_not_looked_at(self, tmp_path: Path) -> None:
        (path,) = write(tmp_path, [row("1", user="u")])
        for name in (f"{path.name}.0123.tmp", "notes.txt"):
            path.with_name(name).write_bytes(b"?")
        (tmp_path / "received=soon").mkdir()
        (tmp_path / "received=soon" / "a.ndjson").write_bytes(b"?")
        read = Read(tmp_path)
        assert (read.ids, read.rejected) == ({"1": 1}, [])


class TestSpans:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """A row a day, received at noon of September 19 to 22."""
        noon = clock.to_datetime(NOW).replace(hour=12, minute=0, second=0, microsecond=0)
        at = (clock.from_datetime(noon) - NOW) / clock.SECOND
        days = range(-2, 2)
        write(tmp_path, *([row(f"{21 + n}", user="u", at=-60, received=at + n * 86_400)] for n in days))
        return tmp_path

    @pytest.mark.parametrize(
        ("since", "until", "found"),
        [
            (None, None, "19 20 21 22"),
            ("2026-09-20T12:00:00Z", None, "20 21 22"),
            ("2026-09-20T12:00:00.000001Z", None, "21 22"),
            (None, "2026-09-21T12:00:00Z", "19 20"),
            (None, "2026-09-21T12:00:00.000001Z", "19 20 21"),
            ("2026-09-20T00:00:00Z", "2026-09-21T00:00:00Z", "20"),
            ("2026-10-01T00:00:00Z", None, ""),
            (None, "2026-09-01T00:00:00Z", ""),
        ],
    )
    def test_they_are_of_the_time_of_receipt_and_leave_out_their_end(
        self, folder: Path, since: str | None, until: str | None, found: str
    ) -> None:
        span = {
            name: clock.from_datetime(clock.to_datetime(0).fromisoformat(text))
            for name, text in (("since_us", since), ("until_us", until))
            if text
        }
        assert sorted(Read(folder, **span).ids) == found.split()

    def test_files_of_other_days_are_not_opened(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = []
        real = FileSystems.open

        def open_(path: str, **keywords: Any) -> Any:
            opened.append(Path(path).parent.name)
            return real(path, **keywords)

        monkeypatch.setattr(FileSystems, "open", staticmethod(open_))
        Read(folder, RUNNERS[1], since_us=NOW)
        assert opened == [f"received={TODAY}", "received=2026-09-22"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_folder_without_an_archive_is_a_mistake_and_no_empty_one(runner: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=f"{tmp_path} is no archive"):
        Read(tmp_path, runner)


def test_a_url_that_names_no_archive_is_refused_when_the_job_is_built() -> None:
    with pytest.raises(ValueError, match=r"bigquery:PROJECT\.DATASET\.TABLE"):
        ReadArchive("bigquery:archive", config())


class TestBigQuery:
    """Reading it cannot be run here: the graph is built, and rows are given as the client gives them."""

    def sources(self, **span: int) -> list[Any]:
        unrun = beam.Pipeline(options=PipelineOptions(["--project=shop-1"]))
        archived = unrun | ReadArchive("bigquery:shop-1.events.archive", config(), **span)
        archived.events | beam.Map(print)
        unrun.to_runner_api()
        found: list[Any] = []

        class Visitor(beam.pipeline.PipelineVisitor):  # type: ignore[misc]
            def visit_transform(self, node: Any) -> None:
                if isinstance(node.transform, beam.io.Read):
                    found.append(node.transform.source)

            enter_composite_transform = visit_transform

        unrun.visit(Visitor())
        return found

    def test_the_table_is_read_directly_by_its_columns(self) -> None:
        (source,) = self.sources()
        assert str(source.table_reference).count("archive") == 1
        assert (source.table_reference.projectId, source.table_reference.datasetId) == ("shop-1", "events")
        assert source.selected_fields == [column["name"] for column in bigquery.schema()]

    @pytest.mark.parametrize(
        ("span", "restriction"),
        [
            ({}, "received_at >= TIMESTAMP '1970-01-01T00:00:00.000000Z'"),
            ({"since_us": NOW}, "received_at >= TIMESTAMP '2026-09-21T14:14:00.000000Z'"),
            (
                {"since_us": NOW, "until_us": NOW + 1},
                "received_at >= TIMESTAMP '2026-09-21T14:14:00.000000Z' "
                "AND received_at < TIMESTAMP '2026-09-21T14:14:00.000001Z'",
            ),
        ],
    )
    def test_only_partitions_of_the_span_are_read(self, span: dict[str, int], restriction: str) -> None:
        (source,) = self.sources(**span)
        assert source.row_restriction == restriction

    def test_rows_become_events(self) -> None:
        rows = [row("1", user="u", client="c", user_aliases=("v",), attempts=2, first_seen=NOW), row("")]
        found = list(self.read(rows))
        assert [pair[0] for pair in found] == [row.row_id for row in rows]
        assert [pair[1] for pair in found] == [
            event("1", user="u", client="c", user_aliases=("v",), attempts=2, first_seen=NOW),
            event(""),
        ]

    def test_rows_outside_of_the_span_are_left_out(self) -> None:
        rows = [row("1", user="u", at=-60), row("2", user="u", at=0)]
        assert [event.event_id for _, event in self.read(rows, Span(since_us=NOW))] == ["2"]

    def test_a_row_that_cannot_be_read_is_refused(self) -> None:
        columns = next(_as_read([row("1", user="u")])) | {"event": "{"}
        (refused,) = EventsOfColumnsFn(config(), Span()).process(columns)
        assert refused.tag == "rejected"
        assert (refused.value.stage, refused.value.code) == ("read_archive", Code.MALFORMED_JSON)
        assert refused.value.attributes == {"row_id": columns["row_id"]}
        assert refused.value.data == b"{"

    def read(self, rows: list[Row], span: Span = Span()) -> Iterable[tuple[str, Event]]:  # noqa: B008
        fn = EventsOfColumnsFn(config(), span)
        for columns in _as_read(rows):
            yield from fn.process(columns)


def _as_read(rows: list[Row]) -> Iterator[dict[str, Any]]:
    """Rows through Avro, as BigQuery's Storage Read API gives them and Beam decodes them.

    https://cloud.google.com/bigquery/docs/reference/storage#avro_schema_details
    """
    kinds: dict[str, Any] = {
        "STRING": "string",
        "INTEGER": "long",
        "TIMESTAMP": {"type": "long", "logicalType": "timestamp-micros"},
    }
    modes = {
        "REQUIRED": lambda kind: kind,
        "NULLABLE": lambda kind: ["null", kind],
        "REPEATED": lambda kind: {"type": "array", "items": kind},
    }
    schema = fastavro.parse_schema(
        {
            "type": "record",
            "name": "__root__",
            "fields": [
                {"name": column["name"], "type": modes[column["mode"]](kinds[column["type"]])}
                for column in bigquery.schema()
            ],
        }
    )
    for one in rows:
        columns = {
            column["name"]: getattr(one, column["name"]) or (None if column["mode"] == "NULLABLE" else "")
            for column in bigquery.schema()
        }
        columns |= {"event": bytes(one.event).decode(), "verdict": str(one.verdict)}
        columns |= {name: list(columns[name]) for name in ("user_aliases", "client_aliases")}
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, schema, columns)
        stream.seek(0)
        yield fastavro.schemaless_reader(stream, schema)
