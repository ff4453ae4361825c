"""Links of an email's items: to the click, with a token that can do no more than that."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from evermail.tokens import InvalidToken, Purpose, TokenSigner
from functions.links import Links
from tests.functions import fakes
from tests.functions.fakes import item

SIGNER = TokenSigner([fakes.KEY], clock=fakes.now)


def test_a_link_leads_to_the_click_of_its_item() -> None:
    [linked] = Links("https://live.shop.example", SIGNER).of([item("a/b&c=ü")], fakes.RECIPIENT)
    parts = urlsplit(linked.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "live.shop.example", "/slot_click")
    query = parse_qs(parts.query)
    assert query["i"] == ["a/b&c=ü"]
    assert SIGNER.verify(query["t"][0], purpose=Purpose.SLOTS) == fakes.RECIPIENT
    with pytest.raises(InvalidToken):
        SIGNER.verify(query["t"][0], purpose=Purpose.RECOMMENDATIONS)
    assert linked.title == item("x").title


def test_without_an_address_of_the_functions_links_stay() -> None:
    assert Links("", SIGNER).of([item("A")], fakes.RECIPIENT) == [item("A")]
