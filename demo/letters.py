"""The dead letters of a run, taken from their subscription once the job has come to rest."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from google.api_core.exceptions import DeadlineExceeded
from google.cloud import pubsub_v1

from demo.stack import DEAD_LETTER_SUBSCRIPTION
from evermail.dead_letters.letter import from_json
from evermail.events import Code

LONGEST_S = 120.0
"""Nobody waits longer for them, however many come."""


def take(subscriber: pubsub_v1.SubscriberClient, expected: int, into: Path | None = None) -> Counter[Code]:
    """The codes of all dead letters, each message counted once; looks a little longer than expected.

    They are taken away, `into` a file of one letter a line, if one is named, as `evermail dead-letters` reads
    it. Raises `OSError` if that cannot be written.
    """
    codes: dict[str, Code] = {}
    empty = 0
    deadline = time.monotonic() + LONGEST_S
    with into.open("ab") if into else nullcontext() as file:
        while empty < 2 and time.monotonic() < deadline:
            try:
                response = subscriber.pull(
                    subscription=DEAD_LETTER_SUBSCRIPTION,
                    max_messages=500,
                    timeout=5.0 if len(codes) < expected else 0.5,
                )
            except DeadlineExceeded:
                response = None
            if response is None or not response.received_messages:
                empty += 1
                continue
            for received in response.received_messages:
                message = received.message
                if file and message.message_id not in codes:
                    file.write(message.data + b"\n")
                codes[message.message_id] = from_json(message.data).code
            subscriber.acknowledge(
                subscription=DEAD_LETTER_SUBSCRIPTION,
                ack_ids=[received.ack_id for received in response.received_messages],
            )
    return Counter(codes.values())
