"""Recipient tokens: how an email names a person.

A token travels in the URLs of an email, so everybody who sees the email's source sees it. It is
signed, limited to one purpose and one campaign, expires, and contains a pseudonym rather than
an identifier (see `evermail.pseudonyms`). Keys rotate: the newest signs, all of them verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Literal

import msgspec
from itsdangerous import BadData, BadSignature, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from evermail import clock

DEFAULT_MAX_AGE_US = 30 * clock.DAY
"""Gmail treats the AMP part of an email as usable for 30 days after receipt."""

MAX_TOKEN_CHARS = 512


class Purpose(StrEnum):
    """What a token of an email may be used for, and for nothing else: who finds one can do this much."""

    RECOMMENDATIONS = "recommendations"
    """Read what the email shows."""
    SLOTS = "slots"
    """See the picture of a slot and follow its link: in the HTML part, which people forward."""
    ACTIONS = "actions"
    """Wish for an item, say what one thinks of it."""
    UNSUBSCRIBE = "unsubscribe"


MAX_AGE_US: dict[str, int] = {Purpose.UNSUBSCRIBE: 400 * clock.DAY}
"""Where it is not `DEFAULT_MAX_AGE_US`: who finds an old email must still be able to leave."""


class InvalidToken(Exception):
    """A token that must not be accepted. `reason` is one of: malformed, forged, expired."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Recipient(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Who an email went to, and in which campaign."""

    shopper: str
    campaign: str
    kind: Literal["user", "client"] = "user"
    """Whether the pseudonym is that of a `user_id` or of a `client_id`."""


class Issued(msgspec.Struct, frozen=True):
    """What a token says. `issued_at`, from which its age counts, is in whole seconds since the Unix epoch."""

    recipient: Recipient
    issued_at: int


class TokenSigner:
    """Makes and checks recipient tokens.

    `keys` are secrets of at least 16 bytes, oldest first: the last one signs, all verify, so a key
    can be rotated without invalidating emails that are already delivered.
    """

    def __init__(self, keys: Sequence[str], *, clock: clock.Clock = clock.now_us) -> None:
        if not keys or any(len(key.encode()) < 16 for key in keys):
            raise ValueError("token keys: give at least one, each of 16 bytes or more")
        self._keys = list(keys)
        self._clock = clock
        self._serializers: dict[str, URLSafeTimedSerializer] = {}

    def sign(self, recipient: Recipient, *, purpose: str, issued_at: int | None = None) -> str:
        """A token of base64url characters and dots. `purpose` is what it may be used for.

        `issued_at`, in whole seconds since the Unix epoch, is now unless it is given: a token that is made of
        another one has the time of that one, so that nobody prolongs what they hold.

        Raises `ValueError` for a recipient with names so long that `verify` would refuse the token.
        """
        serializer = self._serializer(purpose)
        signer = _Signer(serializer.secret_keys, serializer.salt, **serializer.signer_kwargs)
        signer.issued_at = self._clock() // clock.SECOND if issued_at is None else issued_at
        token = signer.sign(serializer.dump_payload(msgspec.to_builtins(recipient))).decode()
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError(f"shopper and campaign make a token of more than {MAX_TOKEN_CHARS} characters")
        return token

    def verify(self, token: str, *, purpose: str, max_age_us: int | None = None) -> Recipient:
        """The recipient of a token that is no older than `max_age_us`, by default what its purpose allows.
        Raises `InvalidToken`."""
        return self.read(token, purpose=purpose, max_age_us=max_age_us).recipient

    def read(self, token: str, *, purpose: str, max_age_us: int | None = None) -> Issued:
        """The same with the time of the token, for others to be made of it. Raises `InvalidToken`."""
        if not token or len(token) > MAX_TOKEN_CHARS or not token.isascii():
            raise InvalidToken("malformed")
        if not _is_canonical(token.rpartition(".")[2]):
            raise InvalidToken("forged")
        try:
            payload, signed_at = self._serializer(purpose).loads(token, return_timestamp=True)
        except BadSignature:
            raise InvalidToken("forged") from None
        except BadData:  # rightly signed, but not by `sign`
            raise InvalidToken("malformed") from None
        if max_age_us is None:
            max_age_us = MAX_AGE_US.get(purpose, DEFAULT_MAX_AGE_US)
        issued_us = clock.from_datetime(signed_at)
        age_us = self._clock() - issued_us
        if age_us > max_age_us or age_us < -clock.DAY:
            raise InvalidToken("expired")
        try:
            return Issued(msgspec.convert(payload, Recipient), issued_us // clock.SECOND)
        except msgspec.ValidationError:
            raise InvalidToken("malformed") from None

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        serializer = self._serializers.get(purpose)
        if serializer is None:
            serializer = self._serializers[purpose] = URLSafeTimedSerializer(
                self._keys,
                salt=f"evermail.{purpose}",
                signer=_Signer,
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
        return serializer


class _Signer(TimestampSigner):
    """Signs with the time that it is told."""

    issued_at = 0

    def get_timestamp(self) -> int:
        return self.issued_at


def _is_canonical(signature: str) -> bool:
    """Whether this is the one way to write these bytes. Base64 ignores the last bits of the last character,
    padding, and characters of no alphabet; what was signed once must not have several spellings."""
    try:
        signed = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(signed).decode().rstrip("=") == signature
