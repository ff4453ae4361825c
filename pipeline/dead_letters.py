"""What was refused, as messages for a topic of its own: the whole original and why it is there."""

from __future__ import annotations

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage

from evermail.events import Rejected


class ToMessages(beam.PTransform):  # type: ignore[misc]
    """Rejected -> PubsubMessage: JSON with the original in base64; stage and code also as attributes,
    for subscriptions that filter."""

    def expand(self, rejected: beam.PCollection[Rejected]) -> beam.PCollection[PubsubMessage]:
        return rejected | "ToMessage" >> beam.Map(to_message).with_output_types(PubsubMessage)


def to_message(rejected: Rejected) -> PubsubMessage:
    return PubsubMessage(
        msgspec.json.encode(rejected),
        {"stage": rejected.stage, "code": rejected.code.value, "version": rejected.pipeline_version},
    )


def from_message(data: bytes) -> Rejected:
    """Reads a dead letter back. Raises `msgspec.ValidationError` when it is none."""
    return msgspec.json.decode(data, type=Rejected)
