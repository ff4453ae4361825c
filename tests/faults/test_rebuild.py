"""The archive gives every document back: a batch over it ends with what the stream ended with."""

from __future__ import annotations

import random
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from job_under_fire import differences, documents, run_job, settings
from shop_story import products, tell
from streaming_support import NOW, StoppedClock

from demo import fn_api
from evermail.clock import HOUR, MINUTE
from evermail.stores.sqlite import SqliteStore
from pipeline import read_archive
from pipeline.job import Sinks, rebuild

SPAN_S = 20 * 3600


def _drop(_: object) -> tuple[()]:
    return ()


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("quick_runner")
def test_a_rebuild_ends_with_the_documents_of_the_stream(tmp_path: Path) -> None:
    """Whether the store holds nothing or those of the stream."""
    story = tell(3_000, NOW - 26 * HOUR, SPAN_S, random.Random(5))
    messages = story.under_fire(random.Random(6), copies=0.1, shuffled=0.2, malformed=0.05)
    streamed, archive = tmp_path / "streamed.sqlite3", tmp_path / "archive"
    left = run_job(messages, streamed, archive=archive)
    assert left.counters["accepted"] > 2_900
    told = documents(streamed)

    empty = tmp_path / "rebuilt.sqlite3"
    SqliteStore(empty).put_many(products())
    for store in (empty, streamed):
        _rebuild(archive, store)
        assert differences(documents(store), told) == {}


def _rebuild(archive: Path, store: Path) -> None:
    now = StoppedClock(NOW + MINUTE)  # later than the stream, which versions tell
    config = settings(store, wall_clock=now, timer_clock=StoppedClock(0))
    with fn_api.stateful_stages():
        pipeline = beam.Pipeline(options=PipelineOptions([fn_api.RUNNER]))
        source = read_archive.ReadArchive(str(archive), config)
        rebuild(pipeline, source, Sinks(dead_letters=beam.FlatMap(_drop)), config)
        pipeline.run().wait_until_finish()
