"""From the body of a request to events that are fit to publish. Pure: no request, no Pub/Sub.

What is published is the sender's own JSON, byte for byte, so unknown fields survive and the pipeline
reads exactly what was checked here. One thing is added where it is missing: `event_time`.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from evermail import clock, events
from evermail.events import Code, Refusal

MAX_BATCH_EVENTS = 100
MAX_BODY_BYTES = 512 * 1024


@dataclass(frozen=True)
class Accepted:
    """An event that is valid, with the JSON to publish."""

    event: events.Event
    data: bytes


@dataclass(frozen=True)
class Refused:
    """An event that is not, with the reason. The message quotes nothing of what was sent."""

    code: Code
    message: str


@dataclass(frozen=True)
class Incoming:
    """The events of a request, in order. `batched` says whether they came as a list."""

    events: list[Accepted | Refused]
    batched: bool


class TooManyEvents(Exception):
    """A batch of more than `MAX_BATCH_EVENTS` events."""


class _Shape(msgspec.Struct):
    """Just enough of an object to see what it is."""

    event_name: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event_time: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    events: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def read(body: bytes, now_us: int) -> Incoming:
    """Reads one event, an array of events, or `{"events": [...]}`.

    Raises `Refusal` when the whole body is unreadable, and `TooManyEvents`.
    """
    batch = _batch(body)
    if batch is None:
        return Incoming([check(body, now_us)], batched=False)
    if not batch:
        raise Refusal(Code.EMPTY_PAYLOAD, "the batch has no events")
    if len(batch) > MAX_BATCH_EVENTS:
        raise TooManyEvents
    return Incoming([check(bytes(raw), now_us) for raw in batch], batched=True)


def check(data: bytes, now_us: int) -> Accepted | Refused:
    """Checks the JSON of one event; an event without `event_time` happens now."""
    data = _with_time(data, now_us)
    try:
        return Accepted(events.parse_or_refuse(data, now_us), data)
    except Refusal as refusal:
        return Refused(refusal.code, refusal.message)


def _batch(body: bytes) -> list[msgspec.Raw] | None:
    """The events of a batch, not yet looked into; None when the body is no batch."""
    listed: bytes | msgspec.Raw = body
    if not body.lstrip().startswith(b"["):
        shape = _shape(body)
        if (
            shape is None
            or not isinstance(shape.events, msgspec.Raw)
            or shape.event_name is not msgspec.UNSET
        ):
            return None
        listed = shape.events
    try:
        return msgspec.json.decode(listed, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise Refusal(Code.WRONG_TYPE, "events is not an array") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refusal(Code.MALFORMED_JSON, str(error) or "the JSON is nested too deeply") from None


def _with_time(data: bytes, now_us: int) -> bytes:
    shape = _shape(data)
    if shape is None or shape.event_time is not msgspec.UNSET:
        return data
    brace = data.index(b"{") + 1
    comma = b"" if data[brace:].lstrip().startswith(b"}") else b","
    return data[:brace] + f'"event_time":"{clock.to_rfc3339(now_us)}"'.encode() + comma + data[brace:]


def _shape(data: bytes) -> _Shape | None:
    """None when `data` is no JSON object: `events.parse_or_refuse` finds the words for it."""
    try:
        return msgspec.json.decode(data, type=_Shape)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
