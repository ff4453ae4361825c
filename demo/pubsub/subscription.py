"""What a subscription is, and the bounds on its settings."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.pubsub.errors import Full, Invalid
from demo.pubsub.lease_queue import LeaseQueue

DEFAULT_ACK_DEADLINE_S = 10
MIN_ACK_DEADLINE_S = 10
MAX_ACK_DEADLINE_S = 600


@dataclass(frozen=True, slots=True)
class Limits:
    """What one subscription may hold unacknowledged before publishing to its topic is refused."""

    messages: int = 100_000
    bytes: int = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Backlog:
    """Unacknowledged messages of a subscription: not yet delivered, and out with a subscriber."""

    waiting: int
    leased: int


@dataclass(slots=True)
class Subscription:
    name: str
    topic: str
    ack_deadline_s: int
    labels: Mapping[str, str]
    queue: LeaseQueue = field(repr=False)
    ready: threading.Condition = field(repr=False)
    """Shares the broker's lock; notified when a waiting pull may have something to do."""

    def check_room(self, limits: Limits, messages: int, size: int) -> None:
        """Raises `Full` when so many more messages of so many bytes do not fit.

        An empty subscription has room for any publish: a request that never fits would be retried
        for ever.
        """
        held = len(self.queue)
        if held and (held + messages > limits.messages or self.queue.bytes + size > limits.bytes):
            raise Full(
                f"subscription {self.name} holds {held} unacknowledged messages ({self.queue.bytes} bytes) "
                f"and may hold {limits.messages} ({limits.bytes} bytes): "
                "read it, delete it, or publish more slowly"
            )


def checked_ack_deadline(seconds: int) -> int:
    """The deadline a subscription gets; 0 means the default. Raises `Invalid` outside Pub/Sub's bounds."""
    if seconds == 0:
        return DEFAULT_ACK_DEADLINE_S
    if not MIN_ACK_DEADLINE_S <= seconds <= MAX_ACK_DEADLINE_S:
        raise Invalid(
            f"ack_deadline_seconds must be {MIN_ACK_DEADLINE_S} to {MAX_ACK_DEADLINE_S}, not {seconds}"
        )
    return seconds
