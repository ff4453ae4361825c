"""A shop's event: the shape on the wire, the checks, and the closed set of reasons to refuse one.

`parse` turns the bytes of a message into an `Event` or a `Rejected`. It never raises, whatever
the bytes are: a bad event is data, not an exception. Names follow Google Analytics 4 ecommerce
(https://developers.google.com/analytics/devguides/collection/ga4/reference/events).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec

from evermail import clock

MAX_PAYLOAD_BYTES = 64 * 1024
"""Larger messages are refused. A GA4 event of 200 items is about 30 KB."""

MAX_ITEMS = 200
"""Items in one event, as in Google Analytics 4."""

MAX_DEPTH = 32
"""How deeply lists and objects of unknown fields may nest. Whoever encodes an event again may stand deeper
in a call stack than we do, where what could just be decoded can no longer be encoded."""

MAX_FUTURE_US = 10 * clock.MINUTE
"""How far ahead of our clock an event may be: a device's clock is rarely further off."""

EARLIEST_TIME_US = clock.from_datetime(datetime.fromisoformat("2010-01-01T00:00:00Z"))
"""Before this, a time is a device's unset clock rather than a late event."""


class EventName(StrEnum):
    VIEW_ITEM = "view_item"
    VIEW_ITEM_LIST = "view_item_list"
    SELECT_ITEM = "select_item"
    SEARCH = "search"
    ADD_TO_CART = "add_to_cart"
    REMOVE_FROM_CART = "remove_from_cart"
    ADD_TO_WISHLIST = "add_to_wishlist"
    PURCHASE = "purchase"
    EMAIL_OPEN = "email_open"
    EMAIL_CLICK = "email_click"
    IDENTIFY = "identify"
    UPDATE_CONSENT = "update_consent"
    ERASE_USER = "erase_user"


NEEDS_ITEMS = frozenset(
    {
        EventName.VIEW_ITEM,
        EventName.SELECT_ITEM,
        EventName.ADD_TO_CART,
        EventName.REMOVE_FROM_CART,
        EventName.ADD_TO_WISHLIST,
        EventName.PURCHASE,
    }
)
"""Events that mean nothing without an item."""


class Code(StrEnum):
    """Why an event or a document was refused. The set is closed: dashboards and alerts name these."""

    EMPTY_PAYLOAD = "empty_payload"
    OVERSIZE_PAYLOAD = "oversize_payload"
    INVALID_UTF8 = "invalid_utf8"
    MALFORMED_JSON = "malformed_json"
    NOT_AN_OBJECT = "not_an_object"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    INVALID_IDENTIFIER = "invalid_identifier"
    UNKNOWN_EVENT_NAME = "unknown_event_name"
    INVALID_EVENT_TIME = "invalid_event_time"
    EVENT_TIME_IN_FUTURE = "event_time_in_future"
    MISSING_SHOPPER = "missing_shopper"
    MISSING_ITEMS = "missing_items"
    ID_COLLISION = "id_collision"
    LATE = "late"
    IDS_FORGOTTEN = "ids_forgotten"
    STORE_REFUSED = "store_refused"
    INTERNAL_ERROR = "internal_error"


class _WireItem(msgspec.Struct, frozen=True, omit_defaults=True):
    item_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    price: Annotated[float, msgspec.Meta(ge=0, le=1e12)] | None = None
    item_category: str | None = None


class Item(_WireItem, frozen=True, omit_defaults=True):
    """One line of an event. `price` is the unit price in the event's currency; `extra` as in `Event`."""

    extra: dict[str, Any] = {}


class _WireConsent(msgspec.Struct, frozen=True, omit_defaults=True):
    personalization: bool = True


class Consent(_WireConsent, frozen=True, omit_defaults=True):
    """What the shopper allows. `extra` as in `Event`: consents for other purposes travel with ours."""

    extra: dict[str, Any] = {}


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """How an event reached us. None of it is part of what the sender said."""

    received_at: int = 0
    """When Pub/Sub took the message, in microseconds since the epoch: what lateness is counted from. It stays
    the same however often the message is delivered, so a backlog or a replay is judged as it was at first."""
    attempts: int = 1
    first_seen: int = 0
    """Microseconds since the epoch; when it first became a dead letter, 0 if it never was one."""
    user_aliases: tuple[str, ...] = ()
    client_aliases: tuple[str, ...] = ()
    """What the same identifiers were called under earlier pseudonym keys, newest first."""
    linked_at: int = 0
    """Event time (microseconds) of the `identify` that says whose event this is; 0 if it says so itself."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """A valid event. `event_time` is in microseconds since the epoch."""

    event_id: str
    event_name: EventName
    event_time: int
    client_id: str | None = None
    user_id: str | None = None
    items: tuple[Item, ...] = ()
    value: float | None = None
    currency: str | None = None
    search_term: str | None = None
    campaign_id: str | None = None
    consent: Consent | None = None
    source: str | None = None
    extra: dict[str, Any] = {}
    """Fields this version does not know, kept for the archive."""
    receipt: Receipt = Receipt()

    @property
    def shopper(self) -> str:
        """Who the event is about: the known user, else the browser."""
        return self.user_id or self.client_id or ""


class Accepted(msgspec.Struct, frozen=True):
    """An event that counts, once, and whose it is: `shopper` is the key of a profile, empty for an event that
    may feed aggregates only. Such an event has no identifiers left in it."""

    shopper: str
    event: Event


class Rejected(msgspec.Struct, frozen=True):
    """An input that could not be used, whole, with the reason: enough to explain and replay it.

    `first_seen` is in microseconds since the epoch. `attempts` counts how often it was tried.
    """

    stage: str
    code: Code
    message: str
    data: bytes
    attributes: dict[str, str]
    pipeline_version: str
    first_seen: int
    attempts: int = 1


class Refusal(Exception):
    """Raised inside a check and turned into a `Rejected` by `parse`; never leaves this package."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class _WireEvent(msgspec.Struct):
    event_id: str
    event_name: str
    event_time: str
    client_id: str | None = None
    user_id: str | None = None
    items: tuple[_WireItem, ...] | None = None
    value: float | None = None
    currency: str | None = None
    search_term: str | None = None
    campaign_id: str | None = None
    consent: _WireConsent | None = None
    source: str | None = None


_EVENT_FIELDS = frozenset(_WireEvent.__struct_fields__)
_ITEM_FIELDS = frozenset(_WireItem.__struct_fields__)
_CONSENT_FIELDS = frozenset(_WireConsent.__struct_fields__)
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_RfcTime = Annotated[datetime, msgspec.Meta(tz=True)]
_LIMITS = {"event_id": 128, "client_id": 256, "user_id": 256, "campaign_id": 128, "currency": 8, "source": 64}
MAX_ITEM_ID_CHARS = 128
MAX_CATEGORY_CHARS = 256
MAX_SEARCH_TERM_CHARS = 512


def parse(
    data: bytes,
    attributes: Mapping[str, str] | None = None,
    *,
    now_us: int,
    version: str,
    stage: str = "decode",
) -> Event | Rejected:
    """Turns one message into an `Event`, or says in a `Rejected` why it is none. Never raises."""
    try:
        return parse_or_refuse(data, now_us)
    except Refusal as refusal:
        code, message = refusal.code, refusal.message
    except Exception as error:  # a bug here must cost one event, not the stream
        code, message = Code.INTERNAL_ERROR, f"{type(error).__name__} while decoding"
    return Rejected(
        stage=stage,
        code=code,
        message=message,
        data=data,
        attributes=dict(attributes or {}),
        pipeline_version=version,
        first_seen=now_us,
    )


def parse_or_refuse(data: bytes, now_us: int) -> Event:
    """Like `parse`, but raises `Refusal`: for callers that answer a person, such as `collect`."""
    fields = _load_object(data)
    return from_fields(fields, now_us)


def from_fields(fields: dict[str, Any], now_us: int) -> Event:
    """Checks a decoded JSON object and makes an `Event` of it. Raises `Refusal`.

    Its messages say where a fault is and what was expected. They quote no value that can name a person.
    """
    try:
        wire = msgspec.convert(fields, _WireEvent)
    except msgspec.ValidationError as error:
        raise _explain(error) from None
    try:
        name = EventName(wire.event_name)
    except ValueError:
        known = ", ".join(EventName)
        raise Refusal(
            Code.UNKNOWN_EVENT_NAME, f"event_name {wire.event_name[:64]!r} is not one of: {known}"
        ) from None
    for field, limit in _LIMITS.items():
        _check_identifier(field, getattr(wire, field), limit)
    if not wire.client_id and not wire.user_id:
        raise Refusal(Code.MISSING_SHOPPER, "neither client_id nor user_id is given")
    if not wire.items and name in NEEDS_ITEMS:
        raise Refusal(Code.MISSING_ITEMS, f"{name} needs at least one item")
    if wire.search_term is not None and len(wire.search_term) > MAX_SEARCH_TERM_CHARS:
        raise Refusal(Code.OUT_OF_RANGE, f"search_term is longer than {MAX_SEARCH_TERM_CHARS} characters")
    if wire.value is not None and not (math.isfinite(wire.value) and abs(wire.value) <= 1e12):
        raise Refusal(Code.OUT_OF_RANGE, "value is not a sum of money")
    return Event(
        event_id=wire.event_id,
        event_name=name,
        event_time=_parse_time(wire.event_time, now_us),
        client_id=wire.client_id or None,
        user_id=wire.user_id or None,
        items=_items(wire.items, fields["items"]) if wire.items else (),
        value=wire.value,
        currency=wire.currency or None,
        search_term=wire.search_term or None,
        campaign_id=wire.campaign_id or None,
        consent=_consent(wire.consent, fields["consent"]) if wire.consent else None,
        source=wire.source or None,
        extra=_unknown(fields, _EVENT_FIELDS),
    )


def to_wire(event: Event) -> dict[str, Any]:
    """The JSON object of an event, as a publisher would send it. `from_fields` reads it back equal."""
    fields = _flat(msgspec.to_builtins(event))
    fields.pop("receipt", None)
    fields["event_time"] = clock.to_rfc3339(event.event_time)
    if event.items:
        fields["items"] = [_flat(item) for item in fields["items"]]
    if event.consent is not None:
        fields["consent"] = _flat(fields["consent"])
    return fields


def to_json(event: Event) -> bytes:
    """`to_wire` as UTF-8 JSON."""
    return msgspec.json.encode(to_wire(event))


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    """The unknown fields back in their places. Those that are known cannot be replaced by them."""
    return {**fields.pop("extra", {}), **fields}


def _load_object(data: bytes) -> dict[str, Any]:
    if not data:
        raise Refusal(Code.EMPTY_PAYLOAD, "the message has no data")
    if len(data) > MAX_PAYLOAD_BYTES:
        raise Refusal(Code.OVERSIZE_PAYLOAD, f"{len(data)} bytes, at most {MAX_PAYLOAD_BYTES} are allowed")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(Code.INVALID_UTF8, f"byte {error.start} is not valid UTF-8") from None
    try:
        fields = msgspec.json.decode(data)
    except RecursionError:
        raise Refusal(Code.MALFORMED_JSON, "the JSON is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Refusal(Code.MALFORMED_JSON, str(error)) from None
    if not isinstance(fields, dict):
        raise Refusal(Code.NOT_AN_OBJECT, f"expected a JSON object, got {type(fields).__name__}")
    return fields


def _explain(error: msgspec.ValidationError) -> Refusal:
    """msgspec's messages name the path and the two types, never the value: safe to pass on."""
    message = str(error)
    if "missing required field" in message:
        return Refusal(Code.MISSING_FIELD, message)
    if message.startswith("Expected `") and (">=" in message or "<=" in message):
        return Refusal(Code.OUT_OF_RANGE, message)
    return Refusal(Code.WRONG_TYPE, message)


def _parse_time(text: str, now_us: int) -> int:
    try:
        moment = msgspec.convert(text, _RfcTime, strict=True)
        time_us = clock.from_datetime(moment)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise Refusal(
            Code.INVALID_EVENT_TIME,
            "event_time is not an RFC 3339 time with a time zone, such as 2026-11-24T03:00:00.123Z",
        ) from None
    if time_us < EARLIEST_TIME_US:
        raise Refusal(Code.INVALID_EVENT_TIME, f"event_time {text[:40]} is before 2010: an unset clock?")
    if time_us > now_us + MAX_FUTURE_US:
        ahead = (time_us - now_us) // clock.SECOND
        raise Refusal(Code.EVENT_TIME_IN_FUTURE, f"event_time is {ahead} s ahead of the server's clock")
    return time_us


def _items(items: tuple[_WireItem, ...], sent: list[dict[str, Any]]) -> tuple[Item, ...]:
    if len(items) > MAX_ITEMS:
        raise Refusal(Code.OUT_OF_RANGE, f"{len(items)} items, at most {MAX_ITEMS} are allowed")
    return tuple(_item(item, fields) for item, fields in zip(items, sent, strict=True))


def _item(item: _WireItem, sent: dict[str, Any]) -> Item:
    _check_identifier("items[].item_id", item.item_id, MAX_ITEM_ID_CHARS)
    category = item.item_category or None
    if category and (len(category) > MAX_CATEGORY_CHARS or _UNSTORABLE.search(category)):
        # A name rather than an identifier: joiners and no-break spaces are part of many languages.
        raise Refusal(
            Code.INVALID_IDENTIFIER,
            f"items[].item_category has control characters or more than {MAX_CATEGORY_CHARS} characters",
        )
    return Item(item.item_id, item.quantity, item.price, category, _unknown(sent, _ITEM_FIELDS))


def _consent(consent: _WireConsent, sent: dict[str, Any]) -> Consent:
    return Consent(consent.personalization, _unknown(sent, _CONSENT_FIELDS))


def _unknown(sent: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    if sent.keys() <= known:
        return {}
    unknown = {name: value for name, value in sent.items() if name not in known}
    _check_encodable(unknown, MAX_DEPTH + 1)
    return unknown


def _check_encodable(value: Any, depth: int) -> None:
    """An event that was taken in must be fit to be passed on, in JSON and in msgpack."""
    if isinstance(value, dict | list):
        if not depth:
            raise Refusal(Code.OUT_OF_RANGE, f"an unknown field is nested more than {MAX_DEPTH} deep")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_encodable(inner, depth - 1)
    elif isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise Refusal(Code.OUT_OF_RANGE, "an unknown field has a whole number of more than 64 bits")


def _check_identifier(field: str, value: str | None, limit: int) -> None:
    if value is None:
        return
    if not value and field not in _REQUIRED_IDENTIFIERS:
        return  # an empty cookie is a missing one
    if not value:
        raise Refusal(Code.INVALID_IDENTIFIER, f"{field} is empty")
    if len(value) > limit:
        raise Refusal(
            Code.INVALID_IDENTIFIER, f"{field} has {len(value)} characters, at most {limit} are allowed"
        )
    if not value.isprintable() or value != value.strip():
        raise Refusal(
            Code.INVALID_IDENTIFIER, f"{field} has control characters, lone surrogates or outer spaces"
        )


_REQUIRED_IDENTIFIERS = ("event_id", "items[].item_id")
