"""What all endpoints have in common that the AMP part of an email calls."""

from __future__ import annotations

from collections.abc import Mapping

import flask

from functions import amp_cors
from functions.amp_cors import TrustedSenders
from functions.responses import Failure, no_content


def admit(request: flask.Request, senders: TrustedSenders) -> Mapping[str, str]:
    """The CORS headers for an email of a trusted sender. Raises `Failure` for any other."""
    decision = amp_cors.decide(
        sender=request.headers.get(amp_cors.SENDER_HEADER),
        origin=request.headers.get("Origin"),
        source_origin=request.args.get(amp_cors.SOURCE_ORIGIN_PARAMETER),
        trusted=senders,
    )
    if isinstance(decision, amp_cors.Denied):
        raise Failure(decision.status, decision.code, decision.message, headers=decision.headers)
    return decision.headers


def preflight(methods: str) -> flask.Response:
    """The answer to OPTIONS; `methods` as in `GET, HEAD`."""
    return no_content(
        {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": amp_cors.SENDER_HEADER,
            "Access-Control-Max-Age": "600",
        }
    )
