"""Trending: windows count touches of items per scope, a decayed row per scope adds the windows up.

The windows take the load off the row of the `global` scope: it gets one record a window, not one an
event, and the counting in front of it combines before it shuffles. A row adds up in any order, so what the
catalog tells too late for its event (pipeline/await_products.py) goes straight to the row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms import trigger, window
from apache_beam.transforms.window import GlobalWindows
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import Duration, Timestamp

from evermail import trending
from evermail.decay import UNIT, DecayedRow
from evermail.documents import SHARED_RETENTION_US, Document, Neighbor, Trending
from evermail.events import Accepted
from pipeline import names
from pipeline.await_products import CategoryCounts
from pipeline.config import JobConfig
from pipeline.enrich import Enriched
from pipeline.lateness import allowed_lateness
from pipeline.rows import RowsFn

PAST = "past"

STATE_ITEMS = 10_000
"""Items that a scope keeps in state. There is one row of `global`, written once a window: it may be large."""


class CountTrending(beam.PTransform):  # type: ignore[misc]
    """Enriched events -> Trending documents, one for each scope that a closed window touched.

    Late panes carry only what came late (discarding), so the row adds every touch exactly once.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, enriched: Enriched) -> beam.PCollection[Document]:
        config = self._config
        scopes = enriched.events | "Scopes" >> beam.ParDo(ScopesFn(config)).with_outputs(PAST, main="counts")
        scopes["counts"].element_type = typehints.Tuple[str, typehints.Dict[str, int]]
        scopes[PAST].element_type = CategoryCounts
        closed = (
            scopes["counts"]
            | "Windows"
            >> beam.WindowInto(
                window.FixedWindows(Duration(micros=config.trending_window_us)),
                trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=allowed_lateness(config),
            )
            | "Count" >> beam.CombinePerKey(AddCounts())
            | "Close" >> beam.ParDo(CloseFn()).with_output_types(tuple[str, tuple[int, dict[str, int]]])
            | "AllTime" >> beam.WindowInto(GlobalWindows())
        )
        return (
            (closed, scopes[PAST], enriched.categories)
            | "Counts" >> beam.Flatten()
            | "AddUp" >> beam.ParDo(TrendingFn(config)).with_output_types(Document)
        )


class ScopesFn(beam.DoFn):  # type: ignore[misc]
    """Events -> (scope, amounts by item), added up within a bundle as far as the windows allow.

    A runner may combine before it shuffles, but need not; a bundle of events leaves here as a few records.
    What its window might drop as too late, an event from a backlog or a dead letter that was replayed, goes
    round it by the tag `PAST`, in the form of a closed window.
    """

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._sent = Metrics.counter(names.NAMESPACE, names.TRENDING_SENT)

    def start_bundle(self) -> None:
        self._counts: dict[tuple[str, int], dict[str, int]] = {}

    def process(self, accepted: Accepted) -> None:
        event = accepted.event
        window_end_us = trending.window_end(event.event_time, self._config.trending_window_us)
        for scope, item_id, weight in trending.scopes(event):
            counts = self._counts.setdefault((scope, window_end_us), {})
            counts[item_id] = counts.get(item_id, 0) + round(weight * UNIT)

    def finish_bundle(self) -> Iterator[Any]:
        # The watermark is no later than the clock: what is not past by the clock is in time.
        past_us = self._config.wall_clock() - self._config.allowed_lateness_us
        for (scope, window_end_us), counts in self._counts.items():
            self._sent.inc(sum(counts.values()))
            start = Timestamp(micros=window_end_us - self._config.trending_window_us)
            if window_end_us < past_us:
                past = scope, (window_end_us, counts)
                yield TaggedOutput(PAST, GlobalWindows.windowed_value(past, start))
            else:
                yield GlobalWindows.windowed_value((scope, counts), start)


class AddCounts(beam.CombineFn):  # type: ignore[misc]
    """Amounts by item -> the sum of amounts of each item."""

    def create_accumulator(self) -> dict[str, int]:
        return {}

    def add_input(self, total: dict[str, int], counts: dict[str, int]) -> dict[str, int]:
        for item_id, amount in counts.items():
            total[item_id] = total.get(item_id, 0) + amount
        return total

    def merge_accumulators(self, several: Iterable[dict[str, int]]) -> dict[str, int]:
        total = self.create_accumulator()
        for counts in several:
            self.add_input(total, counts)
        return total

    def extract_output(self, total: dict[str, int]) -> dict[str, int]:
        return total


class CloseFn(beam.DoFn):  # type: ignore[misc]
    """Notes the end of the window (microseconds) beside its counts."""

    def process(
        self, counted: tuple[str, dict[str, int]], within: window.IntervalWindow = beam.DoFn.WindowParam
    ) -> Iterator[tuple[str, tuple[int, dict[str, int]]]]:
        scope, counts = counted
        yield scope, (within.end.micros, counts)


class TrendingFn(RowsFn):
    """The counts of a window arrive together, and one document serves them all."""

    STORED = Trending

    def __init__(self, config: JobConfig) -> None:
        super().__init__(
            config,
            half_life_us=config.trending_half_life_us,
            capacity=STATE_ITEMS,
            flush_us=config.neighbors_flush_us,
        )
        self._taken = Metrics.counter(names.NAMESPACE, names.TRENDING_TAKEN)

    def take(self, row: DecayedRow, packed: bytes) -> None:
        window_end_us, counts = msgspec.msgpack.decode(packed)
        row.touch(window_end_us)
        for item_id, amount in counts.items():
            row.add(item_id, amount, window_end_us)
        self._taken.inc(sum(counts.values()))

    def document(self, key: str, row: DecayedRow, version: int, now_us: int) -> Trending:
        return Trending(
            id=key,
            version=version,
            updated_at=now_us,
            expire_at=now_us + SHARED_RETENTION_US,
            as_of=row.as_of,
            items=[Neighbor(item_id, weight) for item_id, weight in row.top(self._config.trending_kept)],
        )

    def weights(self, document: Trending) -> tuple[list[Neighbor], int]:
        return document.items, document.as_of
