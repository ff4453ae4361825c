"""Product data joins events; what the catalog does not know yet is counted, waits, and is not lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows, GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue
from streaming_support import (
    NOW,
    Collected,
    Sleeper,
    StoppedClock,
    Stream,
    accepted,
    config,
    counters,
    pipeline,
    run,
    totals,
)

from evermail.clock import DAY, MINUTE, SECOND
from evermail.decay import UNIT
from evermail.documents import Document, Key, Product
from evermail.events import Accepted, Item
from evermail.product_cache import MAX_IDS
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline import names, products
from pipeline.await_products import AwaitFn
from pipeline.config import JobConfig
from pipeline.enrich import Enrich, JoinFn
from pipeline.trending import CountTrending

WAIT_S = 60.0
PLACE = (Timestamp(micros=NOW), GlobalWindow())
"""Time and window of elements that are processed by hand."""

FOREVER = 10**6 * DAY


def product(item_id: str, category: str | None = "chairs", **fields: Any) -> Product:
    told = {"price": 9.0, "currency": "EUR", "title": "", "url": "", "image_url": "", **fields}
    return Product(id=item_id, version=1, updated_at=0, category=category, **told)


class Catalog:
    """A store of products. Some come into it only when it is asked for the n-th time, and calls may fail."""

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.arriving: dict[int, Product] = {}
        self.failures: set[int] = set()
        self.asked: list[list[str]] = []

    def knows(self, *known: Product) -> None:
        self.products.update({one.id: one for one in known})

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Document]:
        self.asked.append(sorted(key.id for key in keys))
        call = len(self.asked)
        if call in self.failures:
            raise StoreUnavailable("down")
        if call in self.arriving:
            self.knows(self.arriving[call])
        return {key: self.products[key.id] for key in keys if key.id in self.products}


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    """What the job takes for its store."""
    catalog = Catalog()
    monkeypatch.setattr(products, "shared_store", lambda url: catalog)
    products._products.cache_clear()
    yield catalog
    products._products.cache_clear()


@pytest.fixture
def settings() -> JobConfig:
    return settings_with()


def settings_with(**changes: Any) -> JobConfig:
    told = {"catalog_wait_us": round(WAIT_S * SECOND), "trending_half_life_us": FOREVER, **changes}
    return config(**told)


FAR_FROM_DUE = settings_with(timer_clock=StoppedClock(NOW + 10**6 * DAY))
"""Timers that are set end when no run lasts."""


class Outcome:
    """What came out of a run."""

    def __init__(self, collected: Collected, counted: Counter[str]) -> None:
        self.events: list[Accepted] = collected["events"]
        self.late: list[Any] = collected["late"]
        self.counted = counted
        self.lists = {document.id: totals(document.items) for document in collected["lists"]}

    @property
    def waiting(self) -> int:
        """Lines that were neither found nor given up."""
        ended = self.counted[names.LINES_FOUND] + self.counted[names.LINES_GIVEN_UP]
        return self.counted[names.LINES_WAITING] - ended

    @property
    def unsettled(self) -> int:
        return self.counted[names.TRENDING_SENT] - self.counted[names.TRENDING_TAKEN]


def enrich(source: beam.PTransform, settings: JobConfig, unrun: beam.Pipeline | None = None) -> Outcome:
    collected, p = Collected(), unrun or pipeline()
    enriched = p | source | Enrich(settings)
    enriched.events | collected.into("events")
    enriched.categories | collected.into("late")
    enriched | CountTrending(settings) | collected.into("lists")
    return Outcome(collected, counters(run(p)))


def fn_api_runner() -> beam.Pipeline:
    runner = "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner"
    return beam.Pipeline(options=PipelineOptions([runner]))


def items_of(outcome: Outcome) -> list[Item]:
    return [item for each in outcome.events for item in each.event.items]


@pytest.mark.usefixtures("every_bundle_counts")
class TestJoin:
    def test_an_event_gets_what_it_does_not_say(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(product("A", sale_price=7.0))
        out = enrich(Stream().arrives(accepted("A", name="add_to_cart")).source(), settings)
        assert items_of(out) == [Item("A", 1, 7.0, "chairs")]
        assert out.events[0].event.currency == "EUR"
        assert out.events[0].shopper == "anna"

    def test_an_event_that_says_all_costs_no_look(self, catalog: Catalog, settings: JobConfig) -> None:
        said = accepted("A", category="seats")
        out = enrich(Stream().arrives(said).source(), settings)
        assert out.events == [said]
        assert catalog.asked == []

    def test_what_an_event_says_stands(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(product("A"), product("B"))
        said = [Item("A", 1, 5.0, "seats"), Item("B", 1, 5.0)]
        out = enrich(Stream().arrives(accepted(said, currency="EUR")).source(), settings)
        assert items_of(out) == [said[0], Item("B", 1, 5.0, "chairs")]

    def test_the_categories_list_counts_what_was_joined(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(product("A"))
        stream = Stream().arrives(accepted("A"), accepted("A", category="chairs")).watermark(60).passes()
        assert enrich(stream.source(), settings).lists == {
            "global": {"A": 2.0},
            "category:chairs": {"A": 2.0},
        }

    def test_an_event_of_nobody_is_joined_as_well(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(product("A"))
        out = enrich(Stream().arrives(Accepted("", accepted("A").event)).source(), settings)
        assert [(each.shopper, each.event.items[0].item_category) for each in out.events] == [("", "chairs")]

    @pytest.mark.parametrize("runner", [None, fn_api_runner])
    def test_times_and_windows_are_kept(self, catalog: Catalog, settings: JobConfig, runner: Any) -> None:
        catalog.knows(product("A"))
        told = [accepted("A", at=-90), accepted("A", at=-30), accepted("A", category="x", at=30)]
        p = runner() if runner else pipeline()
        source = beam.Create(told) if runner else Stream().watermark(-100).arrives(*told).source()
        collected = Collected()
        windowed = p | source | beam.Map(_at_its_time) | beam.WindowInto(FixedWindows(60))
        enriched = windowed | Enrich(settings)
        enriched.events | beam.Map(_with_place) | collected.into("places")
        run(p)
        assert sorted(collected["places"]) == [
            (at, (at // 60 * 60, at // 60 * 60 + 60)) for at in (-90, -30, 30)
        ]


def _at_its_time(each: Accepted) -> beam.window.TimestampedValue:
    return beam.window.TimestampedValue(each, each.event.event_time / SECOND)


def _with_place(
    _: Accepted, time: Any = beam.DoFn.TimestampParam, within: Any = beam.DoFn.WindowParam
) -> tuple[int, tuple[int, int]]:
    """Seconds from NOW of an element, and of the bounds of its window."""
    now = NOW // SECOND
    return int(time) - now, (int(within.start) - now, int(within.end) - now)


class TestLooks:
    def test_a_bundle_costs_one_look(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(*map(product, "ABC"))
        stream = Stream().arrives(accepted("A"), accepted("B A"), accepted("C"))
        out = enrich(stream.source(), settings)
        assert catalog.asked == [["A", "B", "C"]]
        assert {item.item_category for item in items_of(out)} == {"chairs"}

    def test_what_was_asked_is_remembered(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.knows(*map(product, "AB"))
        stream = (
            Stream().arrives(accepted("A")).arrives(accepted("A"), accepted("A")).arrives(accepted("A B"))
        )
        out = enrich(stream.source(), settings)
        assert catalog.asked == [["A"], ["B"]]
        assert len(out.events) == 4

    def test_a_large_bundle_is_asked_in_parts(self, catalog: Catalog, settings: JobConfig) -> None:
        each = 50
        told = [accepted(" ".join(f"I{n}-{m}" for m in range(each))) for n in range(2 * MAX_IDS // each + 1)]
        catalog.knows(*(product(item.item_id) for one in told for item in one.event.items))
        out = enrich(Stream().arrives(*told).source(), settings)
        assert [len(ids) for ids in catalog.asked] == [MAX_IDS, MAX_IDS, each]
        assert len(out.events) == len(told)

    def test_no_more_events_wait_than_one_look_serves(self, catalog: Catalog, settings: JobConfig) -> None:
        fn = JoinFn(settings)
        fn.setup()
        fn.start_bundle()
        given = [len(list(fn.process(accepted(f"I{n}"), *PLACE))) for n in range(MAX_IDS + 1)]
        assert given == [0] * (MAX_IDS - 1) + [MAX_IDS, 0]

    def test_a_store_that_is_down_is_asked_again(self, catalog: Catalog) -> None:
        catalog.knows(product("A"))
        catalog.failures = {1, 2}
        sleeper = Sleeper()
        (joined,) = bundle(settings_with(store_backoff=sleeper.backoff()), accepted("A"))
        assert joined.event.items[0].item_category == "chairs"
        assert sleeper.pauses == [0.1, 0.2]

    def test_a_store_that_stays_down_fails_the_bundle(self, catalog: Catalog) -> None:
        catalog.failures = set(range(1, 99))
        sleeper = Sleeper()
        settings = settings_with(store_backoff=sleeper.backoff(), store_retry_us=5 * SECOND)
        with pytest.raises(StoreUnavailable):
            bundle(settings, accepted("A"))
        assert sum(sleeper.pauses) == pytest.approx(5)

    def test_the_runner_then_tries_the_bundle_again(self, catalog: Catalog) -> None:
        catalog.knows(product("A"))
        catalog.failures = {1, 2}
        told = Stream().arrives(accepted("A"), accepted("B", category="x"))
        settings = settings_with(store_backoff=Sleeper().backoff(first_s=1.0), store_retry_us=SECOND)
        out = enrich(told.source(), settings)
        assert sorted(str(item.item_category) for item in items_of(out)) == ["chairs", "x"]


def bundle(settings: JobConfig, *told: Accepted) -> list[Accepted]:
    """What one bundle gives."""
    fn = JoinFn(settings)
    fn.setup()
    fn.start_bundle()
    out = [one for each in told for one in fn.process(each, *PLACE)]
    return out + [windowed.value for windowed in fn.finish_bundle() if isinstance(windowed, WindowedValue)]


@pytest.mark.usefixtures("every_bundle_counts")
class TestUnknownProducts:
    def test_the_event_goes_on_at_once(self, catalog: Catalog, settings: JobConfig) -> None:
        said = accepted("A B", at=1)
        out = enrich(Stream().arrives(said).watermark(60).passes().source(), settings)
        assert out.events == [said]
        assert out.lists == {"global": {"A": 1.0, "B": 1.0}}
        assert (out.counted[names.PRODUCTS_UNKNOWN], out.counted[names.LINES_WAITING]) == (2, 2)

    def test_a_product_that_comes_later_joins_its_category(
        self, catalog: Catalog, settings: JobConfig
    ) -> None:
        catalog.arriving = {4: product("A")}
        stream = Stream().arrives(accepted("A", at=1), accepted("A", at=2, name="purchase"))
        stream.watermark(60).passes(6).passes(11).passes(21).passes()
        out = enrich(stream.source(), settings)
        assert out.late == [("category:chairs", (NOW + MINUTE, {"A": 6 * UNIT}))]
        assert out.lists == {"global": {"A": 6.0}, "category:chairs": {"A": 6.0}}
        assert (out.counted[names.LINES_FOUND], out.waiting, out.unsettled) == (2, 0, 0)

    def test_it_ends_as_if_the_product_had_been_known(self, catalog: Catalog, settings: JobConfig) -> None:
        def told() -> Stream:
            stream = Stream().watermark(-200)
            for at in (-150, -90, -30, 30):
                stream.arrives(accepted("A B", at=at), accepted("C", at=at, category="chairs"))
            return stream.watermark(60).passes(6).passes(11)

        catalog.knows(product("B"))
        catalog.arriving = {2: product("A")}
        late = enrich(told().source(), settings)
        products._products.cache_clear()
        known = enrich(told().source(), settings)
        assert late.counted[names.LINES_FOUND] == 4
        assert known.counted[names.LINES_WAITING] == 0
        assert late.lists == known.lists

    def test_it_is_given_up_when_the_wait_is_over(self, catalog: Catalog, settings: JobConfig) -> None:
        stream = Stream().arrives(accepted("A")).watermark(60)
        for _ in range(10):
            stream.passes(WAIT_S / 2)
        out = enrich(stream.source(), settings)
        assert (out.late, out.lists) == ([], {"global": {"A": 1.0}})
        assert (out.counted[names.LINES_GIVEN_UP], out.waiting, out.unsettled) == (1, 0, 0)
        # At once, after 5, 15 and 35 seconds, and when the minute is over: then it is left alone.
        assert len(catalog.asked) == 5

    def test_after_that_a_new_line_waits_anew(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.arriving = {7: product("A")}
        stream = Stream().arrives(accepted("A", at=1)).watermark(60)
        for _ in range(10):
            stream.passes(WAIT_S / 2)
        stream.arrives(accepted("A", at=30)).passes(6).passes(11).passes()
        out = enrich(stream.source(), settings)
        assert (out.counted[names.LINES_GIVEN_UP], out.counted[names.LINES_FOUND], out.waiting) == (1, 1, 0)
        assert out.lists["category:chairs"] == {"A": 1.0}

    def test_a_product_without_a_category_settles_it(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.arriving = {2: product("A", None)}
        out = enrich(Stream().arrives(accepted("A")).watermark(60).passes(6).source(), settings)
        assert (out.counted[names.LINES_FOUND], out.waiting, out.late) == (1, 0, [])

    def test_a_known_product_without_a_category_does_not_wait(
        self, catalog: Catalog, settings: JobConfig
    ) -> None:
        catalog.knows(product("A", None))
        out = enrich(Stream().arrives(accepted("A")).source(), settings)
        assert (out.counted[names.LINES_WAITING], out.counted[names.PRODUCTS_UNKNOWN]) == (0, 0)

    def test_what_counts_nowhere_does_not_wait(self, catalog: Catalog, settings: JobConfig) -> None:
        out = enrich(Stream().arrives(accepted("A B", name="view_item_list")).source(), settings)
        assert (out.counted[names.LINES_WAITING], out.counted[names.PRODUCTS_UNKNOWN]) == (0, 2)

    def test_a_store_that_is_down_ends_no_wait(self, catalog: Catalog, settings: JobConfig) -> None:
        catalog.failures = set(range(2, 8))
        catalog.arriving = {8: product("A")}
        stream = Stream().arrives(accepted("A")).watermark(60)
        for _ in range(12):
            stream.passes(WAIT_S)
        out = enrich(stream.source(), settings)
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 0)
        assert out.lists["category:chairs"] == {"A": 1.0}


@pytest.mark.parametrize("arriving", [{1: product("A")}, {}], ids=["found", "given up"])
def test_no_timer_stays_of_a_wait_that_is_over(catalog: Catalog, arriving: dict[int, Product]) -> None:
    """Anybody may make up item ids, and a drain fires the timers of all of them."""
    catalog.arriving = arriving
    clock = StoppedClock(NOW)
    fn = AwaitFn(settings_with(timer_clock=clock, catalog_wait_us=1))
    fn.setup()
    fn.start_bundle()
    stored, due, ask, drain = Mock(), Mock(), Mock(), Mock()
    stored.read.return_value = due.read.return_value = None
    fn.process(("A", (NOW, UNIT, 1)), stored, due, ask, drain)
    drain.set.assert_called_once_with(GlobalWindow().max_timestamp())
    stored.read.return_value, due.read.return_value = stored.write.call_args.args[0], NOW
    assert len(list(fn.ask_again("A", stored, due, ask, drain))) == len(arriving)
    drain.clear.assert_called_once_with()
    stored.clear.assert_called_once_with()


class TestInTheWorkerCodeOfDataflow:
    """The local runner hands objects on as they are; this one encodes them between steps, as Dataflow."""

    def test_joined_found_late_and_given_up(self, catalog: Catalog) -> None:
        catalog.knows(product("A"))
        catalog.arriving = {2: product("B")}
        told = [accepted("A B", at=-1), accepted("A", at=-70, category="seats"), accepted("C", at=5)]
        out = enrich(beam.Create(told), settings_with(timer_clock=StoppedClock(0)), fn_api_runner())
        assert out.lists == {
            "global": {"A": 2.0, "B": 1.0, "C": 1.0},
            "category:chairs": {"A": 1.0, "B": 1.0},
            "category:seats": {"A": 1.0},
        }
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 1)
        assert (out.waiting, out.unsettled) == (0, 0)

    def test_an_input_that_ends_is_asked_a_last_time(self, catalog: Catalog) -> None:
        catalog.arriving = {2: product("B")}
        out = enrich(beam.Create([accepted("A B", at=-1)]), FAR_FROM_DUE, fn_api_runner())
        assert out.late == [("category:chairs", (NOW, {"B": UNIT}))]
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 1)


@pytest.mark.usefixtures("every_bundle_counts")
class TestTheLastTime:
    """A batch is over, or the job is drained: what waits is asked for once more, however far off the end of
    its next pause."""

    CALLS = 5
    """How often one bundle asks: at once and after 1, 3, 7 and 8 seconds."""

    def end(self, item_ids: Sequence[str]) -> Outcome:
        backoff = Sleeper().backoff(first_s=1.0)
        settings = replace(FAR_FROM_DUE, store_backoff=backoff, store_retry_us=8 * SECOND)
        told = [accepted(item_id, at=-1) for item_id in item_ids]
        return enrich(Stream().arrives(*told).source(), settings)

    def test_what_is_known_now_counts_and_the_rest_is_given_up(self, catalog: Catalog) -> None:
        catalog.arriving = {2: product("B")}
        out = self.end("ABC")
        assert catalog.asked == [["A", "B", "C"]] * 2
        assert out.late == [("category:chairs", (NOW, {"B": UNIT}))]
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 2)
        assert out.lists["category:chairs"] == {"B": 1.0}

    def test_all_that_wait_are_asked_for_in_few_calls(self, catalog: Catalog) -> None:
        ids = [f"I{n}" for n in range(MAX_IDS + 1)]
        out = self.end(ids)
        at_the_end = catalog.asked[2:]
        assert [len(asked) for asked in at_the_end] == [MAX_IDS, 1]
        assert sorted(chain.from_iterable(at_the_end)) == sorted(ids)
        assert out.counted[names.LINES_GIVEN_UP] == len(ids)

    def test_a_store_that_is_down_is_asked_again(self, catalog: Catalog) -> None:
        catalog.failures = {2, 3}
        catalog.arriving = {4: product("A")}
        out = self.end("AB")
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 1)
        assert out.counted[names.STORE_RETRIES] == 2

    def test_a_store_that_stays_down_fails_the_bundle_which_the_runner_tries_again(
        self, catalog: Catalog
    ) -> None:
        catalog.failures = set(range(2, 2 + self.CALLS))
        catalog.arriving = {2 + self.CALLS: product("A")}
        out = self.end("AB")
        assert (out.counted[names.LINES_FOUND], out.counted[names.LINES_GIVEN_UP]) == (1, 1)
        assert out.lists["category:chairs"] == {"A": 1.0}

    def test_for_ever_is_too_long(self, catalog: Catalog) -> None:
        catalog.failures = set(range(2, 999))
        with pytest.raises(StoreUnavailable):
            self.end("AB")
        assert (len(catalog.asked) - 1) % self.CALLS == 0


def test_the_catalog_of_a_real_store(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.sqlite3")
    store.put_many([product("A", "chairs"), product("B", "lamps", available=False)])
    out = enrich(
        Stream().arrives(accepted("A B C")).source(),
        settings_with(store_url=f"sqlite:///{tmp_path}/store.sqlite3"),
    )
    assert [item.item_category for item in items_of(out)] == ["chairs", "lamps", None]
