"""Bytes to events. What cannot be read becomes a `Rejected`, whole; nothing here raises on data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from evermail.events import Event, Rejected, parse
from evermail.tokens import Pseudonymizer
from pipeline import names
from pipeline.config import JobConfig

REJECTED = "rejected"


class Decoded(NamedTuple):
    events: beam.PCollection[Event]
    rejected: beam.PCollection[Rejected]


class Decode(beam.PTransform):  # type: ignore[misc]
    """PubsubMessage -> Event with its own event time and pseudonyms for identifiers, or Rejected.

    The event's time comes from its payload. Had the read taken it from an attribute, one bad
    timestamp of a publisher would stop the job.
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
        keys = self._config.pseudonym_keys.keys()
        self._pseudonyms = Pseudonymizer(keys, list(keys)[-1])

    def process(self, message: PubsubMessage) -> Iterator[Event]:
        result = parse(
            message.data or b"",  # None in a message of attributes alone
            message.attributes,
            now_us=self._config.wall_clock(),
            version=self._config.version,
        )
        if isinstance(result, Rejected):
            count_rejected(result)
            yield beam.pvalue.TaggedOutput(REJECTED, result)
            return
        yield TimestampedValue(self._pseudonymize(result), Timestamp(micros=result.event_time))

    def _pseudonymize(self, event: Event) -> Event:
        pseudonym = self._pseudonyms.pseudonym
        return msgspec.structs.replace(
            event,
            user_id=event.user_id and pseudonym("user", event.user_id),
            client_id=event.client_id and pseudonym("client", event.client_id),
        )


def count_rejected(rejected: Rejected) -> None:
    Metrics.counter(names.NAMESPACE, names.REJECTED_PREFIX + rejected.code).inc()
