"""Whose email a request comes from: the token `t` of its URL."""

from __future__ import annotations

import flask

from evermail.tokens import InvalidToken, Purpose, Recipient, TokenSigner
from functions.responses import Failure


def recipient_of(request: flask.Request, signer: TokenSigner, purpose: Purpose) -> Recipient:
    """The recipient that the token names. Raises `Failure`: 400 without a token, 401 for one that is not
    valid, has expired, or is for another purpose."""
    token = request.args.get("t")
    if not token:
        raise Failure(400, "token_missing", "the parameter t is required")
    try:
        return signer.verify(token, purpose=purpose)
    except InvalidToken as error:
        expired = error.reason == "expired"
        raise Failure(
            401,
            "token_expired" if expired else "token_invalid",
            "the link has expired" if expired else "the link is not valid",
            headers={"WWW-Authenticate": 'Bearer realm="evermail", error="invalid_token"'},
        ) from None
