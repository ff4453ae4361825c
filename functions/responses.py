"""What leaves a function: JSON, always, errors included, with headers that keep it private."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import flask
import msgspec

CONTENT_TYPE = "application/json; charset=utf-8"

SECURITY_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. The URL holds a token, so no referrer may leave and no cache may keep the answer."""


class Failure(Exception):
    """An answer other than the one hoped for: becomes `{"error": {"code", "message"}}` with this status.

    `code` is for programs and stays stable, `message` is for people. Neither holds personal data.
    `details` are further members of the JSON object, beside `error`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.details = dict(details or {})


def json_response(payload: object, status: int = 200) -> flask.Response:
    """`payload` is anything msgspec can encode."""
    return _response(msgspec.json.encode(payload), status)


def no_content(headers: Mapping[str, str]) -> flask.Response:
    """The answer to OPTIONS."""
    response = _response(b"", 204)
    response.headers.update(headers)
    return response


def error_response(failure: Failure) -> flask.Response:
    """Coded JSON for a failure."""
    error = {"code": failure.code, "message": failure.message}
    response = json_response({"error": error, **failure.details}, failure.status)
    response.headers.update(failure.headers)
    return response


def check_method(method: str, allowed: tuple[str, ...]) -> None:
    """Raises the `Failure` for a method that an endpoint does not have."""
    if method not in allowed:
        names = ", ".join(allowed)
        raise Failure(405, "method_not_allowed", f"use one of: {names}", headers={"Allow": names})


def _response(body: bytes, status: int) -> flask.Response:
    response = flask.Response(body, status=status, content_type=CONTENT_TYPE)
    response.headers.update(SECURITY_HEADERS)
    return response


def redirect(url: str) -> flask.Response:
    """302, without a body. `url` is never one that a request brought."""
    response = _response(b"", 302)
    response.headers["Location"] = url
    return response


def image_response(data: bytes, content_type: str) -> flask.Response:
    """A picture that is to be asked for anew at each open: what Gmail's proxy honours is not `no-store`."""
    response = _response(data, 200)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = "private, no-cache, max-age=0"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def cacheable(
    request: flask.Request, data: bytes, *, content_type: str, cache_control: str
) -> flask.Response:
    """What is the same for everybody, and may be kept as `cache_control` says: 304 to who has it already."""
    response = _response(data, 200)
    response.headers["Content-Type"] = content_type
    response.headers["Cache-Control"] = cache_control
    response.set_etag(hashlib.sha256(data).hexdigest()[:32])
    response.make_conditional(request)
    return response
