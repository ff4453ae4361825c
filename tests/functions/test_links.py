"""Links of an email's items: to the click, with a token that can do no more than that."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.tokens import DEFAULT_MAX_AGE_US, InvalidToken, Issued, Purpose, Recipient, TokenSigner
from functions.links import Links
from tests.functions import fakes
from tests.functions.fakes import item

SIGNER = TokenSigner([fakes.KEY], clock=fakes.now)
EMAIL = Issued(fakes.RECIPIENT, fakes.NOW_US // clock.SECOND)


def test_a_link_leads_to_the_click_of_its_item() -> None:
    [linked] = Links("https://live.shop.example", SIGNER).of([item("a/b&c=ü")], EMAIL)
    parts = urlsplit(linked.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "live.shop.example", "/slot_click")
    query = parse_qs(parts.query)
    assert query["i"] == ["a/b&c=ü"]
    assert SIGNER.verify(query["t"][0], purpose=Purpose.SLOTS) == fakes.RECIPIENT
    with pytest.raises(InvalidToken):
        SIGNER.verify(query["t"][0], purpose=Purpose.RECOMMENDATIONS)
    assert linked.title == item("x").title


def test_without_an_address_of_the_functions_links_stay() -> None:
    assert Links("", SIGNER).of([item("A")], EMAIL) == [item("A")]


@given(
    age_s=st.integers(0, DEFAULT_MAX_AGE_US // clock.SECOND),
    beyond_us=st.integers(-3 * clock.SECOND, 3 * clock.SECOND) | st.integers(-clock.DAY, 60 * clock.DAY),
)
def test_a_link_ends_with_the_email_in_which_it_stands(age_s: int, beyond_us: int) -> None:
    age_us = age_s * clock.SECOND
    email_token = fakes.token(age_us=age_us)
    email = SIGNER.read(email_token, purpose=Purpose.RECOMMENDATIONS)
    [linked] = Links("https://live.shop.example", SIGNER).of([item("A")], email)
    link_token = parse_qs(urlsplit(linked.url).query)["t"][0]
    then_us = fakes.NOW_US - age_us + DEFAULT_MAX_AGE_US + beyond_us
    afterwards = TokenSigner([fakes.KEY], clock=lambda: then_us)

    def outcome(token: str, purpose: Purpose) -> Recipient | str:
        try:
            return afterwards.verify(token, purpose=purpose)
        except InvalidToken as error:
            return error.reason

    works = beyond_us <= 0
    assert outcome(email_token, Purpose.RECOMMENDATIONS) == (fakes.RECIPIENT if works else "expired")
    assert outcome(link_token, Purpose.SLOTS) == (fakes.RECIPIENT if works else "expired")
