"""Which server calls, by the secret that it shows: `Authorization: Bearer SECRET`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
from collections.abc import Mapping

import flask

from functions.rate_limit import RateLimit
from functions.responses import Failure

FAILURES_PER_MINUTE = 10
"""Of one instance. What is beyond it is answered without a word in the audit log, which nobody is to flood.
Who shows a true secret is never held up: none can be guessed, and guesses of others must delay no erasure."""

_REALM = 'Bearer realm="evermail privacy"'


class Secrets:
    """Secrets by the names of their owners. `basic` takes one as the user name of Basic authentication as
    well, whatever its password. Safe to share between threads."""

    def __init__(self, secrets: Mapping[str, str], *, basic: bool = False) -> None:
        self._digests = {name: _digest(secret.encode()) for name, secret in secrets.items()}
        self._basic = basic

    def owner(self, request: flask.Request) -> str | None:
        """Whose secret a request shows; None for nobody's."""
        given = _digest(self.shown(request))
        # Each is compared, whole: the time it takes tells neither which one nor how much of it was right.
        found = [name for name, digest in self._digests.items() if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    def shown(self, request: flask.Request) -> bytes:
        """What a request shows for a secret; empty where it shows none."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        sent = value.encode("latin-1", "replace").strip()  # a header comes as the letters of its bytes
        if scheme.lower() == "bearer":
            return sent
        return _user_name(sent) if self._basic and scheme.lower() == "basic" else b""


class Callers:
    """Knows callers by their secrets. Safe to share between threads."""

    def __init__(self, secrets: Mapping[str, str], limit: RateLimit | None = None) -> None:
        self._secrets = Secrets(secrets)
        self._failures = limit or RateLimit(FAILURES_PER_MINUTE, burst=FAILURES_PER_MINUTE)

    def of(self, request: flask.Request) -> str:
        """The name of the caller. Raises `Failure`: 401, or 429 where there were too many of those."""
        owner = self._secrets.owner(request)
        if owner is not None:
            return owner
        wait_s = self._failures.wait_s("failures")
        if wait_s > 0.0:
            raise Failure(
                429,
                "too_many_requests",
                "too many requests without a valid secret",
                headers={"Retry-After": str(math.ceil(wait_s))},
            )
        if not self._secrets.shown(request):
            raise Failure(
                401,
                "authorization_missing",
                "send Authorization: Bearer and a secret",
                headers={"WWW-Authenticate": _REALM},
            )
        raise Failure(
            401,
            "authorization_invalid",
            "the secret is not valid",
            headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
        )


def _user_name(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[0]
    except binascii.Error:
        return b""


def _digest(secret: bytes) -> bytes:
    """All of one length, whatever is sent."""
    return hashlib.sha256(secret).digest()
