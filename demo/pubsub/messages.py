"""A message, and the limits Pub/Sub sets on one (https://cloud.google.com/pubsub/quotas#resource_limits)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.pubsub.errors import Invalid

MAX_BYTES = 10_000_000
"""Of one message, and of one publish request."""

MAX_PER_PUBLISH = 1000
MAX_ATTRIBUTES = 100
MAX_KEY_BYTES = 256
MAX_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Message:
    """What a publisher sends."""

    data: bytes = b""
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """A message the broker accepted; subscriptions share it."""

    message: Message
    message_id: str
    publish_time_us: int
    size: int
    """Bytes of data, attributes and ordering key."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to hand a message to a subscriber."""

    ack_id: str
    published: Published
    attempt: int
    """1 for the first delivery on this subscription."""


def measure(message: Message) -> int:
    """The size of a message in bytes, after checking it against the limits.

    Raises `Invalid` when Pub/Sub would refuse the message.
    """
    attributes = message.attributes
    if not message.data and not attributes:
        raise Invalid("a message must have data or at least one attribute")
    if len(attributes) > MAX_ATTRIBUTES:
        raise Invalid(f"a message has {len(attributes)} attributes, at most {MAX_ATTRIBUTES} are allowed")
    size = len(message.data)
    for key, value in attributes.items():
        key_bytes, value_bytes = len(key.encode()), len(value.encode())
        if not 0 < key_bytes <= MAX_KEY_BYTES or key.startswith("goog"):
            raise Invalid(
                f"attribute key {key[:64]!r} must have 1 to {MAX_KEY_BYTES} bytes and not start with 'goog'"
            )
        if value_bytes > MAX_VALUE_BYTES:
            raise Invalid(f"the value of attribute {key!r} is {value_bytes} bytes, over {MAX_VALUE_BYTES}")
        size += key_bytes + value_bytes
    if message.ordering_key:
        key_bytes = len(message.ordering_key.encode())
        if key_bytes > MAX_ORDERING_KEY_BYTES:
            raise Invalid(f"the ordering key is {key_bytes} bytes, over {MAX_ORDERING_KEY_BYTES}")
        size += key_bytes
    if size > MAX_BYTES:
        raise Invalid(f"a message of {size} bytes is over the limit of {MAX_BYTES}")
    return size
