"""Rows into BigQuery over a real connection: every answer is looked at, and nothing is lost silently."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator

import apache_beam as beam
import grpc
import msgspec
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from archive_support import NOW, event, row
from fake_bigquery import FakeBigQuery, breaks, ends, refuses
from streaming_support import Collected, Sleeper, StoppedClock, config, run

from evermail.archive.location import Table
from evermail.archive.record import Row, Verdict, event_of, from_columns, to_line
from evermail.clock import to_datetime
from evermail.events import Accepted, Code, Rejected
from evermail.stores import StoreUnavailable
from pipeline import archive, archive_bigquery
from pipeline.append_rows import CONNECTION_S
from pipeline.archive import WriteArchive
from pipeline.archive_bigquery import WriteRowsFn

TABLE = Table("shop-1", "events", "archive")
UNAVAILABLE = breaks(grpc.StatusCode.UNAVAILABLE, "try later")
BUDGET_S = 60

Write = Callable[..., list[Rejected]]


@pytest.fixture
def server() -> Iterator[FakeBigQuery]:
    with FakeBigQuery() as server:
        yield server


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def write(server: FakeBigQuery, sleeper: Sleeper) -> Iterator[Write]:
    """Writes batches of rows and gives what was refused."""
    settings = config(store_retry_us=BUDGET_S * 1_000_000, store_backoff=sleeper.backoff())
    fn = WriteRowsFn(TABLE, settings, server.connect)
    fn.setup()

    def write_(*batches: list[Row]) -> list[Rejected]:
        refused: list[Rejected] = []
        for batch in batches:
            refused += fn.process(("2026-09-21", b"".join(to_line(row) for row in batch)))
        return refused

    yield write_
    fn.teardown()


def row_ids(server: FakeBigQuery) -> list[str]:
    return [row["row_id"] for row in server.rows]


class TestRows:
    def test_they_arrive_with_all_that_they_say(self, write: Write, server: FakeBigQuery) -> None:
        sent = row("e1", user="u", client="c", user_aliases=("v", "w"), attempts=3, first_seen=NOW - 5)
        assert write([sent]) == []
        (got,) = server.rows
        assert got == {
            "row_id": sent.row_id,
            "verdict": "accepted",
            "event_name": "view_item",
            "event_time": str(NOW - 60_000_000),
            "received_at": str(NOW - 59_000_000),
            "pipeline_version": "test",
            "event": bytes(sent.event).decode(),
            "shopper": "u",
            "event_id": "e1",
            "client_id": "c",
            "user_id": "u",
            "user_aliases": ["v", "w"],
            "attempts": "3",
            "first_seen": str(NOW - 5),
        }

    def test_what_a_row_does_not_say_is_null(self, write: Write, server: FakeBigQuery) -> None:
        write([row("")])
        (got,) = server.rows
        assert not {"shopper", "event_id", "client_id", "user_id", "first_seen", "user_aliases"} & got.keys()

    def test_they_read_back_as_the_event_that_was_sent(self, write: Write, server: FakeBigQuery) -> None:
        sent = event("e1", user="u", client="c", client_aliases=("d",), attempts=2, first_seen=NOW)
        write([row("e1", user="u", client="c", client_aliases=("d",), attempts=2, first_seen=NOW)])
        (got,) = server.rows
        for name in ("event_time", "received_at", "first_seen"):
            got[name] = to_datetime(int(got[name]))
        assert event_of(from_columns(got | {"attempts": int(got["attempts"])})) == sent

    def test_they_go_to_the_default_stream_of_the_table(self, write: Write, server: FakeBigQuery) -> None:
        write([row("e1", user="u")])
        stream = "projects/shop-1/datasets/events/tables/archive/streams/_default"
        assert server.streams == [stream]
        assert server.routing == [f"write_stream={stream}"]

    def test_batches_share_a_connection(self, write: Write, server: FakeBigQuery) -> None:
        write([row("e1", user="u")], [row("e2", user="u")], [row("e3", user="u")])
        assert (len(server.rows), len(server.streams), len(server.requests)) == (3, 1, 3)

    def test_a_connection_is_renewed_before_it_is_old(
        self, write: Write, server: FakeBigQuery, sleeper: Sleeper
    ) -> None:
        write([row("e1", user="u")])
        sleeper.now_s += CONNECTION_S
        write([row("e2", user="u")])
        assert (len(server.rows), len(server.streams)) == (2, 2)

    def test_large_batches_are_sent_in_requests_that_bigquery_takes(
        self, write: Write, server: FakeBigQuery, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(archive_bigquery, "MAX_APPEND_BYTES", 2_000)
        rows = [row(f"e{n}", user="u") for n in range(50)]
        write(rows)
        assert row_ids(server) == [row.row_id for row in rows]
        assert len(server.sizes) > 1
        assert max(server.sizes[1:]) < 2_500

    def test_a_line_that_is_no_row_is_refused(self, server: FakeBigQuery, sleeper: Sleeper) -> None:
        """Lines wait in the job's state while it is updated: another version may have written them."""
        fn = WriteRowsFn(TABLE, config(store_backoff=sleeper.backoff()), server.connect)
        fn.setup()
        good = row("e1", user="u")
        (refused,) = fn.process(("2026-09-21", b'{"row_id": 1}\n' + to_line(good)))
        fn.teardown()
        assert (refused.stage, refused.code, refused.data) == ("archive", Code.WRONG_TYPE, b'{"row_id": 1}\n')
        assert row_ids(server) == [good.row_id]


class TestRowsThatATableWillNotTake:
    def test_they_are_refused_and_the_others_are_taken(self, write: Write, server: FakeBigQuery) -> None:
        rows = [row(f"e{n}", user="u") for n in range(4)]
        server.answers = [
            refuses(3, "Errors found while processing rows", {1: "bad timestamp", 3: "too old"})
        ]
        one, three = write(rows)
        assert row_ids(server) == [rows[0].row_id, rows[2].row_id]
        assert (one.stage, one.code, one.message) == (
            "archive",
            Code.STORE_REFUSED,
            f"row {rows[1].row_id} of an event that has counted: bad timestamp",
        )
        assert (one.data, one.pipeline_version, one.first_seen) == (bytes(rows[1].event), "test", NOW)
        assert three.message.endswith("too old")

    def test_a_request_of_such_rows_alone_is_not_sent_again(self, write: Write, server: FakeBigQuery) -> None:
        server.answers = [refuses(3, "Errors found", {0: "bad"})]
        assert len(write([row("e1", user="u")])) == 1
        assert (server.rows, len(server.requests)) == ([], 1)


class TestBadDays:
    @pytest.mark.parametrize(
        "answer",
        [
            UNAVAILABLE,
            breaks(grpc.StatusCode.ABORTED),
            breaks(grpc.StatusCode.PERMISSION_DENIED),
            ends,
            refuses(13, "internal"),
        ],
    )
    def test_rows_are_sent_again_until_they_are_taken(
        self, write: Write, server: FakeBigQuery, sleeper: Sleeper, answer: object
    ) -> None:
        server.answers = [answer, answer]  # type: ignore[list-item]
        sent = row("e1", user="u")
        assert write([sent]) == []
        assert row_ids(server) == [sent.row_id]
        assert sleeper.pauses == pytest.approx([0.1, 0.2])

    def test_a_connection_that_broke_is_opened_anew(self, write: Write, server: FakeBigQuery) -> None:
        write([row("e1", user="u")])
        server.answers = [UNAVAILABLE]
        write([row("e2", user="u")], [row("e3", user="u")])
        assert (len(server.rows), len(server.streams)) == (3, 2)

    def test_rows_that_were_taken_unheard_are_copies_by_their_ids(
        self, write: Write, server: FakeBigQuery
    ) -> None:
        server.answers = [breaks(grpc.StatusCode.UNAVAILABLE, after_taking=True)]
        sent = row("e1", user="u")
        write([sent])
        assert row_ids(server) == [sent.row_id, sent.row_id]

    def test_when_the_time_is_up_the_bundle_fails_so_that_the_runner_tries_it_again(
        self, write: Write, server: FakeBigQuery, sleeper: Sleeper
    ) -> None:
        server.answers = [UNAVAILABLE] * 100
        with pytest.raises(
            StoreUnavailable, match=r"shop-1\.events\.archive has not taken 1 rows within 60 s: .*try later"
        ):
            write([row("e1", user="u")])
        assert sum(sleeper.pauses) == pytest.approx(BUDGET_S)

    @pytest.mark.parametrize(
        "answer",
        [
            breaks(grpc.StatusCode.NOT_FOUND, "Requested entity was not found"),
            breaks(grpc.StatusCode.INVALID_ARGUMENT, "Input schema has more fields than BigQuery schema"),
            refuses(3, "Input schema has more fields than BigQuery schema"),
        ],
    )
    def test_a_table_that_is_not_as_it_should_be_is_put_right_by_people(
        self, write: Write, server: FakeBigQuery, answer: object
    ) -> None:
        server.answers = [answer] * 100  # type: ignore[list-item]
        with pytest.raises(StoreUnavailable) as caught:
            write([row("e1", user="u")])
        assert server.rows == []
        assert "the table must have the columns of evermail/archive/schema.json" in str(caught.value)
        assert "found" in str(caught.value) or "more fields" in str(caught.value)

    def test_a_quota_is_not_said_to_be_the_schemas_fault(self, write: Write, server: FakeBigQuery) -> None:
        server.answers = [breaks(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota")] * 100
        with pytest.raises(StoreUnavailable, match="quota") as caught:
            write([row("e1", user="u")])
        assert "schema" not in str(caught.value)


def test_a_job_writes_through_it(
    server: FakeBigQuery, collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the worker code of Dataflow, which pickles the step and encodes what goes between."""
    monkeypatch.setattr(archive, "WriteRowsFn", _over(server.connect))
    server.answers = [refuses(3, "Errors found", {0: "bad"})]
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    unrun = beam.Pipeline(options=PipelineOptions([runner]))
    accepted = unrun | "Accepted" >> beam.Create([Accepted("u", event(f"e{n}", user="u")) for n in range(3)])
    late = unrun | "Late" >> beam.Create([event("late", user="u", at=-90_000)])
    settings = config(timer_clock=StoppedClock(0), store_backoff=Sleeper().backoff())
    refused = (accepted, late) | WriteArchive(f"bigquery:{TABLE}", settings)
    refused | collected.into("refused")
    run(unrun)
    written = {row["event_id"]: row["verdict"] for row in server.rows}
    (letter,) = collected["refused"]
    lost = msgspec.json.decode(letter.data)["event_id"]
    expected = {"e0": "accepted", "e1": "accepted", "e2": "accepted", "late": Verdict.LATE.value}
    assert written == {name: verdict for name, verdict in expected.items() if name != lost}


class _over:
    """`WriteRowsFn` over another client."""

    def __init__(self, connect: Callable[[], object]) -> None:
        self._connect = connect

    def __call__(self, table: Table, settings: object) -> WriteRowsFn:
        return WriteRowsFn(table, settings, self._connect)  # type: ignore[arg-type]


def test_nothing_of_bigquery_is_needed_to_make_the_step() -> None:
    fn = WriteRowsFn(TABLE, config())
    assert pickle.loads(pickle.dumps(fn))._table == TABLE
