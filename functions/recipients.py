"""Whose email a request comes from: the token `t` of its URL, and how often that may ask."""

from __future__ import annotations

import math

import flask

from evermail.tokens import InvalidToken, Issued, Purpose, Recipient, TokenSigner
from functions.rate_limit import RateLimit
from functions.responses import Failure


class Recipients:
    """Reads the tokens of one purpose. Safe to share between threads."""

    def __init__(self, signer: TokenSigner, purpose: Purpose, limit: RateLimit) -> None:
        self._signer = signer
        self._purpose = purpose
        self._limit = limit

    def of(self, request: flask.Request) -> Recipient:
        """The recipient that the token names. Raises `Failure`: 400 without a token, 401 for one that is not
        valid, has expired, or is for another purpose, 429 for one that asks too often."""
        return self.read(request).recipient

    def read(self, request: flask.Request) -> Issued:
        """The same with the time of the token, for others to be made of it. Raises as `of` does."""
        token = request.args.get("t")
        if not token:
            raise Failure(400, "token_missing", "the parameter t is required")
        try:
            issued = self._signer.read(token, purpose=self._purpose)
        except InvalidToken as error:
            expired = error.reason == "expired"
            raise Failure(
                401,
                "token_expired" if expired else "token_invalid",
                "the link has expired" if expired else "the link is not valid",
                headers={"WWW-Authenticate": 'Bearer realm="evermail", error="invalid_token"'},
            ) from None
        wait_s = self._limit.wait_s(issued.recipient)
        if wait_s > 0.0:
            raise Failure(
                429,
                "too_many_requests",
                "this email asks too often",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
        return issued
