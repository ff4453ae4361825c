"""How elements cross from worker to worker: msgpack of the domain's structs, a third of pickle's bytes."""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders

from evermail.documents import TYPES, Document
from evermail.events import Accepted, Event, Rejected
from evermail.interest import RowUpdate


class StructCoder(coders.Coder):  # type: ignore[misc]
    """Coder of one msgspec struct. Subclasses name it, so that it can be found again by type."""

    struct: type[msgspec.Struct]

    def encode(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)

    def decode(self, encoded: bytes) -> Any:
        return msgspec.msgpack.decode(encoded, type=self.struct)

    def is_deterministic(self) -> bool:
        return False

    def to_type_hint(self) -> type[msgspec.Struct]:
        return self.struct


class MsgpackCoder(coders.Coder):  # type: ignore[misc]
    """Structs and builtin types; reads back as builtin types."""

    def encode(self, value: Any) -> bytes:
        return msgspec.msgpack.encode(value)

    def decode(self, encoded: bytes) -> Any:
        return msgspec.msgpack.decode(encoded)

    def is_deterministic(self) -> bool:
        return False


class EventCoder(StructCoder):
    struct = Event


class AcceptedCoder(StructCoder):
    struct = Accepted


class RejectedCoder(StructCoder):
    struct = Rejected


class RowUpdateCoder(StructCoder):
    struct = RowUpdate


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


def register() -> None:
    """Makes Beam use these coders wherever it meets the types."""
    coders.registry.register_coder(Event, EventCoder)
    coders.registry.register_coder(Accepted, AcceptedCoder)
    coders.registry.register_coder(Rejected, RejectedCoder)
    coders.registry.register_coder(RowUpdate, RowUpdateCoder)
    coders.registry.register_coder(Document, DocumentCoder)
