"""Bytes to events. What cannot be read becomes a `Rejected`, sealed; nothing here raises on data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics

from evermail import clock
from evermail.decoding import Decoder
from evermail.events import Event, Rejected
from pipeline import names
from pipeline.config import JobConfig
from pipeline.rotation import keys_of

REJECTED = "rejected"


class Decoded(NamedTuple):
    events: beam.PCollection[Event]
    rejected: beam.PCollection[Rejected]


class Decode(beam.PTransform):  # type: ignore[misc]
    """PubsubMessage -> Event with pseudonyms for identifiers, or Rejected.

    Elements keep the time of the message, when Pub/Sub took it: what windows need of the event's own time
    they find in its payload. Had the read taken it from an attribute, one bad timestamp of a publisher would
    stop the job; were it set here, timers of the next step would hold back the watermark by each late event.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, messages: beam.PCollection[PubsubMessage]) -> Decoded:
        outputs = messages | beam.ParDo(DecodeFn(self._config)).with_outputs(REJECTED, main="events")
        outputs["events"].element_type = Event
        outputs[REJECTED].element_type = Rejected
        return Decoded(outputs["events"], outputs[REJECTED])


class DecodeFn(beam.DoFn):  # type: ignore[misc]
    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def setup(self) -> None:
        self._decoder = Decoder(keys_of(self._config), self._config.version)

    def process(self, message: PubsubMessage) -> Iterator[Event]:
        result = self._decoder.decode(
            message.data or b"",  # None in a message of attributes alone
            message.attributes,
            published_us=published_us(message.publish_time),
            now_us=self._config.wall_clock(),
        )
        if isinstance(result, Rejected):
            count_rejected(result)
            yield beam.pvalue.TaggedOutput(REJECTED, result)
            return
        yield result


def published_us(moment: Any) -> int:
    """Microseconds since the epoch of a message's publish time: a datetime as in Google's client library (UTC
    where it does not say), or a protobuf Timestamp; 0 for anything else."""
    if isinstance(moment, datetime):
        return clock.from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    to_us = getattr(moment, "ToMicroseconds", None)
    return to_us() if to_us is not None else 0


def count_rejected(rejected: Rejected) -> None:
    Metrics.counter(names.NAMESPACE, names.REJECTED_PREFIX + rejected.code).inc()
