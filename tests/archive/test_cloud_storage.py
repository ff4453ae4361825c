"""An archive in a bucket: what Beam's file system does with Cloud Storage, against a part of its API."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator

import apache_beam as beam
import pytest
from apache_beam.internal.gcp import auth
from apache_beam.options.pipeline_options import PipelineOptions
from archive_support import TODAY, event, row
from fake_gcs import FakeGcs
from streaming_support import Collected, Sleeper, StoppedClock, config, run

from evermail.archive.folder import hash_of
from evermail.archive.location import Folder
from evermail.archive.record import to_line
from evermail.events import Accepted
from pipeline.archive import WriteArchive
from pipeline.archive_files import WriteFileFn
from pipeline.read_archive import ReadArchive

BUCKET = "gs://shop-archive/events"


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcs]:
    with FakeGcs() as gcs:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
        monkeypatch.setattr(auth, "get_service_credentials", lambda options: None)
        yield gcs


def _pipeline() -> beam.Pipeline:
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    return beam.Pipeline(options=PipelineOptions([runner]))


def test_what_is_written_to_a_bucket_is_read_from_it(gcs: FakeGcs, collected: Collected) -> None:
    sent = [event("1", user="u"), event("2", user="u", at=-90_000)]
    writing = _pipeline()
    accepted = writing | "Accepted" >> beam.Create([Accepted("u", one) for one in sent])
    late = writing | "Late" >> beam.Create([event("3", client="c", at=-90_000, received=0)])
    (accepted, late) | WriteArchive(BUCKET, config(timer_clock=StoppedClock(0)))
    run(writing)
    assert {key.rsplit("/", 1)[0] for key in gcs.objects} == {
        f"shop-archive/events/received={day}" for day in (TODAY, "2026-09-20")
    }
    assert all(key.endswith(".ndjson.gz") for key in gcs.objects)
    reading = _pipeline()
    (reading | ReadArchive(BUCKET, config())).events | collected.into("events")
    run(reading)
    assert sorted(event.event_id for event in collected["events"]) == ["1", "2", "3"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_bucket_that_refuses_for_a_while_has_the_file_once(
    gcs: FakeGcs, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    gcs.failures[method] = 1
    lines = to_line(row("1", user="u"))
    sleeper = Sleeper()
    fn = WriteFileFn(Folder(BUCKET), config(store_backoff=sleeper.backoff()))
    with caplog.at_level(logging.ERROR):
        fn.process((TODAY, lines))
    (key,) = gcs.objects
    assert key == f"shop-archive/events/received={TODAY}/{hash_of(lines)}.ndjson.gz"
    assert gzip.decompress(gcs.objects[key]) == lines
    assert len(sleeper.pauses) == 1
    assert BUCKET in caplog.text
