"""What was refused, as messages for a topic of its own: the whole original and why it is there.

Originals that decode could not read are sealed by then, all others have pseudonyms for identifiers.
`evermail.dead_letters` says what stands in a letter, and reads it.
"""

from __future__ import annotations

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage

from evermail.dead_letters import letter
from evermail.dead_letters.letter import Letter
from evermail.events import Rejected


class ToMessages(beam.PTransform):  # type: ignore[misc]
    """Rejected -> PubsubMessage: a letter in JSON; id, stage and code also as attributes, for subscriptions
    that filter."""

    def expand(self, rejected: beam.PCollection[Rejected]) -> beam.PCollection[PubsubMessage]:
        return rejected | "ToMessage" >> beam.Map(to_message).with_output_types(PubsubMessage)


def to_message(rejected: Rejected) -> PubsubMessage:
    """The message for a refused input. An original that no message could carry is cut, and that is said."""
    made = letter.letter_of(rejected)
    return PubsubMessage(
        letter.to_json(made),
        {"id": made.id, "stage": made.stage, "code": made.code.value, "version": made.pipeline_version},
    )


def from_message(data: bytes) -> Letter:
    """Reads a dead letter back. Raises `msgspec.DecodeError` when it is none."""
    return letter.from_json(data)
