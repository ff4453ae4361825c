"""The archive as a part of the job: what arrives is in it, on both runners, once, however bundles fare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.runner import PipelineResult
from apache_beam.transforms.window import GlobalWindow
from archive_support import NOW, TODAY, event
from streaming_support import Collected, Sleeper, StoppedClock, Stream, config, counters, pipeline, run

from evermail.archive.folder import files, lines_of
from evermail.archive.record import Row, event_of
from evermail.clock import SECOND
from evermail.events import Accepted, Event
from pipeline import archive, names
from pipeline.archive import GatherFn, WriteArchive
from pipeline.config import JobConfig

DAY_AGO_S = -90_000.0


@pytest.fixture
def settings() -> JobConfig:
    return config(archive_flush_us=10 * SECOND, store_backoff=Sleeper().backoff())


@pytest.fixture
def one_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    """All bundles of a day go into the same batch."""
    monkeypatch.setattr(archive, "SHARDS", 1)


def rows_of(folder: Path) -> list[Row]:
    rows = [line.row for file in files(folder) for line in lines_of(file)]
    return [row for row in rows if row is not None]


def event_ids(folder: Path) -> Counter[str]:
    return Counter(row.event_id for row in rows_of(folder))


def accepted(*event_ids: str, shopper: str = "u", **fields: Any) -> list[Accepted]:
    return [Accepted(shopper, event(event_id, user=shopper, **fields)) for event_id in event_ids]


def arriving(*elements: Accepted) -> beam.PTransform:
    """A stream of one bundle, and time enough to write it."""
    return Stream().watermark(0).arrives(*elements).passes(11).source()


def stream_into(
    folder: Path, settings: JobConfig, source: beam.PTransform, late: Sequence[Event] = ()
) -> PipelineResult:
    unrun = pipeline()
    events = unrun | "Accepted" >> source
    latecomers = unrun | "Late" >> beam.Create(late)
    (events, latecomers) | WriteArchive(str(folder), settings) | Collected().into("refused")
    result = run(unrun)
    assert Collected()["refused"] == []
    return result


class TestFlushing:
    def test_what_comes_within_the_interval_is_one_file(
        self, tmp_path: Path, settings: JobConfig, one_shard: None
    ) -> None:
        stream = (
            Stream().watermark(0).arrives(*accepted("1", "2")).passes(5).arrives(*accepted("3")).passes(6)
        )
        stream.arrives(*accepted("4")).passes(11)
        stream_into(tmp_path, settings, stream.source())
        found = [{line.row.event_id for line in lines_of(file) if line.row} for file in files(tmp_path)]
        assert sorted(found, key=len) == [{"4"}, {"1", "2", "3"}]

    def test_a_batch_that_is_large_does_not_wait(
        self, tmp_path: Path, settings: JobConfig, one_shard: None
    ) -> None:
        stream = Stream().watermark(0)
        for n in range(6):
            stream.arrives(*accepted(str(n)))
        small = replace(settings, archive_batch_bytes=800)
        stream_into(tmp_path, small, stream.passes(1).source())
        sizes = [sum(1 for _ in lines_of(file)) for file in files(tmp_path)]
        assert sizes == [3, 3]

    def test_a_bundle_travels_as_one_element(self, settings: JobConfig) -> None:
        fn = archive.AcceptedRowsFn(settings)
        fn.start_bundle()
        assert [chunk for one in accepted("1", "2", "3") for chunk in fn.process(one)] == []
        ((key, lines),) = (windowed.value for windowed in fn.finish_bundle())
        assert key.startswith(f"{TODAY}/")
        assert lines.count(b"\n") == 3

    def test_but_not_one_of_any_size(self, settings: JobConfig, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(archive, "CHUNK_BYTES", 700)
        fn = archive.AcceptedRowsFn(settings)
        fn.start_bundle()
        chunks = [chunk for one in accepted(*"123456789") for chunk in fn.process(one)]
        chunks += [windowed.value for windowed in fn.finish_bundle()]
        assert sum(lines.count(b"\n") for _, lines in chunks) == 9
        assert max(len(lines) for _, lines in chunks) < 1_200
        fn.start_bundle()
        assert list(fn.finish_bundle()) == []


class Cell:
    """A cell or a bag of state, or a timer, as a step sees it."""

    def __init__(self) -> None:
        self.held: list[Any] = []

    def read(self) -> Any:
        return self.held[-1] if self.held else None

    def write(self, value: Any) -> None:
        self.held = [value]

    set = write

    def add(self, value: Any) -> None:
        self.held.append(value)

    def clear(self) -> None:
        self.held = []


class Bag(Cell):
    def read(self) -> list[Any]:
        return list(self.held)


class TestDraining:
    """Timers of event time at the end of time are those that a drain fires, or the end of an input. The local
    runner fires none there, so they are looked at here."""

    def test_what_waits_is_written(self) -> None:
        fn = GatherFn(config(timer_clock=StoppedClock(0)))
        chunks, size, due, flush, drain = Bag(), Cell(), Cell(), Cell(), Cell()
        for chunk in (b"1\n", b"2\n"):
            assert list(fn.process((f"{TODAY}/0", chunk), chunks, size, due, flush, drain)) == []
        assert drain.held == [GlobalWindow().max_timestamp()]
        assert list(fn.release(f"{TODAY}/0", chunks, size, due, drain)) == [(TODAY, b"1\n2\n")]
        assert [cell.held for cell in (chunks, size, due, drain)] == [[], [], [], []]

    def test_a_timer_that_fires_for_nothing_writes_nothing(self) -> None:
        fn = GatherFn(config())
        assert list(fn.release(f"{TODAY}/0", Bag(), Cell(), Cell(), Cell())) == []


class TestWhatIsKept:
    def test_each_event_whole_with_whose_it_was_found_to_be(
        self, tmp_path: Path, settings: JobConfig
    ) -> None:
        sent = event("1", client="c", at=-5)
        stream_into(tmp_path, settings, arriving(Accepted("anna", sent)))
        (row,) = rows_of(tmp_path)
        assert event_of(row) == sent
        assert (row.shopper, row.verdict, row.pipeline_version) == ("anna", "accepted", "test")

    def test_late_ones_are_marked(self, tmp_path: Path, settings: JobConfig) -> None:
        late = [event("2", client="c", at=DAY_AGO_S, received=0)]
        stream_into(tmp_path, settings, arriving(*accepted("1")), late)
        assert {(row.event_id, row.verdict, row.shopper) for row in rows_of(tmp_path)} == {
            ("1", "accepted", "u"),
            ("2", "late", "c"),
        }

    def test_days_of_receipt_are_apart(self, tmp_path: Path, settings: JobConfig) -> None:
        events = [*accepted("1"), *accepted("2", at=DAY_AGO_S), *accepted("3", at=DAY_AGO_S, received=0)]
        stream_into(tmp_path, settings, arriving(*events))
        found = {
            line.row.event_id: file.day for file in files(tmp_path) for line in lines_of(file) if line.row
        }
        assert found == {"1": TODAY, "2": "2026-09-20", "3": TODAY}

    def test_events_for_aggregates_only_are_many_though_they_say_the_same(
        self, tmp_path: Path, settings: JobConfig
    ) -> None:
        nobody = [Accepted("", event("", at=-5))] * 3
        stream_into(tmp_path, settings, arriving(*nobody))
        assert len({row.row_id for row in rows_of(tmp_path)}) == 3


class TestBundlesThatFail:
    def test_a_rename_that_fails_for_long_costs_nothing_and_doubles_nothing(
        self, tmp_path: Path, settings: JobConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The step gives up after its time, and the runner tries the bundle again."""
        real, calls = FileSystems.rename, []

        def rename(sources: list[str], targets: list[str]) -> None:
            calls.append(targets)
            if len(calls) <= 5:
                raise OSError(5, "Input/output error")
            real(sources, targets)

        monkeypatch.setattr(FileSystems, "rename", staticmethod(rename))
        impatient = replace(settings, store_retry_us=1)
        source = arriving(*accepted("1", "2", "3"), *accepted("4", at=DAY_AGO_S))
        stream_into(tmp_path, impatient, source)
        assert len(calls) > 5
        assert event_ids(tmp_path) == dict.fromkeys("1234", 1)
        assert len(files(tmp_path)) == 2
        assert list(tmp_path.rglob("*.tmp")) == []

    def test_a_bundle_that_fails_after_its_first_file_leaves_no_copy(
        self, tmp_path: Path, settings: JobConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, calls = FileSystems.create, []

        def create(path: str, **keywords: Any) -> Any:
            calls.append(path)
            if 1 < len(calls) <= 3:  # the second file, both tries of it
                raise OSError(28, "No space left on device")
            return real(path, **keywords)

        monkeypatch.setattr(FileSystems, "create", staticmethod(create))
        impatient = replace(settings, store_retry_us=1)
        events = [*accepted("1"), *accepted("2", at=DAY_AGO_S), *accepted("3", at=2 * DAY_AGO_S)]
        stream_into(tmp_path, impatient, arriving(*events))
        assert event_ids(tmp_path) == dict.fromkeys("123", 1)
        assert len(files(tmp_path)) == 3


def test_the_worker_code_of_dataflow_writes_the_same(tmp_path: Path, settings: JobConfig) -> None:
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    unrun = beam.Pipeline(options=PipelineOptions([runner]))
    events = unrun | "Accepted" >> beam.Create([*accepted("1", "2"), Accepted("", event(""))])
    late = unrun | "Late" >> beam.Create([event("3", client="c", at=DAY_AGO_S)])
    (events, late) | WriteArchive(str(tmp_path), replace(settings, timer_clock=StoppedClock(NOW)))
    counted = counters(run(unrun))
    assert event_ids(tmp_path) == {"1": 1, "2": 1, "": 1, "3": 1}
    assert counted[names.ARCHIVE_ROWS_MADE] == counted[names.ARCHIVE_ROWS_WRITTEN] == 4


class TestGraph:
    """What Dataflow would see."""

    @pytest.fixture
    def graph(self, settings: JobConfig) -> Callable[[str], beam_runner_api_pb2.Pipeline]:
        def build(url: str) -> beam_runner_api_pb2.Pipeline:
            unrun = beam.Pipeline()
            events = unrun | "Accepted" >> beam.Create(accepted("1"))
            late = unrun | "Late" >> beam.Create([event("2", client="c")])
            (events, late) | "Archive" >> WriteArchive(url, settings)
            return unrun.to_runner_api()

        return build

    @pytest.mark.parametrize(
        "url", ["archive/", "gs://shop-archive/events", "bigquery:shop-1.events.archive"]
    )
    def test_writing_stands_behind_a_shuffle(
        self, graph: Callable[[str], beam_runner_api_pb2.Pipeline], url: str
    ) -> None:
        """Then a bundle that is tried again finds the same batches, and holds up nothing but itself."""
        steps = {step.unique_name: step for step in graph(url).components.transforms.values()}
        (into,) = steps["Archive/Write"].inputs.values()
        assert list(steps["Archive/Settle"].outputs.values()) == [into]
        assert steps["Archive/Settle"].spec.urn == "beam:transform:reshuffle:v1"
        (gathered,) = steps["Archive/Gather"].outputs.values()
        assert list(steps["Archive/Settle"].inputs.values()) == [gathered]

    def test_batches_travel_as_text_and_bytes(
        self, graph: Callable[[str], beam_runner_api_pb2.Pipeline]
    ) -> None:
        parts = graph("archive/").components
        for step in parts.transforms.values():
            if step.unique_name in ("Archive/AcceptedRows", "Archive/Gather", "Archive/Settle"):
                (output,) = step.outputs.values()
                coder = parts.coders[parts.pcollections[output].coder_id]
                inner = [parts.coders[part].spec.urn for part in coder.component_coder_ids]
                assert inner == ["beam:coder:string_utf8:v1", "beam:coder:bytes:v1"], step.unique_name

    def test_what_waits_is_written_in_time_and_when_the_job_is_drained(
        self, graph: Callable[[str], beam_runner_api_pb2.Pipeline]
    ) -> None:
        (step,) = (
            s for s in graph("archive/").components.transforms.values() if s.unique_name == "Archive/Gather"
        )
        timers = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload).timer_family_specs
        assert {timer.time_domain for timer in timers.values()} == {
            beam_runner_api_pb2.TimeDomain.PROCESSING_TIME,
            beam_runner_api_pb2.TimeDomain.EVENT_TIME,
        }


def test_a_url_that_names_no_archive_is_refused_when_the_job_is_built(settings: JobConfig) -> None:
    with pytest.raises(ValueError, match=r"bigquery:PROJECT\.DATASET\.TABLE"):
        WriteArchive("bigquery:archive", settings)
