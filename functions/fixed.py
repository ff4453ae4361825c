"""A file that everybody may have, and keep for an hour: its ETag then tells whether there is a new one."""

from __future__ import annotations

from collections.abc import Mapping

import flask

from functions.logs import RequestLog
from functions.responses import cacheable, check_method

MAX_AGE_S = 3600

_METHODS = ("GET", "HEAD")


class Fixed:
    """The handler. `headers` are further ones."""

    def __init__(self, data: bytes, content_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._data = data
        self._content_type = content_type
        self._headers = dict(headers or {})

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Everybody: a page with `integrity` on its script element, or one that shows it, asks with CORS."""
        return {"Access-Control-Allow-Origin": "*"}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        kept = f"public, max-age={MAX_AGE_S}"
        response = cacheable(request, self._data, content_type=self._content_type, cache_control=kept)
        response.headers.update(self._headers)
        return response
