"""When a visit ends, and to whom it is told: what events say of it is added up in the state of its shopper.

Not by session windows: those keep every event until the visit has ended and cannot change any more, which a
machine's may never, and go through all of them again with each that comes late.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.coders import BytesCoder
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import Timestamp

from evermail import carts
from evermail.carts import MAX_CHANGES, Visit
from evermail.events import Accepted
from pipeline.config import JobConfig
from pipeline.lateness import allowed_lateness

MAX_VISITS = 64
"""Visits of a shopper that are remembered, the newest: two days of one an hour, and some. Of all together the
newest `MAX_CHANGES` changes are."""

WITHHELD = "withheld"

_MILLISECOND = 1000
_ALWAYS = -(1 << 62)

Ended = tuple[int, int, Visit]
"""Begin and end of a visit, in microseconds, and what it says."""

_OF_PEOPLE = typehints.Tuple[str, typehints.Tuple[int, int, Visit]]
"""(person, `Ended`), for Beam."""


class EndVisits(beam.PTransform):  # type: ignore[misc]
    """Accepted events -> (person, `Ended`): each visit when it has ended, and again with what comes late.

    A browser's visit that is its user's is given as the moment that joins it to the user's: that is part of
    one visit of the user and of no other. And who wants no messages is told at once, as if it were a visit of
    all time, that nothing begun until then is to be announced.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, accepted: beam.PCollection[Accepted]) -> beam.PCollection[tuple[str, Ended]]:
        said = accepted | "OfShoppers" >> beam.ParDo(SayFn(self._config)).with_outputs(WITHHELD, main="parts")
        said["parts"].element_type = typehints.Tuple[str, Visit]
        said[WITHHELD].element_type = _OF_PEOPLE
        ended = said["parts"] | "End" >> beam.ParDo(EndFn(self._config)).with_output_types(_OF_PEOPLE)
        return (ended, said[WITHHELD]) | "OfPeople" >> beam.Flatten()


def lateness_us(config: JobConfig) -> int:
    """How long after its end a visit may still change."""
    return _whole(allowed_lateness(config).micros)


def _gap_us(config: JobConfig) -> int:
    return max(_MILLISECOND, _whole(config.cart_gap_us))


def _whole(time_us: int) -> int:
    """In whole milliseconds, as runners keep timers."""
    return time_us // _MILLISECOND * _MILLISECOND


class SayFn(beam.DoFn):  # type: ignore[misc]
    """What an event says of visits, as far as they may still be remembered. The time of an element is when
    Pub/Sub took the message: a dead letter may be replayed much later than it was sent at first."""

    def __init__(self, config: JobConfig) -> None:
        self._remembered_us = _gap_us(config) + lateness_us(config)

    def process(
        self, accepted: Accepted, taken: Timestamp = beam.DoFn.TimestampParam
    ) -> Iterator[tuple[str, Visit] | TaggedOutput]:
        for shopper, part in carts.visits(accepted):
            time_us = _whole(part.last_at)
            if part.withheld and not part.user:
                yield TaggedOutput(WITHHELD, (shopper, (_ALWAYS, time_us + _MILLISECOND, part)))
            if time_us + self._remembered_us > taken.micros:
                yield shopper, part


class EndFn(beam.DoFn):  # type: ignore[misc]
    """(shopper, what an event says of a visit) -> (person, the visit), when it has ended."""

    # A running job that is updated finds both by these names.
    VISITS = ReadModifyWriteStateSpec("visits", BytesCoder())
    DUE = TimerSpec("end", TimeDomain.WATERMARK)
    """For whichever comes first of ending and forgetting."""

    def __init__(self, config: JobConfig) -> None:
        self._gap_us = _gap_us(config)
        self._lateness_us = lateness_us(config)

    def process(
        self,
        element: tuple[str, Visit],
        stored: Any = beam.DoFn.StateParam(VISITS),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> list[tuple[str, Ended]]:
        shopper, part = element
        known = _read(stored)
        now = _Visited(_whole(part.first_at), _whole(part.last_at) + self._gap_us, [part])
        others = []
        for each in known.visits:
            if each.start_us < now.end_us and now.start_us < each.end_us:
                now = now.with_(each)
            else:
                others.append(each)
        now.parts = carts.thinned(now.parts, self._gap_us)
        if now in known.visits:
            return []  # it says nothing new
        known.visits = _newest([*others, now])
        self._keep(known, stored, due)
        return self._told(shopper, now) if now.end_us <= known.until_us else []

    @on_timer(DUE)  # type: ignore[untyped-decorator]
    def end(
        self,
        shopper: str = beam.DoFn.KeyParam,
        time: Timestamp = beam.DoFn.TimestampParam,
        stored: Any = beam.DoFn.StateParam(VISITS),
        due: Any = beam.DoFn.TimerParam(DUE),
    ) -> list[tuple[str, Ended]]:
        """Tells what has ended, and forgets what cannot change any more."""
        known = _read(stored)
        over = [each for each in known.visits if known.until_us < each.end_us <= time.micros]
        known.until_us = max(known.until_us, time.micros)
        known.visits = [each for each in known.visits if each.end_us + self._lateness_us > time.micros]
        if known.visits:
            self._keep(known, stored, due)
        else:
            stored.clear()
        return [told for each in over for told in self._told(shopper, each)]

    def _keep(self, known: _Known, stored: Any, due: Any) -> None:
        stored.write(_ENCODER.encode(known))
        ends = [each.end_us for each in known.visits]
        to_come = [end_us for end_us in ends if end_us > known.until_us]
        due.set(Timestamp(micros=min([*to_come, max(ends) + self._lateness_us])))

    def _told(self, shopper: str, over: _Visited) -> list[tuple[str, Ended]]:
        told = carts.ended(shopper, over.parts, self._gap_us)
        if told is None:
            return []
        person, visit = told
        if visit.user:
            joined_us = _whole(visit.identified[0])
            return [(person, (joined_us, joined_us + _MILLISECOND, visit))]
        return [(person, (over.start_us, over.end_us, visit))]


class _Visited(msgspec.Struct, array_like=True):
    """A visit that goes on, or may still change: from its first event to a gap after its last."""

    start_us: int
    end_us: int
    parts: list[Visit]

    def with_(self, other: _Visited) -> _Visited:
        return _Visited(
            min(self.start_us, other.start_us), max(self.end_us, other.end_us), [*self.parts, *other.parts]
        )


class _Known(msgspec.Struct, array_like=True):
    """A shopper's visits. The watermark has been at `until_us`, and what ended until then was told."""

    until_us: int = _ALWAYS
    visits: list[_Visited] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Known)


def _read(stored: Any) -> _Known:
    data = stored.read()
    return _Known() if data is None else _DECODER.decode(data)


def _newest(visits: list[_Visited]) -> list[_Visited]:
    """As many of the newest as may be remembered."""
    newest = sorted(visits, key=lambda each: each.end_us, reverse=True)[:MAX_VISITS]
    changes = 0
    for place, each in enumerate(newest):
        changes += sum(len(part.changes) for part in each.parts)
        if changes > MAX_CHANGES:
            return newest[:place]
    return newest
