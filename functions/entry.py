"""The way every request takes: prepared handler, CORS, answer, one line in the log.

Whatever goes wrong on the way becomes coded JSON; no stack trace and no exception's text leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import flask
from werkzeug.exceptions import HTTPException

from functions.logs import RequestLog
from functions.responses import Failure, error_response
from functions.settings import SettingsError

_CHUNK_BYTES = 64 * 1024
_DRAINED_BYTES = 1024 * 1024
"""Of what is left of a body, so much is read for the sake of the client; then the connection ends."""


class Handler(Protocol):
    """One endpoint. Both methods raise `Failure` for an answer that is an error."""

    def admit(self, request: flask.Request) -> Mapping[str, str]:
        """Whether the request's origin may read our answers: the CORS headers, for errors too."""
        ...

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        """The answer to a request that was admitted."""
        ...


def endpoint(name: str, prepare: Callable[[], Handler]) -> Callable[[flask.Request], flask.Response]:
    """The function that a framework calls. `prepare` returns the handler: from settings, once."""

    def respond(request: flask.Request) -> flask.Response:
        log = RequestLog(name, request)
        cors: Mapping[str, str] = {}
        try:
            handler = prepare()
            cors = handler.admit(request)
            response = handler.answer(request, log)
        except Failure as failure:
            log.add(code=failure.code)
            response = error_response(failure)
        except SettingsError as error:
            log.add(code="not_configured", detail=str(error))
            response = error_response(Failure(500, "not_configured", "this function is not configured"))
        except Exception as error:
            log.add(code="internal_error")
            log.add_exception(error)
            response = error_response(Failure(500, "internal_error", "something went wrong on our side"))
        response.headers.update(cors)
        response.headers["X-Request-Id"] = log.request_id
        if not _drained(request):
            response.headers["Connection"] = "close"
        log.finish(response.status_code)
        return response

    return respond


def harden(app: flask.Flask) -> None:
    """Makes the framework's own answers follow our rules: JSON errors, and no redirect.

    Without it, `//` in a path is answered with a redirect (Gmail fails on any), paths that the framework
    refuses with HTML, and a crash outside a function with the text of its exception.
    """
    app.url_map.merge_slashes = False

    def as_json(error: HTTPException) -> flask.Response:
        status = error.code if error.code and error.code >= 400 else 500
        code = "internal_error" if status >= 500 else error.name.lower().replace(" ", "_")
        return error_response(Failure(status, code, error.name))

    app.register_error_handler(HTTPException, as_json)
    app.register_error_handler(500, as_json)


def _drained(request: flask.Request) -> bool:
    """Reads and drops what is left of the body, within bounds; whether that was all of it.

    The framework would read it too before it answers, all of it, and keep it in memory: it is told that there
    is none.
    """
    left = _DRAINED_BYTES
    try:
        while left > 0 and (chunk := request.stream.read(_CHUNK_BYTES)):
            left -= len(chunk)
    except (OSError, HTTPException):
        left = 0  # the client has gone
    if left <= 0:
        request._cached_data = b""
    return left > 0
