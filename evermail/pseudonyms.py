"""What people are called once their identifiers are gone: keyed digests, so that what is stored names nobody.

A pseudonym is still personal data to whoever holds the secret; destroying the secret cuts that tie for good.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping

_FORM = re.compile(r"([A-Za-z0-9_-]{1,16})\.[A-Za-z0-9_-]{22}")


class Pseudonymizer:
    """Replaces identifiers by keyed HMAC-SHA256 digests.

    `keys` maps key ids to secrets, oldest first; `current` makes new pseudonyms. A pseudonym begins with
    its key id: `k1.` and 22 base64url characters (128 bits, as NIST SP 800-107 allows for truncation).
    """

    def __init__(self, keys: Mapping[str, str], current: str) -> None:
        if any(len(secret.encode()) < 16 for secret in keys.values()):
            raise ValueError("pseudonym keys: each has 16 bytes or more")  # a guessable one hides nobody
        if current not in keys:
            raise ValueError(f"pseudonym key {current!r} is not among the keys: {', '.join(keys) or 'none'}")
        self._keys = {key_id: _begun(secret.encode()) for key_id, secret in keys.items()}
        self._current = current
        self._others = [key_id for key_id in reversed(self._keys) if key_id != current]

    def pseudonym(self, kind: str, identifier: str, *, key_id: str | None = None) -> str:
        """The pseudonym of an identifier. `kind` (`user`, `client`, `email`) keeps namespaces apart."""
        key_id = key_id or self._current
        inner, outer = self._keys[key_id]
        inner, outer = inner.copy(), outer.copy()
        inner.update(f"{kind}\x00{identifier}".encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return f"{key_id}.{base64.urlsafe_b64encode(outer.digest()[:16])[:22].decode()}"

    def aliases(self, kind: str, identifier: str | None) -> tuple[str, ...]:
        """What the same identifier is called under the other keys, newest first; nothing for none."""
        if not self._others or not identifier:
            return ()
        return tuple([self.pseudonym(kind, identifier, key_id=key_id) for key_id in self._others])

    def knows(self, text: str) -> bool:
        """Whether a text has the form of a pseudonym, made with one of our keys."""
        return key_id_of(text) in self._keys


def _begun(secret: bytes) -> tuple[hashlib._Hash, hashlib._Hash]:
    """The inner and the outer hash of HMAC-SHA256 (RFC 2104) once they have taken their blocks of the secret:
    what is copied for each identifier. A begun `hmac.HMAC` is no more than that, and slower to copy."""
    block = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    inner, outer = (bytes([byte ^ pad for byte in block]) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)


def key_id_of(text: str) -> str | None:
    """The id of the key that a pseudonym was made with; None for what is no pseudonym."""
    form = _FORM.fullmatch(text)
    return form[1] if form else None
