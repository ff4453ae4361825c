"""Ten thousand tokens that must not be accepted, of every kind that somebody may come by or make."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable

import pytest

from evermail import clock
from evermail.tokens import DEFAULT_MAX_AGE_US, MAX_AGE_US, InvalidToken, Purpose, Recipient, TokenSigner

NOW = 1_795_489_200 * clock.SECOND
DICE = random.Random(5)
KEYS = ["an-older-key-of-ours", "the-current-key-of-us"]
OURS = TokenSigner(KEYS, clock=lambda: NOW)
EACH = 2_000


def recipient() -> Recipient:
    return Recipient(f"k1.{DICE.getrandbits(128):022x}", f"campaign-{DICE.randrange(50)}")


def good(purpose: Purpose, *, signer: TokenSigner = OURS) -> str:
    return signer.sign(recipient(), purpose=purpose)


def forged(purpose: Purpose) -> str:
    """By somebody who knows the key but for its last letter, or not at all."""
    key = KEYS[-1][:-1] + DICE.choice("abcdefgh0123456789") if DICE.random() < 0.5 else "x" * 20
    assert key not in KEYS
    return good(purpose, signer=TokenSigner([key], clock=lambda: NOW))


def truncated(purpose: Purpose) -> str:
    token = good(purpose)
    return token[: DICE.randrange(len(token))]


def expired(purpose: Purpose) -> str:
    most_us = MAX_AGE_US.get(purpose, DEFAULT_MAX_AGE_US)
    signed_us = NOW - most_us - DICE.randrange(clock.SECOND, 1_000 * clock.DAY)
    return good(purpose, signer=TokenSigner(KEYS, clock=lambda: signed_us))


def replayed(purpose: Purpose) -> str:
    return good(DICE.choice([one for one in Purpose if one is not purpose]))


def flipped(purpose: Purpose) -> str:
    token = bytearray(good(purpose).encode())
    token[DICE.randrange(len(token))] ^= 1 << DICE.randrange(7)
    return token.decode("latin-1")


@pytest.mark.parametrize("make", [forged, truncated, expired, replayed, flipped])
def test_none_is_accepted(make: Callable[[Purpose], str]) -> None:
    accepted = []
    for _ in range(EACH):
        purpose = DICE.choice(list(Purpose))
        assert OURS.verify(good(purpose), purpose=purpose)
        bad = make(purpose)
        with contextlib.suppress(InvalidToken):
            accepted.append((bad, OURS.verify(bad, purpose=purpose)))
    assert accepted == []
