"""The memory of shoppers in a batch: all that one shopper ever did comes together, in the order it came.

The same updates as in a stream (pipeline/keeper.py), without state or timers. As arrivals come in their old
order, what depends on it where a memory reaches its bounds comes out as it did then. What people said is
taken from the store as well (pipeline/said_before.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from evermail.events import Accepted, Event
from evermail.profiles import to_profile
from evermail.shopper import ShopperState
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.config import JobConfig
from pipeline.keeper import ACCEPTED, Keeper
from pipeline.rotation import FormerNames
from pipeline.said_before import Said, said_before
from pipeline.shoppers import Shopped, by_steps, typed_outputs

_OF_NOBODY = "of_nobody"


class RememberAll(beam.PTransform):  # type: ignore[misc]
    """Archived events -> what `pipeline.shoppers.Shoppers` gives. Of those that feed aggregates only, and so
    have no shopper, the ones that were late then stay out."""

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, events: beam.PCollection[Event]) -> Shopped:
        told = events | "Tell" >> beam.ParDo(_TellFn(self._config)).with_outputs(
            _OF_NOBODY, main="of_somebody"
        )
        told["of_somebody"].element_type = Event
        told[_OF_NOBODY].element_type = Accepted
        shopped = by_steps(told["of_somebody"], self._config, self._all)
        accepted = (shopped.accepted, told[_OF_NOBODY]) | "All that counts" >> beam.Flatten()
        return shopped._replace(accepted=accepted)

    def _all(
        self, arrivals: beam.PCollection, label: str, keeper: type[Keeper]
    ) -> beam.pvalue.DoOutputsTuple:
        grouped = arrivals | f"All of {label}" >> beam.GroupByKey()
        return typed_outputs(grouped, label, _RememberAllFn(self._config, keeper))


class _TellFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._accepted = Metrics.counter(names.NAMESPACE, names.ACCEPTED)
        self._aggregated = Metrics.counter(names.NAMESPACE, names.AGGREGATED)
        self._late = Metrics.counter(names.NAMESPACE, names.LATE)

    def process(self, event: Event) -> Iterator[Any]:
        if event.shopper:
            yield event
        elif event.event_time < event.receipt.received_at - self._config.allowed_lateness_us:
            self._late.inc()
        else:
            self._accepted.inc()
            self._aggregated.inc()
            yield TaggedOutput(_OF_NOBODY, Accepted("", event))


class _RememberAllFn(beam.DoFn):  # type: ignore[misc]
    """(shopper, all that ever came) -> the profile, and by tag what follows."""

    def __init__(self, config: JobConfig, keeper: type[Keeper]) -> None:
        self._config = config
        self._keeper_type = keeper

    def setup(self) -> None:
        self._former_names = FormerNames.of(self._config)

    def start_bundle(self) -> None:
        self._keeper = self._keeper_type(self._config, self._former_names)
        # Asked for what it recalls, and nothing else.
        self._stored = Keeper(replace(self._config, bootstrap=True), self._former_names)

    def finish_bundle(self) -> Iterator[Any]:
        yield from self._keeper.finish_bundle()

    def process(self, element: tuple[str, Iterable[Any]]) -> Iterator[Any]:
        shopper, arrivals = element[0], list(element[1])
        keeper, state = self._keeper, ShopperState()
        flush_wanted = False
        before = said_before(self._stored.recall(shopper), arrivals, keeper.received_us)
        for arrival in sorted([*arrivals, *before], key=_received):
            if isinstance(arrival, Said):
                self._hear(state, arrival)
                continue
            out = keeper.begin()
            keeper.take(shopper, state, arrival)
            flush_wanted = flush_wanted or keeper.flush_wanted
            for each in out:
                yield _timed(each)
        if flush_wanted:
            keeper.tally[names.DOCUMENTS_MADE] += 1
            yield to_profile(state, shopper, self._config.wall_clock())

    def _hear(self, state: ShopperState, said: Said) -> None:
        dropped = state.dropped
        self._keeper.update_rows(state.take_over(said.state))
        self._keeper.tally[names.DROPPED] += state.dropped - dropped


def _received(arrival: Event | Handover | Said) -> tuple[int, int, str]:
    if isinstance(arrival, Handover | Said):
        return arrival.received_at, 0, ""
    return arrival.receipt.received_at, arrival.event_time, arrival.event_id


def _timed(output: Any) -> Any:
    """Accepted events with their own times: a group has lost them."""
    if not isinstance(output, TaggedOutput) or output.tag != ACCEPTED:
        return output
    event_time = Timestamp(micros=output.value.event.event_time)
    return TaggedOutput(ACCEPTED, TimestampedValue(output.value, event_time))
