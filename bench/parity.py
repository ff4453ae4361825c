"""Whether the job makes of a stream what a batch makes of the same clicks: all rows of neighbours.

    python -m bench.parity --train train.txt [--format sessions] [--copies 0.1] [--disorder-s 600]

Each session is a browser, each click a `view_item` message. They reach the job, from decode to rows, on
Beam's FnApiRunner in bundles, with copies among them and late by up to the disorder. The batch is what
`evermail evaluate` learns, in order and without copies. Prints how many rows are the same to the last digit,
and ends with exit code 1 if one is not. Clicks of one session at the same moment are put a microsecond apart.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import msgspec
import numpy as np
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions

from bench import paced_runner
from demo import fn_api
from evermail import clock
from evermail.documents import Neighbors
from evermail.evaluation.datasets import DataSet, Sessions
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.progress import Track, on_console
from evermail.evaluation.reading import DataError, Format, read_training
from pipeline import coders
from pipeline.config import JobConfig
from pipeline.decode import Decode
from pipeline.keys import LiteralKeys
from pipeline.neighbors import CountNeighbors
from pipeline.shoppers import Shoppers

BUNDLE = 1_000
KEYS = LiteralKeys({"k1": "a-secret-for-this-comparison-only"})

_messages: list[bytes] = []
_documents: dict[str, Neighbors] = {}


class Parity(NamedTuple):
    """What the two made. `differing` are ids of rows that are not the same in both."""

    clicks: int
    messages: int
    rows: int
    differing: list[str]


def compare(data: DataSet, *, copies: float, disorder_s: float, seed: int, track: Track) -> Parity:
    """Lets both learn the training sessions of `data`."""
    data = replace(data, train=_apart(data.train))
    batch = Evermail()
    batch.fit(data, track)
    expected = {row.id: _says(row) for row in batch.all_rows().values() if row.neighbors}
    _messages[:] = list(_stream(data, copies, disorder_s, seed))
    _documents.clear()
    _run()
    found = {row.id: _says(row) for row in _documents.values() if row.neighbors}
    differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
    return Parity(len(data.train.items), len(_messages), len(expected), differing)


def _apart(sessions: Sessions) -> Sessions:
    """With times that order the clicks of a session as they stand in it."""
    places = np.arange(len(sessions.items)) - sessions.starts[sessions.owners]
    return replace(sessions, times=sessions.times + places)


def _says(row: Neighbors) -> tuple[int, float, Sequence[object]]:
    return row.as_of, row.total, row.neighbors


def _stream(data: DataSet, copies: float, disorder_s: float, seed: int) -> Iterator[bytes]:
    """The messages in the order of their arrival."""
    dice = random.Random(seed)
    arrivals: list[tuple[float, bytes]] = []
    number = 0
    for session, (items, times) in enumerate(data.train):
        for item, time in zip(items, times, strict=True):
            number += 1
            fields = {
                "event_id": f"e{number}",
                "event_name": "view_item",
                "event_time": clock.to_rfc3339(time),
                "client_id": f"browser-{session}",
                "items": [{"item_id": data.names[item]}],
            }
            message = msgspec.json.encode(fields)
            for _ in range(1 + (dice.random() < copies)):
                arrivals.append((time + dice.random() * disorder_s * clock.SECOND, message))
    arrivals.sort(key=lambda arrival: arrival[0])
    return (message for _, message in arrivals)


def _read(span: tuple[int, int]) -> Iterator[PubsubMessage]:
    for data in _messages[slice(*span)]:
        yield PubsubMessage(data, {})


def _keep(document: Neighbors) -> None:
    known = _documents.get(document.id)
    if known is None or known.version <= document.version:
        _documents[document.id] = document


def _run() -> None:
    coders.register()
    # Of clicks that may be of years ago, none is late, and no row is left out of what is written
    config = JobConfig(
        store_url="sqlite:///unused",
        pseudonym_keys=KEYS,
        bootstrap=False,
        allowed_lateness_us=100 * 365 * clock.DAY,
        timer_clock=paced_runner.timer_clock,
    )
    spans = [(at, at + BUNDLE) for at in range(0, len(_messages), BUNDLE)]
    with fn_api.stateful_stages(), paced_runner.bundles(apart=True, step_us=clock.SECOND):
        pipeline = beam.Pipeline(options=PipelineOptions([fn_api.RUNNER]))
        messages = pipeline | beam.Create(spans) | beam.FlatMap(_read)
        shopped = (messages | "Decode" >> Decode(config)).events | "Shoppers" >> Shoppers(config)
        shopped.row_updates | "Neighbors" >> CountNeighbors(config) | "Keep" >> beam.Map(_keep)
        pipeline.run().wait_until_finish()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.parity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--train", type=Path, required=True, help="sessions, as evermail evaluate reads them")
    parser.add_argument("--format", choices=[form.value for form in Format], default="sessions")
    parser.add_argument("--copies", type=float, default=0.1, help="share of messages that come twice")
    parser.add_argument("--disorder-s", type=float, default=600.0, help="messages are up to so late")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with on_console() as (_, track):
        try:
            train = read_training(given.train, Format(given.format), track, days=30.0)
        except DataError as problem:
            sys.exit(f"bench.parity: {problem}")
        data = DataSet(list(train.numbers), len(train.numbers), train.sessions, [], train.timed)
        found = compare(data, copies=given.copies, disorder_s=given.disorder_s, seed=given.seed, track=track)
    print(
        f"{found.clicks:,} clicks as {found.messages:,} messages: "
        f"{found.rows - len(found.differing):,} of {found.rows:,} rows are the same"
    )
    for row_id in found.differing[:5]:
        print(f"  not the same: {row_id}")
    sys.exit(1 if found.differing else 0)


if __name__ == "__main__":
    from bench import parity  # so that what is pickled finds the module by its name

    parity.main()
