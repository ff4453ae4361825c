"""`GET`: what the endpoints take and answer, as one OpenAPI 3.1 document.

    200  the document
    304  the caller has it, by its ETag
    405  method_not_allowed

It is written by hand: `document.json` has what all endpoints share, and `paths/` a file for each, named as
its path (assembly.py says what a file may leave out). Tests hold it against the code, and the other way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import flask

from functions.entry import Handler
from functions.logs import RequestLog
from functions.openapi import assembly
from functions.responses import SECURITY_HEADERS, check_method

MAX_AGE_S = 3600

_METHODS = ("GET", "HEAD")
_HEADERS = {**SECURITY_HEADERS, "Cache-Control": f"public, max-age={MAX_AGE_S}"}


def create_openapi() -> Handler:
    """The handler. Raises `OSError` when a file is not there."""
    return _Document(assembly.to_json(assembly.assemble()))


class _Document:
    def __init__(self, document: bytes) -> None:
        self._document = document
        self._etag = hashlib.sha256(document).hexdigest()[:32]

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Everybody, so that a page can show it."""
        return {"Access-Control-Allow-Origin": "*"}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        check_method(request.method, _METHODS)
        response = flask.Response(self._document, content_type="application/json; charset=utf-8")
        response.headers.update(_HEADERS)
        response.set_etag(self._etag)
        response.make_conditional(request)
        return response
