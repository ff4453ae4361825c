"""Ways for an event to be broken, each with the code that it must be refused with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from evermail.events import MAX_PAYLOAD_BYTES, Code

Fields = dict[str, Any]


def _encode(fields: Fields) -> bytes:
    return msgspec.json.encode(fields)


def _with(**changes: Any) -> Callable[[Fields], bytes]:
    return lambda fields: _encode({**fields, **changes})


def _without(*names: str) -> Callable[[Fields], bytes]:
    return lambda fields: _encode({name: value for name, value in fields.items() if name not in names})


SPOILERS: dict[Code, Callable[[Fields], bytes]] = {
    Code.MALFORMED_JSON: lambda fields: _encode(fields)[:-7],
    Code.WRONG_TYPE: _with(event_id=42),
    Code.MISSING_FIELD: _without("event_name"),
    Code.UNKNOWN_EVENT_NAME: _with(event_name="page_veiw"),
    Code.INVALID_EVENT_TIME: _with(event_time="yesterday"),
    Code.EVENT_TIME_IN_FUTURE: _with(event_time="2199-01-01T00:00:00Z"),
    Code.INVALID_UTF8: lambda fields: _encode(fields)[:-1] + b',"note":"\xff\xfe"}',
    Code.MISSING_SHOPPER: _without("client_id", "user_id"),
    Code.MISSING_ITEMS: _with(event_name="view_item", items=[]),
    Code.OUT_OF_RANGE: _with(items=[{"item_id": "x", "quantity": -1}]),
    Code.INVALID_IDENTIFIER: _with(event_id="line\nbreak"),
    Code.NOT_AN_OBJECT: lambda fields: b"[" + _encode(fields) + b"]",
    Code.OVERSIZE_PAYLOAD: _with(note="x" * MAX_PAYLOAD_BYTES),
    Code.EMPTY_PAYLOAD: lambda fields: b"",
}


def spoil(code: Code, fields: Fields) -> bytes:
    """The bytes of an event broken so that `code` is the right answer."""
    return SPOILERS[code](fields)
