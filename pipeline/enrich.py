"""Product data joins events: what the catalog says of items where an event does not.

An event never waits. The lines whose products are unknown are told apart (`Enriched.categories`, by
pipeline/await_products.py) and join the lists of trending items when the catalog knows them.

Beam's own Enrichment (2.77) was tried and does not serve: one event at a time it costs six times as much CPU
(8,200 events/s a core against 48,000 on FnApiRunner, 7,100 against 27,000 on BundleBasedDirectRunner, with a
catalog in memory), in batches it costs half as much again and moves every event to the end of time, and it
remembers answers only in a Redis server and nothing of what is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import BoundedWindow, GlobalWindows
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from evermail import enrichment, trending
from evermail.decay import UNIT
from evermail.enrichment import ProductFacts
from evermail.events import Accepted
from evermail.product_cache import MAX_IDS
from pipeline import names
from pipeline.await_products import AwaitProducts, CategoryCounts, Lines
from pipeline.config import JobConfig
from pipeline.products import shared_products
from pipeline.stores import answered

LINES = "lines"


class Enriched(NamedTuple):
    """Events with what the catalog adds, and what became known too late to be part of its event."""

    events: beam.PCollection[Accepted]
    categories: beam.PCollection[CategoryCounts]


class Enrich(beam.PTransform):  # type: ignore[misc]
    """Accepted events -> the same, with the category and the price that the catalog gives to their items."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, accepted: beam.PCollection[Accepted]) -> Enriched:
        outputs = accepted | "Join" >> beam.ParDo(JoinFn(self._config)).with_outputs(LINES, main="events")
        outputs["events"].element_type = Accepted
        outputs[LINES].element_type = typehints.Tuple[str, typehints.Tuple[int, int, int]]
        return Enriched(outputs["events"], outputs[LINES] | "Await" >> AwaitProducts(self._config))


class JoinFn(beam.DoFn):  # type: ignore[misc]
    """Joins events with the catalog. Those that need the store wait for the end of their bundle, or for as
    many items as one call takes, so that a bundle costs one call rather than one an event.

    By the tag `LINES` leave the lines that count as trending but in no category, as their products are
    unknown: added up by item and window.
    """

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._unknown = Metrics.counter(names.NAMESPACE, names.PRODUCTS_UNKNOWN)
        self._lines_waiting = Metrics.counter(names.NAMESPACE, names.LINES_WAITING)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._products = shared_products(self._config)

    def start_bundle(self) -> None:
        self._asking: list[tuple[Accepted, Timestamp, BoundedWindow]] = []
        self._ids: set[str] = set()
        self._lines: dict[tuple[str, int], list[int]] = {}

    def process(
        self,
        accepted: Accepted,
        timestamp: Timestamp = beam.DoFn.TimestampParam,
        within: BoundedWindow = beam.DoFn.WindowParam,
    ) -> Iterator[Any]:
        item_ids = enrichment.lacking(accepted.event)
        if not item_ids:
            yield accepted
            return
        facts = self._products.held(item_ids)
        if facts is not None:
            yield self._join(accepted, facts)
            return
        self._asking.append((accepted, timestamp, within))
        self._ids.update(item_ids)
        if len(self._ids) >= MAX_IDS:
            yield from self._ask()

    def finish_bundle(self) -> Iterator[Any]:
        yield from self._ask()
        for (item_id, window_end_us), (amount, lines) in self._lines.items():
            self._lines_waiting.inc(lines)
            waiting: Lines = item_id, (window_end_us, amount, lines)
            yield TaggedOutput(LINES, GlobalWindows.windowed_value(waiting, Timestamp(micros=window_end_us)))

    def _ask(self) -> Iterator[WindowedValue]:
        """Asks the store for what waits. Raises `StoreUnavailable` if it does not answer for longer than the
        configuration allows: the runner then tries the bundle again."""
        asking, item_ids = self._asking, self._ids
        if not asking:
            return
        self._asking, self._ids = [], set()
        facts = answered(self._config, lambda: self._products.look_up(item_ids), self._retries)
        for accepted, timestamp, within in asking:
            yield WindowedValue(self._join(accepted, facts), timestamp, (within,))

    def _join(self, accepted: Accepted, facts: dict[str, ProductFacts | None]) -> Accepted:
        event = accepted.event
        unknown = sum(1 for item in event.items if item.item_id in facts and facts[item.item_id] is None)
        if unknown:
            self._unknown.inc(unknown)
        event = enrichment.join(event, facts)
        window_end_us = trending.window_end(event.event_time, self._config.trending_window_us)
        for item_id, weight in trending.without_category(event):
            if facts.get(item_id) is None:
                sums = self._lines.setdefault((item_id, window_end_us), [0, 0])
                sums[0] += round(weight * UNIT)
                sums[1] += 1
        return Accepted(accepted.shopper, event)
