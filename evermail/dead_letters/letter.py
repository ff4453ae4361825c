"""A dead letter: what was refused and why, as JSON on a topic of its own."""

from __future__ import annotations

from enum import StrEnum
from hashlib import sha256

import msgspec

from evermail.dead_letters.replayed import OURS
from evermail.dead_letters.seal import Original, Seal, Seals, Unsealable, framed, short
from evermail.events import Code, Rejected

MAX_ORIGINAL_BYTES = 6_000_000
"""Pub/Sub takes 10 MB a message and base64 adds a third; a larger one would fail to be published for ever.
No event is a hundredth of that: such a message was never one."""


class Form(StrEnum):
    """What an original is."""

    SEALED = "sealed"
    """A message as it came, encrypted: see `evermail.dead_letters.seal`."""
    PSEUDONYMIZED = "pseudonymized"
    """In the clear, with pseudonyms for identifiers: an event of a later stage, or a document."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """Times are microseconds since the epoch. `data` and `attributes` are the original's, in its form."""

    id: str
    """The same for all letters of one message: a digest of stage, code and original (96 bits, base64url)."""
    stage: str
    code: Code
    message: str
    pipeline_version: str
    first_seen: int
    """When it was first refused."""
    received_at: int
    """When Pub/Sub first took the message; 0 if that is not known."""
    attempts: int
    """How often it was tried, replays included."""
    form: Form
    data: bytes
    attributes: dict[str, str] = {}
    key_id: str = ""
    """The pseudonym key whose secret opens a sealed original."""
    cut: bool = False
    """Whether only the first `MAX_ORIGINAL_BYTES` of the original are here."""

    def original(self, seals: Seals | None) -> Original:
        """Data and attributes of the message. Raises `Unsealable`."""
        if self.form is Form.PSEUDONYMIZED:
            return self.data, self.attributes
        if seals is None:
            raise Unsealable(f"it is sealed with key {self.key_id}: say with --keys where its secret is")
        return seals.of(self.key_id).open(self.data, _context(self.stage, self.code, self.id))


def seal(rejected: Rejected, seal: Seal) -> Rejected:
    """The same with its original sealed. Whatever data and attributes are, this does not raise."""
    rejected = cut(rejected)
    original = rejected.data, _own(rejected.attributes)
    letter_id = seal.letter_id(rejected.stage, rejected.code, original)
    return msgspec.structs.replace(
        rejected,
        data=seal.close(original, _context(rejected.stage, rejected.code, letter_id)),
        attributes={},
        key_id=seal.key_id,
        letter_id=letter_id,
    )


def letter_of(rejected: Rejected) -> Letter:
    """The letter for a refused input. What is not sealed has to have pseudonyms for identifiers."""
    if not rejected.key_id:
        rejected = cut(rejected)
    original = rejected.data, rejected.attributes
    digest = sha256(framed(rejected.stage, rejected.code, original)).digest()
    return Letter(
        id=rejected.letter_id or short(digest),
        stage=rejected.stage,
        code=rejected.code,
        message=rejected.message,
        pipeline_version=rejected.pipeline_version,
        first_seen=rejected.first_seen,
        received_at=rejected.received_at,
        attempts=rejected.attempts,
        form=Form.SEALED if rejected.key_id else Form.PSEUDONYMIZED,
        data=rejected.data,
        attributes=rejected.attributes,
        key_id=rejected.key_id,
        cut=rejected.cut,
    )


def cut(rejected: Rejected) -> Rejected:
    """An original that no message could carry is cut, and that is said."""
    size = len(rejected.data)
    if size <= MAX_ORIGINAL_BYTES:
        return rejected
    return msgspec.structs.replace(
        rejected,
        data=rejected.data[:MAX_ORIGINAL_BYTES],
        message=f"{rejected.message} (here are the first {MAX_ORIGINAL_BYTES} of {size} bytes)",
        cut=True,
    )


def to_json(letter: Letter) -> bytes:
    """One line."""
    return _ENCODER.encode(letter)


def from_json(data: bytes | str) -> Letter:
    """Raises `msgspec.DecodeError` when it is none."""
    return _DECODER.decode(data)


def _own(attributes: dict[str, str]) -> dict[str, str]:
    """The attributes as the sender gave them, as text that can be encoded: without what a replay adds, which
    the letter says itself, so that a message refused again has the same letter."""
    return {_text(name): _text(value) for name, value in attributes.items() if name not in OURS}


def _text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()


def _context(stage: str, code: str, letter_id: str) -> str:
    return f"{stage} {code} {letter_id}"


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Letter)
