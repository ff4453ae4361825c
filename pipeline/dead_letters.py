"""What was refused, as messages for a topic of its own: the whole original and why it is there."""

from __future__ import annotations

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage

from evermail.events import Rejected

MAX_ORIGINAL_BYTES = 6_000_000
"""Pub/Sub takes 10 MB a message and base64 adds a third; a larger one would fail to be published for ever.
No event is a hundredth of that: such a message was never one."""


class ToMessages(beam.PTransform):  # type: ignore[misc]
    """Rejected -> PubsubMessage: JSON with the original in base64; stage and code also as attributes,
    for subscriptions that filter."""

    def expand(self, rejected: beam.PCollection[Rejected]) -> beam.PCollection[PubsubMessage]:
        return rejected | "ToMessage" >> beam.Map(to_message).with_output_types(PubsubMessage)


def to_message(rejected: Rejected) -> PubsubMessage:
    """The message for a refused input. An original that no message could carry is cut, and that is said."""
    size = len(rejected.data)
    if size > MAX_ORIGINAL_BYTES:
        rejected = msgspec.structs.replace(
            rejected,
            data=rejected.data[:MAX_ORIGINAL_BYTES],
            message=f"{rejected.message} (here are the first {MAX_ORIGINAL_BYTES} of {size} bytes)",
        )
    return PubsubMessage(
        msgspec.json.encode(rejected),
        {"stage": rejected.stage, "code": rejected.code.value, "version": rejected.pipeline_version},
    )


def from_message(data: bytes) -> Rejected:
    """Reads a dead letter back. Raises `msgspec.ValidationError` when it is none."""
    return msgspec.json.decode(data, type=Rejected)
