"""How elements cross from worker to worker: msgpack of the domain's structs, a third of pickle's bytes."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from apache_beam import coders

from evermail.carts import CartLeft, Visit
from evermail.documents import TYPES, Document
from evermail.events import Accepted, Event, Rejected
from pipeline.arrivals import Arrival, ArrivalCoder


class StructCoder(coders.Coder):  # type: ignore[misc]
    """Coder of one msgspec struct. Subclasses name it, so that it can be found again by type."""

    struct: type[msgspec.Struct]

    def encode(self, value: Any) -> bytes:
        return _encode(value)

    def decode(self, encoded: bytes) -> Any:
        return _decoder(self.struct).decode(encoded)

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> type[msgspec.Struct]:
        return self.struct


class EventCoder(StructCoder):
    struct = Event


class AcceptedCoder(StructCoder):
    struct = Accepted


class RejectedCoder(StructCoder):
    struct = Rejected


class VisitCoder(StructCoder):
    struct = Visit


class CartLeftCoder(StructCoder):
    struct = CartLeft


class DocumentCoder(coders.Coder):  # type: ignore[misc]
    """Documents of every collection, tagged with its name."""

    def encode(self, value: Document) -> bytes:
        return msgspec.msgpack.encode((value.COLLECTION, value))

    def decode(self, encoded: bytes) -> Document:
        collection, fields = msgspec.msgpack.decode(encoded)
        return msgspec.convert(fields, TYPES[collection])

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> type[Document]:
        return Document


_encode = msgspec.msgpack.Encoder().encode


@cache
def _decoder(struct: type[msgspec.Struct]) -> msgspec.msgpack.Decoder[Any]:
    """Made once for each type: it costs more than what it decodes."""
    return msgspec.msgpack.Decoder(struct)


def register() -> None:
    """Makes Beam use these coders wherever it meets the types."""
    coders.registry.register_coder(Event, EventCoder)
    coders.registry.register_coder(Accepted, AcceptedCoder)
    coders.registry.register_coder(Arrival, ArrivalCoder)
    coders.registry.register_coder(Rejected, RejectedCoder)
    coders.registry.register_coder(Visit, VisitCoder)
    coders.registry.register_coder(CartLeft, CartLeftCoder)
    coders.registry.register_coder(Document, DocumentCoder)
