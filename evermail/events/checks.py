"""What an identifier, a category, a time and a nesting may be. Every check raises `Refusal`.

Messages say where a fault is and what was expected; they quote no value, since any may name a person.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from evermail import clock
from evermail.events.refusals import Code, Refusal
from evermail.traces import has_email, has_word

MAX_DEPTH = 32
"""How deeply lists and objects of unknown fields may nest. Whoever encodes an event again may stand deeper
in a call stack than we do, where what could just be decoded can no longer be encoded."""

MAX_FUTURE_US = 10 * clock.MINUTE
"""How far ahead of our clock an event may be: a device's clock is rarely further off."""

EARLIEST_TIME_US = clock.from_datetime(datetime.fromisoformat("2010-01-01T00:00:00Z"))
"""Before this, a time is a device's unset clock rather than a late event."""

MAX_ITEMS = 200
"""Items in one event, as in Google Analytics 4."""

MAX_ITEM_ID_CHARS = 128
MAX_CATEGORY_CHARS = 256
MAX_SEARCH_TERM_CHARS = 512

IDENTIFIERS = {
    "event_id": 128,
    "client_id": 256,
    "user_id": 256,
    "campaign_id": 128,
    "currency": 8,
    "source": 64,
}
LIMITS = {**IDENTIFIERS, "search_term": MAX_SEARCH_TERM_CHARS}
"""Most characters of each field."""

TELLING_CHARS = 8
"""An identifier of a shopper with at least so many characters is no article number by accident."""

NESTED = dict, list
"""What holds other values in JSON. A union of them, made anew for each check, takes longer than the check."""

_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_RfcTime = Annotated[datetime, msgspec.Meta(tz=True)]


def check_identifier(field: str, value: str, limit: int) -> None:
    """`field` is what to call it; `limit` counts characters."""
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


def check_item_id(item_id: str, field: str = "item_id") -> None:
    """An item's id is the name of documents that everybody's recommendations are made of: whatever it is, it
    must not name a person."""
    check_identifier(field, item_id, MAX_ITEM_ID_CHARS)
    if has_email(item_id):
        raise Refusal(Code.INVALID_IDENTIFIER, f"{field} contains an email address")


def check_item_category(category: str, field: str = "item_category") -> None:
    """A name rather than an identifier: joiners and no-break spaces are part of many languages."""
    if len(category) > MAX_CATEGORY_CHARS or _UNSTORABLE.search(category):
        raise Refusal(
            Code.INVALID_IDENTIFIER,
            f"{field} has control characters or more than {MAX_CATEGORY_CHARS} characters",
        )
    if has_email(category):
        raise Refusal(Code.INVALID_IDENTIFIER, f"{field} contains an email address")


def check_not_the_shopper(field: str, text: str, identifier: str) -> None:
    """`identifier` is a telling one of the event's own shopper."""
    if has_word(text, identifier):
        raise Refusal(Code.INVALID_IDENTIFIER, f"{field} contains the event's own user_id or client_id")


def check_encodable(value: dict[str, Any] | list[Any], depth: int = MAX_DEPTH + 1) -> None:
    """An event that was taken in must be fit to be passed on, in JSON and in msgpack."""
    if not depth:
        raise Refusal(Code.OUT_OF_RANGE, f"an unknown field is nested more than {MAX_DEPTH} deep")
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, NESTED):
            check_encodable(inner, depth - 1)
        elif isinstance(inner, int) and not -(2**63) <= inner < 2**64:
            raise Refusal(Code.OUT_OF_RANGE, "an unknown field has a whole number of more than 64 bits")


def unknown_fields(sent: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """What of an object that was sent is not `known`."""
    if sent.keys() <= known:
        return {}
    unknown = {name: value for name, value in sent.items() if name not in known}
    check_encodable(unknown)
    return unknown


def parse_time(text: str, now_us: int) -> int:
    """Microseconds since the epoch of an RFC 3339 time that an event can be of."""
    try:
        moment = msgspec.convert(text, _RfcTime, strict=True)
        time_us = clock.from_datetime(moment)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise Refusal(
            Code.INVALID_EVENT_TIME,
            "event_time is not an RFC 3339 time with a time zone, such as 2026-11-24T03:00:00.123Z",
        ) from None
    if time_us < EARLIEST_TIME_US:
        raise Refusal(Code.INVALID_EVENT_TIME, "event_time is before 2010: an unset clock?")
    if time_us > now_us + MAX_FUTURE_US:
        ahead_s = (time_us - now_us) // clock.SECOND
        raise Refusal(Code.EVENT_TIME_IN_FUTURE, f"event_time is {ahead_s} s ahead of the server's clock")
    return time_us
