"""An event as a publisher would send it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec

from evermail import clock
from evermail.events.event import Event


def to_wire(event: Event) -> dict[str, Any]:
    """The JSON object of an event, as a publisher would send it. `from_fields` reads it back equal."""
    fields = msgspec.to_builtins(event)
    fields.pop("receipt", None)  # ours; one that the sender put among the unknown fields stays
    fields = _flat(fields)
    fields["event_time"] = clock.to_rfc3339(event.event_time)
    if event.items:
        fields["items"] = [_flat(item) for item in fields["items"]]
    if event.consent is not None:
        # Said even where it is the default: a change of consent must say which.
        fields["consent"] = {**_flat(fields["consent"]), "personalization": event.consent.personalization}
    return fields


def to_json(event: Event) -> bytes:
    """`to_wire` as UTF-8 JSON."""
    return msgspec.json.encode(to_wire(event))


def digest(data: bytes) -> str:
    """What attribute `event_digest` of a message with this data says: the first 128 bits of its SHA-256, in
    base64url. Dataflow's read drops what repeats it within minutes, so it must differ where data does:
    by `event_id`, one of two shoppers with the same id would vanish uncounted."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()[:16]).decode().rstrip("=")


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """The unknown fields back in their places. Those that are known cannot be replaced by them."""
    return {**fields.pop("extra", {}), **fields}
