"""Lines of events that wait for the catalog to know their product: asked for again, with growing pauses.

They have counted everywhere but in a category. What the category's list of trending items lacks is kept by
item and window until the product is known, or the configured wait is over; nothing else waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from evermail.enrichment import ProductFacts, Waiting
from evermail.product_cache import MAX_IDS
from evermail.stores import StoreUnavailable
from evermail.trending import category_scope
from pipeline import flush_timer, names
from pipeline.config import JobConfig
from pipeline.products import shared_products
from pipeline.stores import answered

Lines = tuple[str, tuple[int, int, int]]
"""Item id; end of the window in microseconds, amount in `decay.UNIT`s, number of lines."""

CategoryCounts = tuple[str, tuple[int, dict[str, int]]]
"""Scope; end of the window in microseconds, amounts by item in `decay.UNIT`s: what a closed window says."""

_LOG = logging.getLogger(__name__)


class AwaitProducts(beam.PTransform):  # type: ignore[misc]
    """Lines of unknown products -> what they count for in the categories that the products turn out to have.

    Every line is found or given up in the end: `LINES_WAITING` = `LINES_FOUND` + `LINES_GIVEN_UP`. What is
    found goes round the windows, straight to where they are added up: there it can neither come too late nor
    keep windows from closing.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, lines: beam.PCollection[Lines]) -> beam.PCollection[CategoryCounts]:
        return lines | "Wait" >> beam.ParDo(AwaitFn(self._config)).with_output_types(
            tuple[str, tuple[int, dict[str, int]]]
        )


class AwaitFn(beam.DoFn):  # type: ignore[misc]
    WAITING = ReadModifyWriteStateSpec("waiting", BytesCoder())
    DUE = flush_timer.FLUSH_DUE
    ASK = TimerSpec("ask", TimeDomain.REAL_TIME)
    DRAIN = TimerSpec("drain", TimeDomain.WATERMARK)

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._found = Metrics.counter(names.NAMESPACE, names.LINES_FOUND)
        self._given_up = Metrics.counter(names.NAMESPACE, names.LINES_GIVEN_UP)
        self._sent = Metrics.counter(names.NAMESPACE, names.TRENDING_SENT)
        self._retries = Metrics.counter(names.NAMESPACE, names.STORE_RETRIES)

    def setup(self) -> None:
        self._products = shared_products(self._config)

    def start_bundle(self) -> None:
        self._last: dict[str, Waiting] = {}

    def process(
        self,
        element: Lines,
        stored: Any = beam.DoFn.StateParam(WAITING),
        due: Any = beam.DoFn.StateParam(DUE),
        ask: Any = beam.DoFn.TimerParam(ASK),
        drain: Any = beam.DoFn.TimerParam(DRAIN),
    ) -> None:
        _, (window_end_us, amount, lines) = element
        waiting = _read(stored)
        self._given_up.inc(waiting.add(window_end_us, amount, lines, wait_us=self._config.catalog_wait_us))
        if not waiting.pause_us:
            drain.set(GlobalWindow().max_timestamp())
            waiting.next_pause()
        flush_timer.schedule(due, ask, self._config.timer_clock, waiting.pause_us)
        stored.write(waiting.to_bytes())

    @on_timer(ASK)  # type: ignore[untyped-decorator]
    def ask_again(
        self,
        item_id: str = beam.DoFn.KeyParam,
        stored: Any = beam.DoFn.StateParam(WAITING),
        due: Any = beam.DoFn.StateParam(DUE),
        ask: Any = beam.DoFn.TimerParam(ASK),
        drain: Any = beam.DoFn.TimerParam(DRAIN),
    ) -> Iterator[WindowedValue]:
        if due.read() is None:
            return  # a second firing of the same timer
        due.clear()
        waiting = _read(stored)
        waiting.end_pause()
        try:
            facts = self._products.ask([item_id])[item_id]
        except StoreUnavailable as problem:
            # Nobody waits for this: the next time will do. Only a store that answers can end the wait.
            _LOG.warning("the catalog cannot be asked for a product: %s", problem)
        else:
            if facts is not None:
                yield from self._settle(item_id, waiting, facts)
                stored.clear()
                drain.clear()
                return
            self._given_up.inc(waiting.give_up())
        if not waiting.windows:
            stored.clear()
            drain.clear()  # anybody may make up item ids: nothing stays of one
            return
        flush_timer.schedule(due, ask, self._config.timer_clock, waiting.next_pause())
        stored.write(waiting.to_bytes())

    @on_timer(DRAIN)  # type: ignore[untyped-decorator]
    def ask_a_last_time(
        self,
        item_id: str = beam.DoFn.KeyParam,
        stored: Any = beam.DoFn.StateParam(WAITING),
        due: Any = beam.DoFn.StateParam(DUE),
        ask: Any = beam.DoFn.TimerParam(ASK),
    ) -> Iterator[WindowedValue]:
        """The job is being drained, or its input has an end: all that still waits is asked for at once, in as
        few calls as a bundle allows."""
        waiting = _read(stored)
        stored.clear()
        due.clear()
        ask.clear()
        if waiting.windows:
            self._last[item_id] = waiting
        if len(self._last) >= MAX_IDS:
            yield from self._ask_for_the_last()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        yield from self._ask_for_the_last()

    def _ask_for_the_last(self) -> Iterator[WindowedValue]:
        """Raises `StoreUnavailable` if the store does not answer for longer than the configuration allows:
        the runner then tries the bundle again, as what is not told now never is."""
        last, self._last = self._last, {}
        if not last:
            return
        found = answered(self._config, lambda: self._products.ask(list(last)), self._retries)
        for item_id, waiting in last.items():
            facts = found[item_id]
            if facts is not None:
                yield from self._settle(item_id, waiting, facts)
            else:
                self._given_up.inc(waiting.lines)

    def _settle(self, item_id: str, waiting: Waiting, facts: ProductFacts) -> Iterator[WindowedValue]:
        """At the time of the windows: that of the timer may be the end of all time."""
        self._found.inc(waiting.lines)
        if facts.category is None:
            return
        for window_end_us, amount in waiting.amounts():
            self._sent.inc(amount)
            counts: CategoryCounts = category_scope(facts.category), (window_end_us, {item_id: amount})
            yield GlobalWindows.windowed_value(counts, Timestamp(micros=window_end_us))


def _read(stored: Any) -> Waiting:
    data = stored.read()
    return Waiting() if data is None else Waiting.from_bytes(data)
