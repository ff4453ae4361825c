"""Recipient tokens: what is accepted, and what they give away."""

from __future__ import annotations

import contextlib
import hashlib
import re
import string
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous.timed import TimestampSigner

from evermail import clock
from evermail.tokens import (
    DEFAULT_MAX_AGE_US,
    MAX_AGE_US,
    InvalidToken,
    Issued,
    Purpose,
    Recipient,
    TokenSigner,
)

NOW = 1_795_489_200 * clock.SECOND
KEY, OLD_KEY, FOREIGN_KEY = "the-current-key-of-us", "an-older-key-of-ours", "somebody-elses-key!!"
ANN = Recipient(shopper="k1.AAAAAAAAAAAAAAAAAAAAAA", campaign="black-friday")


def signer(keys: Sequence[str] = (KEY,), *, now_us: int = NOW) -> TokenSigner:
    return TokenSigner(keys, clock=lambda: now_us)


def verify(token: str, **options: int) -> Recipient:
    return signer().verify(token, purpose="open", **options)


def refused(token: str, **options: int) -> str:
    with pytest.raises(InvalidToken) as caught:
        verify(token, **options)
    assert str(caught.value) == caught.value.reason
    return caught.value.reason


TOKEN = signer().sign(ANN, purpose="open")


@given(st.builds(Recipient, st.text(max_size=30), st.text(max_size=30), st.sampled_from(["user", "client"])))
def test_a_token_says_whom_and_what_it_was_signed_for(recipient: Recipient) -> None:
    token = signer().sign(recipient, purpose="open")
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert verify(token) == recipient


def test_a_token_is_for_one_purpose() -> None:
    assert refused(signer().sign(ANN, purpose="unsubscribe")) == "forged"


@pytest.mark.parametrize("signed_for", Purpose)
@pytest.mark.parametrize("used_for", Purpose)
def test_no_purpose_stands_for_another(signed_for: Purpose, used_for: Purpose) -> None:
    token = signer().sign(ANN, purpose=signed_for)
    if used_for is signed_for:
        assert signer().verify(token, purpose=used_for) == ANN
    else:
        with pytest.raises(InvalidToken, match="forged"):
            signer().verify(token, purpose=used_for)


@pytest.mark.parametrize("purpose", Purpose)
def test_each_purpose_has_its_time(purpose: Purpose) -> None:
    most_us = MAX_AGE_US.get(purpose, DEFAULT_MAX_AGE_US)
    old = signer(now_us=NOW - most_us).sign(ANN, purpose=purpose)
    older = signer(now_us=NOW - most_us - clock.SECOND).sign(ANN, purpose=purpose)
    assert signer().verify(old, purpose=purpose) == ANN
    with pytest.raises(InvalidToken, match="expired"):
        signer().verify(older, purpose=purpose)


def test_one_may_leave_longer_than_one_may_read() -> None:
    assert MAX_AGE_US[Purpose.UNSUBSCRIBE] > DEFAULT_MAX_AGE_US


def test_a_token_of_somebody_else_is_forged() -> None:
    assert refused(signer([FOREIGN_KEY]).sign(ANN, purpose="open")) == "forged"


def test_keys_rotate() -> None:
    before, during, after = signer([OLD_KEY]), signer([OLD_KEY, KEY]), signer([KEY])
    old, new = before.sign(ANN, purpose="open"), during.sign(ANN, purpose="open")
    assert during.verify(old, purpose="open") == during.verify(new, purpose="open") == ANN
    assert after.verify(new, purpose="open") == ANN
    for one, token in [(before, new), (after, old)]:
        with pytest.raises(InvalidToken, match="forged"):
            one.verify(token, purpose="open")


@pytest.mark.parametrize("keys", [[], [""], ["short"], [KEY, "x" * 15]])
def test_keys_that_could_be_guessed_are_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        signer(keys)


# Age


@pytest.mark.parametrize("age_us", [0, clock.DAY, DEFAULT_MAX_AGE_US, -clock.HOUR, -clock.DAY])
def test_a_token_works_for_thirty_days_and_on_a_clock_a_day_slow(age_us: int) -> None:
    assert verify(signer(now_us=NOW - age_us).sign(ANN, purpose="open")) == ANN


@pytest.mark.parametrize(
    "age_us", [DEFAULT_MAX_AGE_US + clock.SECOND, -clock.DAY - clock.SECOND, 40 * 365 * clock.DAY]
)
def test_then_it_has_expired(age_us: int) -> None:
    assert refused(signer(now_us=NOW - age_us).sign(ANN, purpose="open")) == "expired"


def test_a_caller_may_want_it_fresher() -> None:
    token = signer(now_us=NOW - clock.MINUTE).sign(ANN, purpose="open")
    assert verify(token, max_age_us=clock.MINUTE) == ANN
    assert refused(token, max_age_us=clock.MINUTE - 1) == "expired"


@given(age_s=st.integers(0, 29 * 86_400))
def test_a_token_that_is_made_of_another_is_as_old(age_s: int) -> None:
    old = signer(now_us=NOW - age_s * clock.SECOND).sign(ANN, purpose="open")
    issued = signer().read(old, purpose="open")
    assert issued == Issued(ANN, NOW // clock.SECOND - age_s)
    made = signer().sign(ANN, purpose="slots", issued_at=issued.issued_at)
    assert signer().read(made, purpose="slots") == issued


# Tampering

ALPHABET = string.ascii_letters + string.digits + "-_.=+/ !\n\0"


def test_there_is_one_spelling_of_a_token() -> None:
    accepted = []
    for at, original in enumerate(TOKEN):
        for character in ALPHABET:
            if character == original:
                continue
            tampered = TOKEN[:at] + character + TOKEN[at + 1 :]
            with contextlib.suppress(InvalidToken):
                accepted.append((at, character, verify(tampered)))
    assert accepted == []


@pytest.mark.parametrize("added", ["=", "==", ".", " ", "\n", "A", "!", "\0", "%3D"])
@pytest.mark.parametrize("at", [0, 10, len(TOKEN) - 20, len(TOKEN)])
def test_nothing_can_be_added(added: str, at: int) -> None:
    assert refused(TOKEN[:at] + added + TOKEN[at:]) == "forged"


@pytest.mark.parametrize("length", range(len(TOKEN)))
def test_nothing_can_be_cut_off(length: int) -> None:
    assert refused(TOKEN[:length]) in ("malformed", "forged")


def test_parts_of_two_tokens_make_none() -> None:
    other = signer(now_us=NOW - clock.DAY).sign(Recipient("k1.BBBB", "other"), purpose="open")
    (payload, time, signature), (payload2, time2, signature2) = TOKEN.rsplit(".", 2), other.rsplit(".", 2)
    for mixed in [
        (payload2, time, signature),
        (payload, time2, signature),
        (payload, time, signature2),
        (payload2, time2, signature),
    ]:
        assert refused(".".join(mixed)) == "forged"


@given(st.text(max_size=700) | st.text("abcXYZ09-_.=", max_size=200))
def test_no_text_passes_for_a_token(text: str) -> None:
    assert refused(text) in ("malformed", "forged")


@pytest.mark.parametrize(
    "payload", [b"", b"!", b"e30", b"WzFd", b"WyJhIiwxXQ", b".eJw", b"WyJhIiwiYiIsImMiXQ"]
)
def test_signed_by_us_but_saying_something_else_is_malformed(payload: bytes) -> None:
    class Signer(TimestampSigner):
        def get_timestamp(self) -> int:
            return NOW // clock.SECOND

    foreign = Signer(KEY, salt="evermail.open", key_derivation="hmac", digest_method=hashlib.sha256)
    assert refused(foreign.sign(payload).decode()) == "malformed"


def test_a_recipient_that_could_not_be_verified_is_not_signed() -> None:
    with pytest.raises(ValueError, match="512"):
        signer().sign(Recipient("k1.x", "".join(chr(0x4E00 + n) for n in range(200))), purpose="open")
