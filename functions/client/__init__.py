"""`GET`: the client for a shop's pages, `evermail.js`, which sends their events to `collect`.

A browser may keep it for an hour; after that it asks, by the ETag, whether there is a new one. Any site may
load it: there is nothing in it but code.

    200  the client
    304  the browser has it
    405  method_not_allowed
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import flask

from functions.entry import Handler
from functions.logs import RequestLog
from functions.responses import SECURITY_HEADERS, check_method

SCRIPT = Path(__file__).with_name("evermail.js")
MAX_AGE_S = 3600

_METHODS = ("GET", "HEAD")
_HEADERS = {
    **SECURITY_HEADERS,
    "Cache-Control": f"public, max-age={MAX_AGE_S}",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def create_evermail_js() -> Handler:
    """The handler. Raises `OSError` when the file is not there."""
    return _Script(SCRIPT.read_bytes())


class _Script:
    def __init__(self, script: bytes) -> None:
        self._script = script
        self._etag = hashlib.sha256(script).hexdigest()[:32]

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Everybody: a page with `integrity` on its script element has to ask with CORS."""
        return {"Access-Control-Allow-Origin": "*"}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        response = flask.Response(self._script, content_type="text/javascript; charset=utf-8")
        response.headers.update(_HEADERS)
        response.set_etag(self._etag)
        response.make_conditional(request)
        return response
