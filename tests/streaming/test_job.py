"""The whole graph, bytes to documents: the law of conservation, and a day small enough to check by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineResult
from streaming_support import (
    NOW,
    SECRET,
    Collected,
    FaultyStore,
    StoppedClock,
    Stream,
    config,
    counters,
    message,
    pipeline,
    pseudonym,
    run,
    says,
    totals,
    wire,
)

from demo import fn_api
from demo.conservation import accounts, unsettled
from demo.malformed import SPOILERS, spoil
from evermail import clock, repeats
from evermail.clock import DAY, SECOND
from evermail.documents import Document, Neighbors, Profile, Trending
from evermail.events import Code
from evermail.stores import Outcome
from evermail.stores.sqlite import SqliteStore
from pipeline import job as job_module
from pipeline import neighbors, store_writer
from pipeline.config import JobConfig
from pipeline.dead_letters import from_message

FOREVER = 10**6 * DAY


class Left:
    """What a run of the job left: documents, dead letters, counters."""

    def __init__(self, store: SqliteStore, dead_letters: list[PubsubMessage], result: PipelineResult) -> None:
        self._store = store
        self.refused = [from_message(letter.data) for letter in dead_letters]
        self.counters = counters(result)

    def documents(self, kind: type[Document]) -> dict[str, Document]:
        return {document.id: document for document in self._store.scan(kind.COLLECTION)}

    @property
    def profiles(self) -> dict[str, Profile]:
        return self.documents(Profile)  # type: ignore[return-value]

    @property
    def neighbors(self) -> dict[str, dict[str, float]]:
        return {key: totals(row.neighbors) for key, row in self.documents(Neighbors).items()}  # type: ignore[attr-defined]

    @property
    def trending(self) -> dict[str, dict[str, float]]:
        return {key: totals(row.items) for key, row in self.documents(Trending).items()}  # type: ignore[attr-defined]


Job = Callable[..., Left]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobConfig:
    monkeypatch.setattr(neighbors, "HALF_LIFE_US", FOREVER)
    return config(f"sqlite:///{tmp_path}/store.sqlite3", trending_half_life_us=FOREVER)


@pytest.fixture
def job(settings: JobConfig, tmp_path: Path, collected: Collected, every_bundle_counts: None) -> Job:
    """Runs the whole job over a stream of messages."""

    def run_(
        source: beam.PTransform, settings: JobConfig = settings, unrun: beam.Pipeline | None = None
    ) -> Left:
        p = unrun or pipeline()
        sinks = job_module.Sinks(collected.into("dead letters"), triggers=collected.into("triggers"))
        job_module.build(p, source, sinks, settings)
        result = run(p)
        store = SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)
        return Left(store, collected["dead letters"], result)

    return run_


def click(
    shopper: str,
    item: str,
    at: float,
    name: str = "view_item",
    *,
    category: str | None = None,
    event_id: str = "",
) -> PubsubMessage:
    item_fields = {"item_id": item, **({"item_category": category} if category else {})}
    fields = wire(
        event_name=name,
        event_time=clock.to_rfc3339(NOW + round(at * SECOND)),
        user_id=shopper,
        items=[item_fields],
    )
    if event_id:
        fields["event_id"] = event_id
    return message(fields, {"event_id": fields["event_id"]})


ANNA, BEN = pseudonym("user", "anna"), pseudonym("user", "ben")


def a_small_day() -> Stream:
    seen_b = click("anna", "B", -40, category="tables")
    return (
        Stream()
        .watermark(-60)
        .arrives(click("anna", "A", -50, category="chairs"), seen_b, message(b"{"))
        .arrives(click("ben", "A", -30, category="chairs"), seen_b)
        .watermark(0)
        .passes()
        .arrives(click("ben", "B", -20, "add_to_cart", category="tables"), click("ben", "C", -7200))
        .passes()
        .arrives(click("ben", "A", -30, event_id="1"), click("ben", "D", -30, event_id="1"))
        .watermark(60)
        .passes()
    )


class TestASmallDay:
    def test_documents_are_what_a_hand_computes(self, job: Job) -> None:
        out = job(a_small_day().source())
        assert {key: (profile.events, profile.cart) for key, profile in out.profiles.items()} == {
            ANNA: (2, {}),
            BEN: (3, {"B": 1}),
        }
        assert [seen.item_id for seen in out.profiles[ANNA].history] == ["B", "A"]
        # Ben looked at A a second time at the moment of the first: no pair of A with itself.
        # A row holds what was touched after its item in full, and what was touched before by three
        # quarters; a view weighs 1, a cart 3.
        # Besides, one step led to a new item, and one to the same again; a cart is no step.
        assert out.neighbors == {
            "A": {"B": 1.0 + 3.0},
            "B": {"A": 0.75 + 2.25},
            repeats.ROW_ID: {"1n0-": 1.0, "1n00": 1.0},
        }
        assert out.trending == {
            "global": {"A": 3.0, "B": 1.0 + 3.0},
            "category:chairs": {"A": 2.0},
            "category:tables": {"B": 4.0},
        }
        assert {row.as_of for row in out.documents(Trending).values()} == {NOW}  # type: ignore[attr-defined]

    def test_what_was_refused_says_why(self, job: Job) -> None:
        out = job(a_small_day().source())
        assert Counter((letter.stage, letter.code) for letter in out.refused) == {
            ("decode", Code.MALFORMED_JSON): 1,
            ("shoppers", Code.LATE): 1,
            ("shoppers", Code.ID_COLLISION): 1,
        }

    def test_published_is_accepted_and_duplicate_and_rejected_and_late(self, job: Job) -> None:
        out = job(a_small_day().source())
        found = accounts(out.counters)
        assert (found.accepted, found.duplicate, found.late) == (5, 1, 1)
        assert found.rejected == {"id_collision": 1, "malformed_json": 1}
        assert found.total == 9
        assert sum(profile.events for profile in out.profiles.values()) == found.accepted
        assert unsettled(out.counters) == []

    def test_no_identifier_is_left_in_the_store(self, job: Job, tmp_path: Path) -> None:
        job(a_small_day().source())
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("store.sqlite3*"))
        assert ANNA.encode() in stored
        assert not any(name in stored for name in (b"anna", b"ben", b"cookie-1", SECRET.encode()))


def test_the_law_holds_for_copies_faults_and_disorder(job: Job) -> None:
    good = [click(f"s{n % 7}", f"I{n % 5}", -2 * n, category=f"c{n % 2}") for n in range(80)]
    bad = [message(spoil(code, wire())) for code in SPOILERS]
    late = [click("s1", "L", -4000), click("s2", "L", -5000)]
    stream = Stream().watermark(-180).arrives(*good[40:], *bad[:7], *late[:1]).passes()
    stream.watermark(-60).arrives(*good[:50], *bad[7:]).passes().watermark(0).passes()
    stream.watermark(600).arrives(*good[::3], *late[1:]).passes()
    out = job(stream.source())
    found = accounts(out.counters)
    assert found.total == 40 + 50 + 27 + len(bad) + len(late)
    assert (found.accepted, found.late, sum(found.rejected.values())) == (80, 2, len(bad))
    assert found.duplicate == 10 + 27
    assert sum(profile.events for profile in out.profiles.values()) == 80
    assert Counter(letter.code for letter in out.refused) == {**dict.fromkeys(SPOILERS, 1), Code.LATE: 2}
    assert sum(out.trending["global"].values()) == 80.0
    assert unsettled(out.counters) == []


def test_documents_that_the_store_refuses_are_dead_letters_too(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FaultyStore(*[says(Outcome.PERMANENT, "no", of=ANNA)] * 10)
    monkeypatch.setattr(store_writer, "shared_store", lambda url: store)
    out = job(a_small_day().source())
    (refused,) = (letter for letter in out.refused if letter.stage == "store_writer")
    assert (refused.code, refused.message) == (Code.STORE_REFUSED, f"profiles/{ANNA}: no")
    assert unsettled(out.counters) == []


def test_the_worker_code_of_dataflow_gives_the_same_documents(job: Job, settings: JobConfig) -> None:
    """The local runner hands objects on as they are; this one encodes them between steps, as Dataflow."""
    messages = [
        click("anna", "A", -50, category="chairs"),
        click("anna", "B", -40, category="tables"),
        click("ben", "A", -30, category="chairs"),
        click("ben", "B", -20, "add_to_cart", category="tables"),
        click("ben", "C", -7200),
        message(b"{", {"event_id": "x"}),
    ]
    with fn_api.stateful_stages():
        out = job(
            beam.Create(messages),
            settings=replace(settings, timer_clock=StoppedClock(0)),
            unrun=beam.Pipeline(options=PipelineOptions([fn_api.RUNNER])),
        )
    assert {key: profile.events for key, profile in out.profiles.items()} == {ANNA: 2, BEN: 2}
    assert out.neighbors == {"A": {"B": 4.0}, "B": {"A": 3.0}, repeats.ROW_ID: {"1n0-": 1.0}}
    assert out.trending["global"] == {"A": 2.0, "B": 4.0}
    assert sorted(letter.code for letter in out.refused) == [Code.LATE, Code.MALFORMED_JSON]
    assert unsettled(out.counters) == []


@pytest.mark.parametrize(
    "wish",
    [{"event_name": "update_consent", "consent": {"personalization": False}}, {"event_name": "erase_user"}],
)
def test_what_a_refused_event_asks_for_holds_for_carts_too(
    job: Job, collected: Collected, settings: JobConfig, wish: dict[str, Any]
) -> None:
    """An id that was used before makes it a dead letter, and a wish all the same."""
    add = click("anna", "A", -60, "add_to_cart", event_id="twice")
    time = clock.to_rfc3339(NOW - 30 * SECOND)
    asks = wire(event_id="twice", event_time=time, user_id="anna", client_id=None, items=[], **wish)
    stream = Stream().watermark(-100).arrives(add).passes().arrives(message(asks)).passes().watermark(20_000)
    left = job(stream.source(), replace(settings, cart_gap_us=SECOND * 600))
    assert collected["triggers"] == []
    assert [refused.code for refused in left.refused] == [Code.ID_COLLISION]


def test_a_cart_that_was_left_is_announced(job: Job, collected: Collected, settings: JobConfig) -> None:
    add = click("anna", "A", -60, "add_to_cart")
    stream = Stream().watermark(-100).arrives(add).passes().watermark(20_000)
    job(stream.source(), replace(settings, cart_gap_us=SECOND * 600))
    assert len(collected["triggers"]) == 1
