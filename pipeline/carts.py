"""Carts left without a purchase: a visit ends with a pause, and each cart is announced once.

A visit ends when its shopper has done nothing for `cart_gap_us`. Events that come later than that may change
it, make it longer or join it to another one: it is then told anew, and what was announced before decides
whether there is anything left to say.

A browser's visit that is its user's (`evermail.carts.ended`) waits for the end of the user's, and both are
announced as one cart. A withdrawal or an erasure does not wait for a visit to end: from when it is known, no
cart begun until then is announced.

Bounds: where a browser went on while its `identify` was on its way, its visit may end after the user's; if
that one had a cart, it alone is announced. An `identify` of who has said no before is nobody's event: of it
nothing is known here, and the cart is announced as the browser's. A dead letter that is replayed when its
visit is forgotten is in none. And a drain moves the watermark to the end of time: visits that go on end
early, are announced as far as they have come, and what follows is another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from evermail import carts
from evermail.carts import MAX_CHANGES, CartLeft, Visit
from evermail.events import Accepted
from pipeline import names
from pipeline.config import JobConfig
from pipeline.visits import MAX_VISITS, Ended, EndVisits, lateness_us


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
        return (
            accepted
            | "Visits" >> EndVisits(self._config)
            | "Announce" >> beam.ParDo(AnnounceFn(self._config)).with_output_types(CartLeft)
            | "ToMessage" >> beam.Map(to_message).with_output_types(PubsubMessage)
        )


def to_message(cart: CartLeft) -> PubsubMessage:
    """The message for a cart that was left."""
    attributes = {"trigger": cart.trigger, "cart_id": cart.cart_id, "shopper": cart.shopper}
    return PubsubMessage(msgspec.json.encode(cart), attributes)


class AnnounceFn(beam.DoFn):  # type: ignore[misc]
    """Ended visits -> the carts that were left, each once.

    Visits that overlap are the same: parts of it from browsers, or it has grown by events that came late. One
    is announced when the watermark reaches its end: all that ends with it is there then. It is remembered
    until the watermark says that no event can change it any more.
    """

    # A running job that is updated finds both by these names.
    VISITS = ReadModifyWriteStateSpec("announced", BytesCoder())
    DUE = TimerSpec("forget", TimeDomain.WATERMARK)
    """For whichever comes first of announcing and forgetting: two timers might fire in the wrong order.

    In event time: only the watermark knows how late a visit may still change. On Dataflow it also holds no
    watermark back, as a timer of processing time does until it fires."""

    def __init__(self, config: JobConfig) -> None:
        self._lateness_us = lateness_us(config)
        self._left = Metrics.counter(names.NAMESPACE, names.CARTS_LEFT)
        self._bought_late = Metrics.counter(names.NAMESPACE, names.CARTS_BOUGHT_LATE)

    def process(
        self,
        element: tuple[str, Ended],
        stored: Any = beam.DoFn.StateParam(VISITS),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> None:
        person, (start_us, end_us, visit) = element
        one = now = _Known(start_us, end_us, announced=False, over=not visit.user, visit=visit)
        others = []
        for each in _read(stored):
            if each.is_same(one):
                now = now.with_(each)
            else:
                others.append(each)
        alone = now is one and not (visit.withheld or visit.user or visit.told_at)
        if alone and one.cart(person) is None:
            return
        if now.announced and not now.bought and now.visit.bought and now.cart(person) is None:
            now.bought = True
            self._bought_late.inc()
        self._keep(person, [*others, now], stored, due)

    @on_timer(DUE)  # type: ignore[untyped-decorator]
    def announce(
        self,
        person: str = beam.DoFn.KeyParam,
        time: Timestamp = beam.DoFn.TimestampParam,
        stored: Any = beam.DoFn.StateParam(VISITS),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> Iterator[CartLeft]:
        """Announces what has ended, and forgets what cannot change any more."""
        known = _read(stored)
        for each in known:
            cart = each.cart(person) if each.waits and each.end_us <= time.micros else None
            if cart is not None:
                each.announced = True
                self._left.inc()
                yield cart
        known = [each for each in known if each.end_us + self._lateness_us > time.micros]
        if known:
            self._keep(person, known, stored, due)
        else:
            stored.clear()

    def _keep(self, person: str, known: list[_Known], stored: Any, due: Any) -> None:
        known = sorted(known, key=lambda each: each.end_us)[-MAX_VISITS:]
        changes = 0
        for each in reversed(known):
            changes += len(each.visit.changes)
            if changes > MAX_CHANGES:
                each.visit = msgspec.structs.replace(each.visit, changes=())
        stored.write(_ENCODER.encode(known))
        ends = [each.end_us for each in known if each.waits and each.cart(person)]
        due.set(Timestamp(micros=min([*ends, known[-1].end_us + self._lateness_us])))


class _Known(msgspec.Struct, array_like=True):
    """A person's visit, as far as it is known. `bought` says whether a purchase of what was announced came to
    light since, `over` whether the person's own visit has ended, and not just that of a browser."""

    start_us: int
    end_us: int
    bought: bool = False
    announced: bool = True
    over: bool = True
    visit: Visit = Visit()

    @property
    def waits(self) -> bool:
        """Whether it is to be announced, if a cart was left."""
        return self.over and not self.announced

    @property
    def begun_us(self) -> int:
        """Of a browser's visit, too."""
        return min([self.start_us, *(change.event_time for change in self.visit.changes)])

    def cart(self, person: str) -> CartLeft | None:
        return carts.left_cart(person, self.visit)

    def is_same(self, other: _Known) -> bool:
        """Whether the two overlap. What is withheld withholds all of what had begun."""
        if self.visit.withheld or other.visit.withheld:
            return self.begun_us < other.end_us and other.begun_us < self.end_us
        return self.start_us < other.end_us and other.start_us < self.end_us

    def with_(self, other: _Known) -> _Known:
        return _Known(
            min(self.start_us, other.start_us),
            max(self.end_us, other.end_us),
            self.bought or other.bought,
            self.announced or other.announced,
            self.over or other.over,
            carts.together((self.visit, other.visit)),
        )


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[_Known])


def _read(stored: Any) -> list[_Known]:
    data = stored.read()
    return [] if data is None else _DECODER.decode(data)
