"""What every page of this machine does: answers only those who mean it, and says how browsers may use it."""

from __future__ import annotations

import flask

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

_HERE = {"127.0.0.1", "localhost", "[::1]"}


def refuse_other_hosts(app: flask.Flask) -> None:
    """Refuses requests for any other host: a name that somebody has led to this machine would let the pages
    of that name read what is here. Sets the headers of every answer, but for those it has already."""

    @app.before_request
    def here_only() -> flask.typing.ResponseReturnValue | None:
        host = flask.request.host
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if name in _HERE:
            return None
        return {"error": {"code": "other_host", "message": "this page is for this machine only"}}, 421

    @app.after_request
    def finish(response: flask.Response) -> flask.Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
        headers.setdefault("Cache-Control", "no-store")
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        return response
