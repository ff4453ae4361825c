"""The body of a request: of the right kind, and never more of it in memory than there may be."""

from __future__ import annotations

from collections.abc import Sequence

import flask
from werkzeug.exceptions import HTTPException

from functions.responses import Failure


def read(request: flask.Request, kinds: Sequence[str], limit: int) -> bytes:
    """The body, which says that it is of one of these media types and has at most `limit` bytes. Raises
    `Failure`: 400 incomplete_body, 413 oversize_payload, 415 unsupported_media_type."""
    if request.mimetype not in kinds:
        raise Failure(415, "unsupported_media_type", f"send {' or '.join(kinds)}")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Failure(
            415,
            "unsupported_media_type",
            "send the body uncompressed",
            headers={"Accept-Encoding": "identity"},
        )
    too_large = Failure(413, "oversize_payload", f"the body may have at most {limit} bytes")
    if (request.content_length or 0) > limit:
        raise too_large
    body = bytearray()
    try:
        while len(body) <= limit:
            chunk = request.stream.read(limit + 1 - len(body))
            if not chunk:
                return bytes(body)
            body += chunk
    except (OSError, HTTPException):
        raise Failure(400, "incomplete_body", "the body ended early") from None
    raise too_large
