"""Recipient tokens and pseudonyms: how an email and a stored document name a person.

A token travels in the URLs of an email, so everybody who sees the email's source sees it. It is
signed, limited to one purpose and one campaign, expires, and contains a pseudonym rather than
an identifier. Keys rotate: the newest signs, all of them verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence

import msgspec
from itsdangerous import BadData, BadSignature, URLSafeTimedSerializer
from itsdangerous.timed import TimestampSigner

from evermail import clock

DEFAULT_MAX_AGE_US = 30 * clock.DAY
"""Gmail treats the AMP part of an email as usable for 30 days after receipt."""

MAX_TOKEN_CHARS = 512


class InvalidToken(Exception):
    """A token that must not be accepted. `reason` is one of: malformed, forged, expired."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Recipient(msgspec.Struct, frozen=True):
    """Who an email went to, and in which campaign."""

    shopper: str
    campaign: str


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

    def sign(self, recipient: Recipient, *, purpose: str) -> str:
        """A token of base64url characters and dots. `purpose` is what it may be used for.

        Raises `ValueError` for a recipient with names so long that `verify` would refuse the token.
        """
        payload = [recipient.shopper, recipient.campaign]
        signed = self._serializer(purpose).dumps(payload)
        token = signed if isinstance(signed, str) else signed.decode()
        if len(token) > MAX_TOKEN_CHARS:
            raise ValueError(f"shopper and campaign make a token of more than {MAX_TOKEN_CHARS} characters")
        return token

    def verify(self, token: str, *, purpose: str, max_age_us: int = DEFAULT_MAX_AGE_US) -> Recipient:
        """The recipient of a token. Raises `InvalidToken`."""
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
        age_us = self._clock() - clock.from_datetime(signed_at)
        if age_us > max_age_us or age_us < -clock.DAY:
            raise InvalidToken("expired")
        try:
            shopper, campaign = msgspec.convert(payload, tuple[str, str])
        except msgspec.ValidationError:
            raise InvalidToken("malformed") from None
        return Recipient(shopper=shopper, campaign=campaign)

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        serializer = self._serializers.get(purpose)
        if serializer is None:
            read_clock = self._clock

            class Signer(TimestampSigner):
                def get_timestamp(self) -> int:
                    return read_clock() // clock.SECOND

            serializer = self._serializers[purpose] = URLSafeTimedSerializer(
                self._keys,
                salt=f"evermail.{purpose}",
                signer=Signer,
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
        return serializer


def _is_canonical(signature: str) -> bool:
    """Whether this is the one way to write these bytes. Base64 ignores the last bits of the last character,
    padding, and characters of no alphabet; what was signed once must not have several spellings."""
    try:
        signed = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except binascii.Error:
        return False
    return base64.urlsafe_b64encode(signed).decode().rstrip("=") == signature


class Pseudonymizer:
    """Replaces identifiers by keyed HMAC-SHA256 digests, so that what is stored names nobody.

    `keys` maps key ids to secrets; `current` makes new pseudonyms. A pseudonym begins with
    its key id: `k1.` and 22 base64url characters (128 bits, as NIST SP 800-107 allows for truncation).
    """

    def __init__(self, keys: Mapping[str, str], current: str) -> None:
        if any(len(secret.encode()) < 16 for secret in keys.values()):
            raise ValueError("pseudonym keys: each has 16 bytes or more")  # a guessable one hides nobody
        if current not in keys:
            raise ValueError(f"pseudonym key {current!r} is not among the keys: {', '.join(keys) or 'none'}")
        self._keys = {key_id: secret.encode() for key_id, secret in keys.items()}
        self._current = current

    def pseudonym(self, kind: str, identifier: str, *, key_id: str | None = None) -> str:
        """The pseudonym of an identifier. `kind` (`user`, `client`, `email`) keeps namespaces apart."""
        key_id = key_id or self._current
        message = f"{kind}\x00{identifier}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._keys[key_id], message, "sha256")[:16]
        return f"{key_id}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
