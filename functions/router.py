"""All endpoints in one: a path for each, for one machine, small shops and tests.

In the cloud each may as well be a function of its own, which scales by itself and is given only the secrets
that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import flask

from functions.entry import endpoint
from functions.logs import RequestLog
from functions.responses import Failure

Endpoint = Callable[[flask.Request], flask.Response]


def route(name: str, endpoints: Mapping[str, Endpoint]) -> Endpoint:
    """The endpoint that leads each request to the one that its path names; a slash at the end does no harm.

    `name` is what the log calls requests for any other path, which are answered 404 `not_found`.
    """
    nowhere = endpoint(name, _Nowhere)

    def respond(request: flask.Request) -> flask.Response:
        return endpoints.get(request.path.strip("/"), nowhere)(request)

    return respond


class _Nowhere:
    def admit(self, request: flask.Request) -> Mapping[str, str]:
        return {}

    def answer(self, request: flask.Request, log: RequestLog) -> flask.Response:
        raise Failure(404, "not_found", "there is nothing here: /openapi.json says what there is")
