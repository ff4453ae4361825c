"""From the bytes of a message to an `Event`, or to the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from evermail.events import checks, plain
from evermail.events.checks import (
    MAX_ITEMS,
    MAX_SEARCH_TERM_CHARS,
    TELLING_CHARS,
    check_identifier,
    unknown_fields,
)
from evermail.events.event import NEEDS_ITEMS, Consent, Event, EventName, Item, WireConsent, WireItem
from evermail.events.refusals import Code, Refusal, Rejected

MAX_PAYLOAD_BYTES = 64 * 1024
"""Larger messages are refused. A GA4 event of 200 items is about 30 KB."""


class _WireEvent(msgspec.Struct):
    event_id: str
    event_name: str
    event_time: str
    client_id: str | None = None
    user_id: str | None = None
    items: tuple[WireItem, ...] | None = None
    value: float | None = None
    currency: str | None = None
    search_term: str | None = None
    campaign_id: str | None = None
    consent: WireConsent | None = None
    source: str | None = None


_EVENT_FIELDS = frozenset(_WireEvent.__struct_fields__)
_ITEM_FIELDS = frozenset(WireItem.__struct_fields__)
_CONSENT_FIELDS = frozenset(WireConsent.__struct_fields__)


def parse(
    data: bytes,
    attributes: Mapping[str, str] | None = None,
    *,
    now_us: int,
    version: str,
    stage: str = "decode",
    read: Callable[[bytes, int], Event] | None = None,
) -> Event | Rejected:
    """Turns one message into an `Event`, or says in a `Rejected` why it is none. Never raises.

    `read` makes the event of the data and the time; it may raise `Refusal`. By default `parse_or_refuse`.
    """
    try:
        return (read or parse_or_refuse)(data, now_us)
    except Exception as error:
        return rejection(error, data, attributes, now_us=now_us, version=version, stage=stage)


def rejection(
    error: Exception,
    data: bytes,
    attributes: Mapping[str, str] | None,
    *,
    now_us: int,
    version: str,
    stage: str,
) -> Rejected:
    """What a message leaves behind whose reading ended with `error`: a `Refusal`, or a bug here, which must
    cost one event and not the stream."""
    if isinstance(error, Refusal):
        code, message = error.code, error.message
    else:
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


def parse_or_refuse(data: bytes, now_us: int, max_bytes: int = MAX_PAYLOAD_BYTES) -> Event:
    """Like `parse`, but raises `Refusal`: for callers that answer a person, such as `collect`."""
    if not data:
        raise Refusal(Code.EMPTY_PAYLOAD, "the message has no data")
    if len(data) > max_bytes:
        raise Refusal(Code.OVERSIZE_PAYLOAD, f"{len(data)} bytes, at most {max_bytes} are allowed")
    return plain.read(data, now_us) or read_closely(data, now_us)


def read_closely(data: bytes, now_us: int) -> Event:
    """Like `parse_or_refuse`, by one check after the other, so that each can say what it found."""
    return from_fields(_load_object(data), now_us)


def from_fields(fields: dict[str, Any], now_us: int) -> Event:
    """Checks a decoded JSON object and makes an `Event` of it. Raises `Refusal`."""
    try:
        wire = msgspec.convert(fields, _WireEvent)
    except msgspec.ValidationError as error:
        raise _explain(error) from None
    name = _name(wire.event_name)
    for field, limit in checks.IDENTIFIERS.items():
        value = getattr(wire, field)
        if value or field == "event_id":  # any other that is empty is a missing one, as an empty cookie is
            check_identifier(field, value, limit)
    _check_shopper(name, wire)
    if name is EventName.UPDATE_CONSENT and (
        wire.consent is None or "personalization" not in fields["consent"]
    ):
        # What is not said must not count as a yes.
        raise Refusal(Code.MISSING_FIELD, "update_consent needs consent.personalization")
    if not wire.items and name in NEEDS_ITEMS:
        raise Refusal(Code.MISSING_ITEMS, f"{name} needs at least one item")
    if wire.search_term is not None and len(wire.search_term) > MAX_SEARCH_TERM_CHARS:
        raise Refusal(Code.OUT_OF_RANGE, f"search_term is longer than {MAX_SEARCH_TERM_CHARS} characters")
    if wire.value is not None and not (math.isfinite(wire.value) and abs(wire.value) <= 1e12):
        raise Refusal(Code.OUT_OF_RANGE, "value is not a sum of money")
    return Event(
        event_id=wire.event_id,
        event_name=name,
        event_time=checks.parse_time(wire.event_time, now_us),
        client_id=wire.client_id or None,
        user_id=wire.user_id or None,
        items=_items(wire, fields["items"]) if wire.items else (),
        value=wire.value,
        currency=wire.currency or None,
        search_term=wire.search_term or None,
        campaign_id=wire.campaign_id or None,
        consent=_consent(wire.consent, fields["consent"]) if wire.consent else None,
        source=wire.source or None,
        extra=unknown_fields(fields, _EVENT_FIELDS),
    )


def _load_object(data: bytes) -> dict[str, Any]:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(Code.INVALID_UTF8, f"byte {error.start} is not valid UTF-8") from None
    try:
        fields = msgspec.json.decode(data)
    except RecursionError:
        raise Refusal(Code.MALFORMED_JSON, "the JSON is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:  # names a byte's place and no byte
        raise Refusal(Code.MALFORMED_JSON, str(error)) from None
    if not isinstance(fields, dict):
        raise Refusal(Code.NOT_AN_OBJECT, f"expected a JSON object, got {type(fields).__name__}")
    return fields


def _explain(error: msgspec.ValidationError) -> Refusal:
    """msgspec's messages name the path in our structs and two types, never a value or a key of the sender's
    own: safe to pass on."""
    message = str(error)
    if "missing required field" in message:
        return Refusal(Code.MISSING_FIELD, message)
    if message.startswith("Expected `") and (">=" in message or "<=" in message):
        return Refusal(Code.OUT_OF_RANGE, message)
    return Refusal(Code.WRONG_TYPE, message)


def _name(text: str) -> EventName:
    try:
        return EventName(text)
    except ValueError:
        known = ", ".join(EventName)
        raise Refusal(
            Code.UNKNOWN_EVENT_NAME, f"event_name ({len(text)} characters) is not one of: {known}"
        ) from None


def _check_shopper(name: EventName, wire: _WireEvent) -> None:
    if not wire.client_id and not wire.user_id:
        raise Refusal(Code.MISSING_SHOPPER, "neither client_id nor user_id is given")
    if name is EventName.IDENTIFY and not (wire.client_id and wire.user_id):
        missing = "user_id" if wire.client_id else "client_id"
        raise Refusal(
            Code.MISSING_SHOPPER,
            f"identify joins client_id and user_id: {missing} is missing",
        )


def _items(wire: _WireEvent, sent: list[dict[str, Any]]) -> tuple[Item, ...]:
    items = wire.items or ()
    if len(items) > MAX_ITEMS:
        raise Refusal(Code.OUT_OF_RANGE, f"{len(items)} items, at most {MAX_ITEMS} are allowed")
    telling = [one for one in (wire.user_id, wire.client_id) if one and len(one) >= TELLING_CHARS]
    return tuple([_item(item, fields, telling) for item, fields in zip(items, sent, strict=True)])


def _item(item: WireItem, sent: dict[str, Any], telling: list[str]) -> Item:
    checks.check_item_id(item.item_id, "items[].item_id")
    category = item.item_category or None
    if category:
        checks.check_item_category(category, "items[].item_category")
    for identifier in telling:
        if identifier in item.item_id:
            checks.check_not_the_shopper("items[].item_id", item.item_id, identifier)
        if category and identifier in category:
            checks.check_not_the_shopper("items[].item_category", category, identifier)
    return Item(item.item_id, item.quantity, item.price, category, unknown_fields(sent, _ITEM_FIELDS))


def _consent(consent: WireConsent, sent: dict[str, Any]) -> Consent:
    return Consent(consent.personalization, unknown_fields(sent, _CONSENT_FIELDS))
