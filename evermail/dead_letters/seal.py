"""The original of a refused message, readable only with the pseudonym secret.

What could not be read may hold identifiers in any shape, so there is nothing to replace them in: all of it
is encrypted, with AES-256-GCM under a key derived from the current pseudonym secret (HKDF-SHA256). Whoever
destroys that secret destroys these originals with it, in every copy, backup and subscription there is
(crypto-shredding), at the price of those letters that might still have been replayed.

Neither the nonce nor a letter's id is random: both are keyed digests of what is sealed. A bundle that the
runner tries again seals the same message to the same letter, so that two of one message are known as one, and
nobody without the secret can test a guess of what is in it. The nonce depends on all that is encrypted and
authenticated, so no two contents share one (as in SIV modes, RFC 5297 and RFC 8452): what equal nonces
would tell is that two originals are equal, which the id says anyway.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping

import msgspec

_INFO = b"evermail dead letter "
_NONCE_BYTES = 12

Original = tuple[bytes, dict[str, str]]
"""Data and attributes of a message."""


class Unsealable(Exception):
    """A seal that cannot be opened; the message says why, and shows no secret."""


class Seal:
    """Seals with the secret of one pseudonym key, and opens what was sealed with it."""

    def __init__(self, key_id: str, secret: str) -> None:
        # Imported late: most of what imports this package seals nothing.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.key_id = key_id
        self._cipher = AESGCM(_derive(secret, b"encryption"))
        self._nonce_key = _derive(secret, b"nonce")
        self._id_key = _derive(secret, b"id")

    def letter_id(self, stage: str, code: str, original: Original) -> str:
        """The id of the letter with this original: 16 base64url characters (96 bits)."""
        return short(hmac.digest(self._id_key, framed(stage, code, original), "sha256"))

    def close(self, original: Original, context: str) -> bytes:
        """`context` is authenticated with it: the seal opens only for the same."""
        plain, known = _ENCODER.encode(original), context.encode()
        nonce = hmac.digest(self._nonce_key, _ENCODER.encode((known, plain)), "sha256")[:_NONCE_BYTES]
        return nonce + self._cipher.encrypt(nonce, plain, known)

    def open(self, sealed: bytes, context: str) -> Original:
        """Raises `Unsealable`."""
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context.encode())
        except (InvalidTag, ValueError):
            raise Unsealable(
                f"the secret of key {self.key_id} does not open it: it was sealed with another, or changed"
            ) from None
        return _DECODER.decode(plain)


class Seals:
    """The seals of all keys that somebody has."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys
        self._seals: dict[str, Seal] = {}

    def of(self, key_id: str) -> Seal:
        """Raises `Unsealable` where there is no such key."""
        if key_id not in self._keys:
            known = ", ".join(self._keys) or "none"
            raise Unsealable(f"it is sealed with key {key_id}, which is not among the keys given: {known}")
        if key_id not in self._seals:
            self._seals[key_id] = Seal(key_id, self._keys[key_id])
        return self._seals[key_id]


def framed(stage: str, code: str, original: Original) -> bytes:
    """What a letter's id is a digest of, with no two meanings."""
    data, attributes = original
    return _ENCODER.encode((stage, code, data, sorted(attributes.items())))


def short(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest[:12]).decode()


def _derive(secret: str, purpose: bytes) -> bytes:
    """A key of 256 bits for one purpose, by HKDF (RFC 5869). No salt: secrets have 16 bytes or more."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=_INFO + purpose).derive(secret.encode())


_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Original] = msgspec.msgpack.Decoder(Original)
