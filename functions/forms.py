"""Forms as the parts of an email post them: read whole, within bounds, or refused.

AMP forms and mail providers send either of two encodings: Gmail makes every AMP form urlencoded, and what
unsubscribes by one click "SHOULD" be multipart (RFC 8058). Fields that nobody asked for are ignored.
"""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import flask
from werkzeug.exceptions import HTTPException
from werkzeug.formparser import MultiPartParser

from evermail.events import Refusal, check_item_id
from evermail.events.checks import check_not_the_shopper
from evermail.tokens import Recipient
from functions import bodies
from functions.responses import Failure

MAX_BYTES = 8 * 1024
"""An item's id takes 1.5 KB at most, written in percents."""

MAX_FIELDS = 20

_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class Form:
    """What was posted. Its methods raise `Failure` (400)."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields = fields

    def get(self, name: str) -> str | None:
        """The value of a field, None if there is none. Said twice it is ambiguous, and refused."""
        values = [value for field, value in self._fields if field == name]
        if len(values) > 1:
            raise Failure(400, "repeated_field", f"{name} is given more than once")
        return values[0] if values else None

    def item_id(self, recipient: Recipient) -> str:
        """The field `item_id`, which is checked."""
        item_id = self.get("item_id")
        if item_id is None:
            raise Failure(400, "item_id_missing", "item_id is required")
        check_item(item_id, recipient)
        return item_id


def check_item(item_id: str, recipient: Recipient) -> None:
    """Raises `Failure` for an item that an event of this recipient may not have."""
    try:
        check_item_id(item_id)
        check_not_the_shopper("item_id", item_id, recipient.shopper)
    except Refusal as refusal:
        raise Failure(400, str(refusal.code), refusal.message) from None


def read(request: flask.Request) -> Form:
    """The form in a request's body. Raises `Failure`: 400 incomplete_body or malformed_form, 413
    oversize_payload, 415 unsupported_media_type."""
    body = bodies.read(request, (_URLENCODED, _MULTIPART), MAX_BYTES)
    try:
        if request.mimetype == _URLENCODED:
            return Form(_urlencoded(body))
        return Form(_multipart(body, request.mimetype_params.get("boundary", "")))
    except (ValueError, HTTPException):
        raise Failure(400, "malformed_form", "the form cannot be read, or has too many fields") from None


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)


def _multipart(body: bytes, boundary: str) -> list[tuple[str, str]]:
    if not boundary:
        raise ValueError("no boundary")
    parser = MultiPartParser(
        stream_factory=lambda *args, **more: io.BytesIO(),  # a file is no field, and must not reach the disk
        max_form_memory_size=MAX_BYTES,
        max_form_parts=MAX_FIELDS,
    )
    fields, _ = parser.parse(io.BytesIO(body), boundary.encode("ascii"), len(body))
    return list(fields.items(multi=True))
