"""What the payloads of others have in common on their way into our form.

A value is carried over as the JSON that was sent (`msgspec.Raw`), so that nothing unknown is lost or rounded.
Where senders differ from our types in ways that lose nothing, the JSON is mended: `"19.90"` for a price,
`4711` for an id. Whether the outcome is a valid event, `incoming.check` says.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from evermail.event_ids import MAX_RETRY_US
from evermail.events import Code, Refusal

Fields: TypeAlias = dict[str, msgspec.Raw]
"""A JSON object whose values are still JSON."""

MaybeRaw: TypeAlias = msgspec.Raw | msgspec.UnsetType
"""A member of an object that may not be there."""

RESERVED = frozenset(
    {"event_id", "event_name", "event_time", "client_id", "user_id", "campaign_id", "consent", "source"}
)
"""Fields of ours whose names mean something else among the parameters of others."""

_NUMBER = re.compile(rb'"?(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?)"?')
_WHOLE = re.compile(rb'"?(-?(?:0|[1-9][0-9]*))(?:\.0+)?"?')


def given(raw: MaybeRaw) -> msgspec.Raw | None:
    """A value, or None where there is none or it is `null`."""
    return raw if isinstance(raw, msgspec.Raw) and bytes(raw) != b"null" else None


def as_object(raw: msgspec.Raw, name: str) -> Fields:
    """The members of an object that are not `null`. Raises `Refusal`, which calls it `name`."""
    try:
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        raise Refusal(Code.WRONG_TYPE, f"{name} is not an object") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Refusal(Code.MALFORMED_JSON, f"{name} cannot be read") from None
    return {key: value for key, value in members.items() if given(value)}


def as_array(raw: msgspec.Raw, name: str) -> list[msgspec.Raw]:
    """The elements of an array. Raises `Refusal`, which calls it `name`."""
    try:
        return msgspec.json.decode(raw, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise Refusal(Code.WRONG_TYPE, f"{name} is not an array") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Refusal(Code.MALFORMED_JSON, f"{name} cannot be read") from None


def as_string(raw: msgspec.Raw | None) -> str | None:
    """A string, or None for anything else."""
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, ValueError):
        return None


def text(raw: msgspec.Raw) -> msgspec.Raw:
    """A number as a string of its digits, anything else as it is: for ids."""
    return msgspec.Raw(b'"%b"' % raw) if _NUMBER.fullmatch(raw) and not bytes(raw).startswith(b'"') else raw


def number(raw: msgspec.Raw) -> msgspec.Raw:
    """A number in quotation marks without them, anything else as it is."""
    found = _NUMBER.fullmatch(raw)
    return msgspec.Raw(found[1]) if found else raw


def whole(raw: msgspec.Raw) -> msgspec.Raw:
    """The same for a whole number, which may end in `.0`."""
    found = _WHOLE.fullmatch(raw)
    return msgspec.Raw(found[1]) if found else raw


def quoted(value: str) -> msgspec.Raw:
    """A string of ours as JSON."""
    return msgspec.Raw(msgspec.json.encode(value))


def said(*, allowed: bool, beside: Fields) -> msgspec.Raw:
    """A consent of ours. `beside` are consents for other purposes: they travel along."""
    personalization = msgspec.Raw(b"true" if allowed else b"false")
    return msgspec.Raw(msgspec.json.encode({**beside, "personalization": personalization}))


def others(fields: Fields, known: frozenset[str], form: str) -> Fields:
    """What is kept for the archive: all that is not `known`, by its own name unless that is one of ours."""
    return {
        f"{form}_{name}" if name in RESERVED else name: value
        for name, value in fields.items()
        if name not in known
    }


def renamed(fields: Fields, names: Mapping[str, str]) -> Fields:
    """The fields of `names` under their new names."""
    return {new: fields[old] for old, new in names.items() if old in fields}


def purchase_id(form: str, transaction: msgspec.Raw | None) -> str | None:
    """The event id of a purchase, of what its shop calls it; None where that is empty and says nothing."""
    name = text(transaction) if transaction else None
    if name is None or not (as_string(name) or "").strip():
        return None
    return derived_id(form, b"purchase", bytes(name))


def derived_id(form: str, *parts: bytes) -> str:
    """An event id made of what was sent, so that a repetition is known as a copy."""
    digest = hashlib.sha256(b"\0".join(parts)).digest()[:16]
    return f"{form}-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def hour(now_us: int) -> bytes:
    """What stands for the time in the id of an event that has none: as long as a copy may be late. Within
    it, a repetition cannot be told from a retry and counts as one; after it, it is another event."""
    return str(now_us // MAX_RETRY_US).encode()
