"""One shopper at a time: duplicates out, history and interests in, a profile now and then.

Keyed by shopper, so that everything known of one person is updated in one place. The update itself is
`evermail.interest.ShopperState`; here is only how Beam keeps it and when it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.typehints import typehints
from apache_beam.utils.timestamp import Timestamp

from evermail.documents import Document
from evermail.events import Code, Event, Rejected, to_json
from evermail.interest import MAX_IDS, PROFILE_RETENTION_US, RowUpdate, ShopperState, Verdict
from pipeline import flush_timer, names
from pipeline.config import JobConfig
from pipeline.decode import count_rejected

ACCEPTED, ROW_UPDATES, REFUSED = "accepted", "row_updates", "refused"


class Shopped(NamedTuple):
    profiles: beam.PCollection[Document]
    accepted: beam.PCollection[Event]
    row_updates: beam.PCollection[tuple[str, RowUpdate]]
    refused: beam.PCollection[Rejected]


class Shoppers(beam.PTransform):  # type: ignore[misc]
    """Event -> profiles, accepted events, changes to rows of neighbours, and refused events.

    Late events, collisions of ids and events of a time whose ids are forgotten are refused: they leave as
    `Rejected`, as they are here, with pseudonyms for identifiers.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, events: beam.PCollection[Event]) -> Shopped:
        outputs = (
            events
            | "KeyByShopper" >> beam.Map(_by_shopper).with_output_types(tuple[str, Event])
            | "Remember"
            >> beam.ParDo(ShopperFn(self._config)).with_outputs(
                ACCEPTED, ROW_UPDATES, REFUSED, main="profiles"
            )
        )
        outputs["profiles"].element_type = Document
        outputs[ACCEPTED].element_type = Event
        outputs[ROW_UPDATES].element_type = typehints.Tuple[str, RowUpdate]
        outputs[REFUSED].element_type = Rejected
        return Shopped(outputs["profiles"], outputs[ACCEPTED], outputs[ROW_UPDATES], outputs[REFUSED])


def _by_shopper(event: Event) -> tuple[str, Event]:
    return event.shopper, event


class ShopperFn(beam.DoFn):  # type: ignore[misc]
    STATE = ReadModifyWriteStateSpec("shopper", BytesCoder())
    DUE = flush_timer.FLUSH_DUE
    FLUSH = TimerSpec("flush", TimeDomain.REAL_TIME)
    EXPIRY = TimerSpec("expiry", TimeDomain.REAL_TIME)

    def __init__(self, config: JobConfig) -> None:
        self._config = config
        self._accepted = Metrics.counter(names.NAMESPACE, names.ACCEPTED)
        self._duplicate = Metrics.counter(names.NAMESPACE, names.DUPLICATE)
        self._late = Metrics.counter(names.NAMESPACE, names.LATE)
        self._row_updates = Metrics.counter(names.NAMESPACE, names.ROW_UPDATES_SENT)
        self._flushes_due = Metrics.counter(names.NAMESPACE, names.PROFILE_FLUSHES_DUE)
        self._flushes_done = Metrics.counter(names.NAMESPACE, names.PROFILE_FLUSHES_DONE)
        self._documents = Metrics.counter(names.NAMESPACE, names.DOCUMENTS_MADE)

    def process(
        self,
        element: tuple[str, Event],
        stored: Any = beam.DoFn.StateParam(STATE),
        due: Any = beam.DoFn.StateParam(DUE),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
    ) -> Iterator[Any]:
        _, event = element
        config = self._config
        now_us = config.wall_clock()
        state = _read(stored)
        verdict, row_updates = state.apply(
            event, oldest_us=now_us - config.allowed_lateness_us, now_us=now_us
        )
        if verdict is Verdict.DUPLICATE:
            self._duplicate.inc()
            return
        if verdict is not Verdict.ACCEPTED:
            yield beam.pvalue.TaggedOutput(REFUSED, self._refuse(event, verdict, now_us))
            return
        self._accepted.inc()
        stored.write(state.to_bytes())
        if flush_timer.schedule(due, flush, config.timer_clock, config.profile_flush_us):
            self._flushes_due.inc()
        yield beam.pvalue.TaggedOutput(ACCEPTED, event)
        self._row_updates.inc(len(row_updates))
        for row_update in row_updates:
            yield beam.pvalue.TaggedOutput(ROW_UPDATES, row_update)

    @on_timer(FLUSH)  # type: ignore[untyped-decorator]
    def write_profile(
        self,
        shopper: str = beam.DoFn.KeyParam,
        stored: Any = beam.DoFn.StateParam(STATE),
        due: Any = beam.DoFn.StateParam(DUE),
        expiry: Any = beam.DoFn.TimerParam(EXPIRY),
    ) -> Iterator[Document]:
        if due.read() is None:
            return  # a second firing of the same timer
        due.clear()
        state = _read(stored)
        profile = state.to_profile(shopper, self._config.wall_clock())
        stored.write(state.to_bytes())
        expiry.set(Timestamp(micros=self._config.timer_clock() + PROFILE_RETENTION_US))
        self._flushes_done.inc()
        self._documents.inc()
        yield profile

    @on_timer(EXPIRY)  # type: ignore[untyped-decorator]
    def forget(self, stored: Any = beam.DoFn.StateParam(STATE), due: Any = beam.DoFn.StateParam(DUE)) -> None:
        """What a shopper did is kept no longer here than in the store. Each flush puts this off."""
        if due.read() is not None:
            return  # somebody came back at the last moment: the flush will put it off
        stored.clear()

    def _refuse(self, event: Event, verdict: Verdict, now_us: int) -> Rejected:
        if verdict is Verdict.LATE:
            self._late.inc()
            code = Code.LATE
            message = f"event_time is more than {self._config.allowed_lateness_us // 1_000_000} s ago"
        elif verdict is Verdict.FORGOTTEN:
            code = Code.IDS_FORGOTTEN
            message = (
                f"more than {MAX_IDS} events of this shopper are newer: whether this one is a copy of "
                "an earlier one cannot be known any more"
            )
        else:
            code = Code.ID_COLLISION
            message = f"event_id {event.event_id!r} was used before with another content"
        rejected = Rejected(
            stage="shoppers",
            code=code,
            message=message,
            data=to_json(event),
            attributes={},
            pipeline_version=self._config.version,
            first_seen=now_us,
        )
        if verdict is not Verdict.LATE:
            count_rejected(rejected)
        return rejected


def _read(stored: Any) -> ShopperState:
    data = stored.read()
    return ShopperState() if data is None else ShopperState.from_bytes(data)
