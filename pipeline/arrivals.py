"""What comes to a shopper: events, and what was remembered of the same person elsewhere."""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders

from evermail.events import Event
from evermail.shopper import ShopperState


class Handover(msgspec.Struct, frozen=True):
    """The memory of a client for its user, or of a former name for the new one. It is given once: the giver's
    own state is empty from then on."""

    state: ShopperState
    received_at: int
    """When the event came that brought it about."""
    to: str
    """Who it is for."""
    formerly: str = ""
    """The former name that this is the memory of; empty if it is a client's."""
    linked_at: int | None = None
    """From when on the client is this user's, in microseconds; None for the memory of a former name."""
    event: Event | None = None
    """The event that brought it about, if it goes the same way. In one with what it must not overtake."""


class Arrival:
    """The type of what comes to a shopper, for Beam: an `Event` or a `Handover`."""


class ArrivalCoder(coders.Coder):  # type: ignore[misc]
    """A byte that tells which of the two, and its msgpack."""

    def encode(self, value: Any) -> bytes:
        return (b"e" if type(value) is Event else b"h") + _ENCODER.encode(value)

    def decode(self, encoded: bytes) -> Any:
        return (_EVENTS if encoded[:1] == b"e" else _HANDOVERS).decode(memoryview(encoded)[1:])

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> type[Arrival]:
        return Arrival


_ENCODER = msgspec.msgpack.Encoder()
_EVENTS = msgspec.msgpack.Decoder(Event)
_HANDOVERS = msgspec.msgpack.Decoder(Handover)
