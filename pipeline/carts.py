"""Carts left without a purchase: visits end by session windows, and each cart is announced once.

A visit ends when its shopper has done nothing for `cart_gap_us`. Events that come later than that may change
it, make it longer or join it to another one: its window is then added up anew, and what was announced before
decides whether there is anything left to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics
from apache_beam.transforms import trigger, window
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindows, TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from evermail import carts
from evermail.carts import CartLeft, Visit
from evermail.events import Accepted
from pipeline import names
from pipeline.config import JobConfig
from pipeline.lateness import allowed_lateness

MAX_ANNOUNCED = 64
"""Announced visits of a shopper that are remembered, the newest: two days of one an hour, and some."""

_MILLISECOND = 1000

_Ended = tuple[int, int, Visit]
"""Begin and end of a visit's window, in microseconds, and what it says."""


class WatchCarts(beam.PTransform):  # type: ignore[misc]
    """Accepted events -> one PubsubMessage for each cart that was left: JSON of a `CartLeft`, and as
    attributes its trigger, cart and shopper, so that a receiver can filter, and drop what Pub/Sub delivers
    twice, without reading it.

    Events whose shopper is not told are in no visit. Not for a batch: it would announce carts of the past.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, accepted: beam.PCollection[Accepted]) -> beam.PCollection[PubsubMessage]:
        config = self._config
        # Runners keep the bounds of windows in milliseconds.
        gap_us = max(1, config.cart_gap_us // _MILLISECOND) * _MILLISECOND
        return (
            accepted
            | "OfShoppers" >> beam.FlatMap(_timed_visits).with_output_types(tuple[str, Visit])
            | "Visits"
            >> beam.WindowInto(
                window.Sessions(Duration(micros=gap_us)),
                # At the end of a window and with each event that comes later; a window that grows or merges
                # is waited for again. The local runner fires AfterWatermark(late=...) too early for that.
                trigger=trigger.DefaultTrigger(),
                accumulation_mode=trigger.AccumulationMode.ACCUMULATING,
                allowed_lateness=allowed_lateness(config),
            )
            # Not a CombinePerKey: each part has a window of its own until the windows merge, so there is
            # nothing to combine before the shuffle, and trying to doubles what a part costs.
            | "Gather" >> beam.GroupByKey()
            | "End" >> beam.ParDo(EndFn()).with_output_types(tuple[str, tuple[int, int, Visit]])
            | "AllTime" >> beam.WindowInto(GlobalWindows())
            | "Announce" >> beam.ParDo(AnnounceFn(config)).with_output_types(CartLeft)
            | "ToMessage" >> beam.Map(to_message).with_output_types(PubsubMessage)
        )


def to_message(cart: CartLeft) -> PubsubMessage:
    """The message for a cart that was left."""
    attributes = {"trigger": cart.trigger, "cart_id": cart.cart_id, "shopper": cart.shopper}
    return PubsubMessage(msgspec.json.encode(cart), attributes)


def _timed_visits(accepted: Accepted) -> Iterator[TimestampedValue]:
    """At the time of the event, whatever time the element came with."""
    for shopper, part in carts.visits(accepted):
        time_us = part.last_at // _MILLISECOND * _MILLISECOND
        yield TimestampedValue((shopper, part), Timestamp(micros=time_us))


class EndFn(beam.DoFn):  # type: ignore[misc]
    """All parts of a visit -> the visit, with its window, to the shopper it is announced for; only if it
    changed a cart."""

    def process(
        self, parts: tuple[str, Iterable[Visit]], within: window.IntervalWindow = beam.DoFn.WindowParam
    ) -> Iterator[tuple[str, _Ended]]:
        shopper, visit = parts[0], carts.together(parts[1])
        if visit.changes:
            yield visit.user or shopper, (within.start.micros, within.end.micros, visit)


class AnnounceFn(beam.DoFn):  # type: ignore[misc]
    """Ended visits -> the carts that were left, each once.

    A visit that overlaps one that was announced is the same, grown by events that came late. It is remembered
    until the watermark says that no event can change it any more.
    """

    ANNOUNCED = ReadModifyWriteStateSpec("announced", BytesCoder())
    FORGET = TimerSpec("forget", TimeDomain.WATERMARK)
    """In event time: only the watermark knows how late a visit may still change. On Dataflow it also holds no
    watermark back, as a timer of processing time does until it fires."""

    def __init__(self, config: JobConfig) -> None:
        self._lateness = allowed_lateness(config)
        self._left = Metrics.counter(names.NAMESPACE, names.CARTS_LEFT)
        self._bought_late = Metrics.counter(names.NAMESPACE, names.CARTS_BOUGHT_LATE)

    def process(
        self,
        element: tuple[str, _Ended],
        stored: Any = beam.DoFn.StateParam(ANNOUNCED),
        forget: Any = beam.DoFn.TimerParam(FORGET),
    ) -> Iterator[CartLeft]:
        shopper, (start_us, end_us, visit) = element
        cart = carts.left_cart(shopper, visit)
        announced = _read(stored)
        same = [each for each in announced if each.start_us < end_us and start_us < each.end_us]
        if cart is None and not same:
            return
        now = _Announced(start_us, end_us)
        for each in same:
            now = now.with_(each)
            announced.remove(each)
        if not same:
            self._left.inc()
            yield cart
        elif cart is None and visit.bought and not visit.user and not now.bought:
            now.bought = True
            self._bought_late.inc()
        announced.append(now)
        announced.sort(key=lambda each: each.start_us)
        stored.write(_ENCODER.encode(announced[-MAX_ANNOUNCED:]))
        last_end_us = max(each.end_us for each in announced)
        forget.set(Timestamp(micros=last_end_us) + self._lateness)

    @on_timer(FORGET)  # type: ignore[untyped-decorator]
    def forget_visits(self, stored: Any = beam.DoFn.StateParam(ANNOUNCED)) -> None:
        stored.clear()


class _Announced(msgspec.Struct, array_like=True):
    """The window of a visit whose cart was announced, and whether a purchase of it came to light since."""

    start_us: int
    end_us: int
    bought: bool = False

    def with_(self, other: _Announced) -> _Announced:
        return _Announced(
            min(self.start_us, other.start_us), max(self.end_us, other.end_us), self.bought or other.bought
        )


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Announced])


def _read(stored: Any) -> list[_Announced]:
    data = stored.read()
    return [] if data is None else _DECODER.decode(data)
