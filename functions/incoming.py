"""From the body of a request to events that are fit to publish. Pure: no request, no Pub/Sub.

What is published is the sender's own JSON, byte for byte, so unknown fields survive and the pipeline
reads exactly what was checked here. One thing is added where it is missing: `event_time`.

A body may also be one of Google Analytics 4 (`incoming_ga4`) or of Segment (`incoming_segment`), which is put
into our form first. Its shape tells: ours are events with an `event_name`, which neither of them has, so that
no body with a valid event of ours is ever taken for one of theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from evermail import clock, events
from evermail.events import Code, Refusal
from functions import incoming_ga4, incoming_segment
from functions.incoming_fields import Fields, MaybeRaw

MAX_BATCH_EVENTS = 100
MAX_BODY_BYTES = 512 * 1024


@dataclass(frozen=True)
class Accepted:
    """An event that is valid, with the JSON to publish."""

    event: events.Event
    data: bytes


@dataclass(frozen=True)
class Refused:
    """An event that is not, with the reason: a `Code`, or one of `functions.collect`. The message quotes
    nothing of what was sent."""

    code: str
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

    event_name: MaybeRaw = msgspec.UNSET
    event_time: MaybeRaw = msgspec.UNSET
    events: MaybeRaw = msgspec.UNSET
    batch: MaybeRaw = msgspec.UNSET
    userId: MaybeRaw = msgspec.UNSET
    anonymousId: MaybeRaw = msgspec.UNSET


def read(body: bytes, now_us: int) -> Incoming:
    """Reads one event, an array of events, or `{"events": [...]}`; the body of a request of GA4's Measurement
    Protocol; a call of Segment's or `{"batch": [...]}` of them.

    Raises `Refusal` when the whole body is unreadable, and `TooManyEvents`.
    """
    if body.lstrip().startswith(b"["):
        return _ours(_batch(body, "events"), now_us)
    shape = _shape(body)
    if shape is None or shape.event_name is not msgspec.UNSET:
        return Incoming([check(body, now_us)], batched=False)
    if isinstance(shape.events, msgspec.Raw):
        batch = _batch(shape.events, "events")
        if not incoming_ga4.speaks(batch):
            return _ours(batch, now_us)
        return _theirs(incoming_ga4.translate(body, batch, now_us), now_us)
    if isinstance(shape.batch, msgspec.Raw):
        return _theirs(incoming_segment.translate(body, _batch(shape.batch, "batch"), now_us), now_us)
    if shape.userId is not msgspec.UNSET or shape.anonymousId is not msgspec.UNSET:
        call = incoming_segment.translate(b"{}", [msgspec.Raw(body)], now_us)
        return Incoming([_check(fields, now_us) for fields in call], batched=False)
    return Incoming([check(body, now_us)], batched=False)


def check(data: bytes, now_us: int) -> Accepted | Refused:
    """Checks the JSON of one event; an event without `event_time` happens now."""
    data = _with_time(data, now_us)
    try:
        return Accepted(events.parse_or_refuse(data, now_us), data)
    except Refusal as refusal:
        return Refused(refusal.code, refusal.message)


def _ours(batch: list[msgspec.Raw], now_us: int) -> Incoming:
    return Incoming([check(bytes(raw), now_us) for raw in batch], batched=True)


def _theirs(batch: list[Fields | Refusal], now_us: int) -> Incoming:
    return Incoming([_check(fields, now_us) for fields in batch], batched=True)


def _check(fields: Fields | Refusal, now_us: int) -> Accepted | Refused:
    if isinstance(fields, Refusal):
        return Refused(fields.code, fields.message)
    return check(msgspec.json.encode(fields), now_us)


def _batch(listed: bytes | msgspec.Raw, name: str) -> list[msgspec.Raw]:
    """The events of a batch, not yet looked into. `name` is what the batch is called."""
    try:
        batch = msgspec.json.decode(listed, type=list[msgspec.Raw])
    except msgspec.ValidationError:
        raise Refusal(Code.WRONG_TYPE, f"{name} is not an array") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Refusal(Code.MALFORMED_JSON, str(error) or "the JSON is nested too deeply") from None
    if not batch:
        raise Refusal(Code.EMPTY_PAYLOAD, "the batch has no events")
    if len(batch) > MAX_BATCH_EVENTS:
        raise TooManyEvents
    return batch


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
