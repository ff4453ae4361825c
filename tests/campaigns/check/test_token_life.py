"""Tokens are held against the day of sending, and against what they stand at."""

from __future__ import annotations

from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.token_life import find_in_header, signed_at_us
from evermail.tokens import Purpose, Recipient, TokenSigner
from tests.campaigns.check.good_email import KEYS, LIVE, NOW_US, codes, findings, good, tokens


@pytest.mark.parametrize("keys", [KEYS, ()])
@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-2, {"token_from_later"}),
        (0, set()),
        (7, set()),
        (8, {"token_expires_soon"}),
        (30, {"token_expires_soon"}),
        (31, {"token_expired"}),
        (341, {"token_expired", "token_expires_soon"}),
        (401, {"token_expired"}),
    ],
)
def test_age_on_the_day_of_sending(keys: tuple[str, ...], days: int, expected: set[str]) -> None:
    found = findings(good(), send_at_us=NOW_US + days * clock.DAY, token_keys=keys)
    assert codes(found) == expected


def test_a_link_to_unsubscribe_outlives_the_others() -> None:
    found = findings(good(), send_at_us=NOW_US + 31 * clock.DAY)
    assert not any("/unsubscribe" in one.what for one in found)


def test_each_token_is_told_once() -> None:
    found = findings(good(), send_at_us=NOW_US + 31 * clock.DAY)
    assert len(found) == 3  # those of recommendations, actions and slots


def test_tokens_of_other_keys_are_found() -> None:
    found = findings(good(tokens(keys=("another-key-altogether",))))
    assert codes(found) == {"token_forged"}
    assert findings(good(tokens(keys=("another-key-altogether",))), token_keys=()) == []


def test_tokens_of_an_older_key_are_good() -> None:
    assert findings(good(), token_keys=(*KEYS, "a-newer-key-that-signs")) == []


def test_a_token_that_was_cut_off_is_found() -> None:
    cut = msgspec.structs.replace(tokens(), slots=tokens().slots[:40])
    assert codes(findings(good(cut), token_keys=())) == {"token_forged"}


def test_a_token_for_something_else_is_found() -> None:
    signed = tokens()
    swapped = msgspec.structs.replace(signed, slots=signed.actions, actions=signed.slots)
    found = findings(good(swapped))
    assert codes(found) == {"token_wrong_purpose"}
    assert any("for actions, not for slots" in one.what for one in found)


def test_a_token_in_an_address_of_others_is_found() -> None:
    leak = f"https://ads.example/pixel?u={tokens().slots}"
    found = findings(msgspec.structs.replace(good(), text=good().text + leak))
    assert [(one.code, one.part, one.line) for one in found] == [("token_leaked", "text", 6)]
    assert tokens().slots not in found[0].what


@pytest.mark.parametrize("name", ["recommendations", "actions"])
def test_a_token_that_is_too_strong_to_be_forwarded_is_found(name: str) -> None:
    path = {"recommendations": "recommendations", "actions": "wishlist"}[name]
    link = f"{LIVE}/{path}?t={getattr(tokens(), name)}"
    found = findings(msgspec.structs.replace(good(), text=good().text + link))
    assert codes(found) == {"token_forwarded"}


@pytest.mark.parametrize(("name", "expected"), [("unsubscribe", set()), ("slots", {"token_wrong_purpose"})])
def test_the_token_of_list_unsubscribe_is_looked_at(name: str, expected: set[str]) -> None:
    message = EmailMessage()
    message["List-Unsubscribe"] = f"<mailto:x@y.example>, <{LIVE}/unsubscribe?t={getattr(tokens(), name)}>"
    draft = Draft(good(), NOW_US, token_keys=KEYS)
    assert codes(list(find_in_header(draft, message))) == expected


@given(st.integers(clock.from_rfc3339("2011-01-01T00:00:00Z"), clock.from_rfc3339("2099-01-01T00:00:00Z")))
def test_anybody_can_read_when_a_token_was_signed(time_us: int) -> None:
    signer = TokenSigner(KEYS, clock=clock.Stopped(time_us))
    signed = signer.sign(Recipient("k1.somebody", "autumn"), purpose=Purpose.SLOTS)
    assert signed_at_us(signed) == time_us // clock.SECOND * clock.SECOND


@given(st.text())
def test_no_text_is_too_odd_to_be_looked_at(text: str) -> None:
    signed_at_us(text)
