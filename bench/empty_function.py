"""The least a function can do, to measure others against."""

from __future__ import annotations

import flask
import functions_framework


@functions_framework.http
def empty(request: flask.Request) -> flask.Response:
    """Answers with an empty object."""
    return flask.Response(b"{}", content_type="application/json")
