"""Trending: windows count touches per scope and item, a decayed row per scope adds the windows up.

The windows take the load off the row of the `global` scope: it gets one record per item and
window, not one per event, and the counting in front of it combines before it shuffles.
"""

from __future__ import annotations

from collections.abc import Iterator

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms import trigger, window

from evermail import trending
from evermail.clock import HOUR
from evermail.decay import UNIT, DecayedRow
from evermail.documents import Document, Neighbor, Trending
from evermail.events import Event
from pipeline import names
from pipeline.config import JobConfig
from pipeline.rows import RowsFn

SLACK_US = HOUR
"""An event that was in time for the shoppers must not be late here, however long the way between was."""


class CountTrending(beam.PTransform):  # type: ignore[misc]
    """Accepted events -> Trending documents, one for each scope that a closed window touched.

    Late panes carry only what came late (discarding), so the row adds every touch exactly once.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, events: beam.PCollection[Event]) -> beam.PCollection[Document]:
        config = self._config
        return (
            events
            | "Scopes" >> beam.ParDo(ScopesFn()).with_output_types(tuple[tuple[str, str], int])
            | "Windows"
            >> beam.WindowInto(
                window.FixedWindows(config.trending_window_us / 1e6),
                trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=(config.allowed_lateness_us + SLACK_US) / 1e6,
            )
            | "Count" >> beam.CombinePerKey(sum)
            | "ByScope" >> beam.ParDo(ByScopeFn()).with_output_types(tuple[str, tuple[str, int, int]])
            | "AllTime" >> beam.WindowInto(window.GlobalWindows())
            | "AddUp" >> beam.ParDo(TrendingFn(config)).with_output_types(Document)
        )


class ScopesFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self) -> None:
        self._sent = Metrics.counter(names.NAMESPACE, names.TRENDING_SENT)

    def process(self, event: Event) -> Iterator[tuple[tuple[str, str], int]]:
        for scope, item_id, weight in trending.scopes(event):
            amount = round(weight * UNIT)
            self._sent.inc(amount)
            yield (scope, item_id), amount


class ByScopeFn(beam.DoFn):  # type: ignore[misc]
    def process(
        self, counted: tuple[tuple[str, str], int], within: window.IntervalWindow = beam.DoFn.WindowParam
    ) -> Iterator[tuple[str, tuple[str, int, int]]]:
        (scope, item_id), amount = counted
        yield scope, (item_id, amount, within.end.micros)


class TrendingFn(RowsFn):
    """Flushes soon after a window closes: its counts arrive together, and one document serves them all."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__(
            config,
            half_life_us=config.trending_half_life_us,
            kept=config.trending_kept,
            flush_us=config.profile_flush_us,
        )
        self._taken = Metrics.counter(names.NAMESPACE, names.TRENDING_TAKEN)

    def take(self, row: DecayedRow, change: tuple[str, int, int]) -> bool:
        item_id, amount, window_end_us = change
        row.touch(window_end_us)
        row.add(item_id, amount, window_end_us)
        self._taken.inc(amount)
        return True

    def document(self, key: str, row: DecayedRow, version: int, now_us: int) -> Trending:
        return Trending(
            id=key,
            version=version,
            updated_at=now_us,
            as_of=row.as_of,
            items=[Neighbor(item_id, weight) for item_id, weight in row.top(self._config.trending_kept)],
        )
