"""What a replayed message says of its first time, in attributes: written by the replay, read by decode."""

from __future__ import annotations

from collections.abc import Mapping

from evermail.events import Receipt
from evermail.events.checks import EARLIEST_TIME_US, MAX_FUTURE_US

ATTEMPTS = "replay_attempts"
FIRST_SEEN = "replay_first_seen"
RECEIVED_AT = "replay_received_at"
"""Times are whole microseconds since the epoch."""

PSEUDONYMIZED = "pseudonymized"
"""Its value is 1 where identifiers are pseudonyms already and must not be hashed again."""

EVENT_DIGEST = "event_digest"

OURS = frozenset({ATTEMPTS, FIRST_SEEN, RECEIVED_AT, EVENT_DIGEST})
"""Attributes that say something of one sending, and nothing of the message."""

MAX_ATTEMPTS = 10_000


def attributes_of(receipt: Receipt) -> dict[str, str]:
    """`receipt` is that of the message to send. What is not known in it is not said."""
    known = {ATTEMPTS: receipt.attempts, FIRST_SEEN: receipt.first_seen, RECEIVED_AT: receipt.received_at}
    return {name: str(value) for name, value in known.items() if value}


def receipt_of(attributes: Mapping[str, str] | None, received_us: int) -> Receipt:
    """The receipt of a message that Pub/Sub took at `received_us`. An attribute that cannot be is ignored."""
    if not attributes or OURS.isdisjoint(attributes):
        return Receipt(received_us)
    return Receipt(
        received_at=_number(attributes, RECEIVED_AT, EARLIEST_TIME_US, received_us) or received_us,
        attempts=_number(attributes, ATTEMPTS, 1, MAX_ATTEMPTS) or 1,
        first_seen=_number(attributes, FIRST_SEEN, EARLIEST_TIME_US, received_us + MAX_FUTURE_US) or 0,
    )


def is_pseudonymized(attributes: Mapping[str, str] | None) -> bool:
    return bool(attributes) and attributes.get(PSEUDONYMIZED) == "1"  # type: ignore[union-attr]


def _number(attributes: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    text = attributes.get(name)
    if text is None or not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > 16:
        return None
    return number if least <= (number := int(text)) <= most else None
