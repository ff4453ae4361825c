"""CORS in AMP for Email: every case of the specification, in a table."""

from __future__ import annotations

import pytest

from functions.amp_cors import Allowed, Denied, TrustedSenders, decide

TRUSTED = TrustedSenders(["Offers@Shop.example", "*@news.shop.example"])
GMAIL = "https://mail.google.com"


def v2(sender: str) -> dict[str, str]:
    return {"AMP-Email-Allow-Sender": sender, "Vary": "AMP-Email-Sender, Origin"}


def v1(origin: str, source_origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "AMP-Access-Control-Allow-Source-Origin": source_origin,
        "Access-Control-Expose-Headers": "AMP-Access-Control-Allow-Source-Origin",
        "Vary": "AMP-Email-Sender, Origin",
    }


ALLOWED = {
    "v2": ("offers@shop.example", None, None, v2("offers@shop.example")),
    "v2, as the client spells it": ("OFFERS@shop.EXAMPLE", None, None, v2("OFFERS@shop.EXAMPLE")),
    "v2, any address of a domain": ("a.b+c@news.shop.example", None, None, v2("a.b+c@news.shop.example")),
    "v1": (None, GMAIL, "offers@shop.example", v1(GMAIL, "offers@shop.example")),
    "v1, case": (None, GMAIL, "Offers@SHOP.example", v1(GMAIL, "Offers@SHOP.example")),
    "v1, playground": (
        None,
        "https://amp.gmail.dev",
        "x@news.shop.example",
        v1("https://amp.gmail.dev", "x@news.shop.example"),
    ),
    "both: v2 wins": ("offers@shop.example", GMAIL, "offers@shop.example", v2("offers@shop.example")),
    "both: Origin is ignored": ("offers@shop.example", GMAIL, "evil@evil.example", v2("offers@shop.example")),
    "both: Origin is ignored, even incomplete": (
        "offers@shop.example",
        GMAIL,
        None,
        v2("offers@shop.example"),
    ),
}

DENIED = {
    "v2, untrusted": ("evil@evil.example", None, None, 403, "sender_not_trusted"),
    "v2, empty": ("", None, None, 403, "sender_not_trusted"),
    "v2, untrusted, beside a good v1": (
        "evil@evil.example",
        GMAIL,
        "offers@shop.example",
        403,
        "sender_not_trusted",
    ),
    "v2, empty, beside a good v1": ("", GMAIL, "offers@shop.example", 403, "sender_not_trusted"),
    "v2, only begins like it": ("offers@shop.example.evil.example", None, None, 403, "sender_not_trusted"),
    "v2, only ends like it": ("my-offers@shop.example", None, None, 403, "sender_not_trusted"),
    "v2, subdomain of an address": ("offers@x.shop.example", None, None, 403, "sender_not_trusted"),
    "v2, subdomain of a domain": ("a@x.news.shop.example", None, None, 403, "sender_not_trusted"),
    "v2, domain only ends like it": ("a@evilnews.shop.example", None, None, 403, "sender_not_trusted"),
    "v2, the wildcard itself": ("*@news.shop.example", None, None, 403, "sender_not_trusted"),
    "v2, two values": ("offers@shop.example, x@y", None, None, 403, "sender_not_trusted"),
    "v2, two at signs": ("x@evil.example@news.shop.example", None, None, 403, "sender_not_trusted"),
    "v2, line break": ("offers@shop.example\r\nX: y", None, None, 403, "sender_not_trusted"),
    "v2, trailing line break": ("offers@shop.example\n", None, None, 403, "sender_not_trusted"),
    "v2, letters that lower to ASCII": (
        "offers@\u212anews.shop.example",
        None,
        None,
        403,
        "sender_not_trusted",
    ),
    "v1, no source origin": (None, GMAIL, None, 400, "source_origin_missing"),
    "v1, empty source origin": (None, GMAIL, "", 400, "source_origin_missing"),
    "v1, untrusted": (None, GMAIL, "evil@evil.example", 403, "sender_not_trusted"),
    "v1, no Origin": (None, None, "offers@shop.example", 400, "sender_missing"),
    "v1, empty Origin": (None, "", "offers@shop.example", 400, "sender_missing"),
    "neither": (None, None, None, 400, "sender_missing"),
}


@pytest.mark.parametrize("case", ALLOWED.values(), ids=ALLOWED)
def test_allows(case: tuple[str | None, str | None, str | None, dict[str, str]]) -> None:
    sender, origin, source_origin, headers = case
    decision = decide(sender=sender, origin=origin, source_origin=source_origin, trusted=TRUSTED)
    assert isinstance(decision, Allowed)
    assert decision.headers == headers
    assert decision.version == (1 if sender is None else 2)


@pytest.mark.parametrize("case", DENIED.values(), ids=DENIED)
def test_denies(case: tuple[str | None, str | None, str | None, int, str]) -> None:
    sender, origin, source_origin, status, code = case
    decision = decide(sender=sender, origin=origin, source_origin=source_origin, trusted=TRUSTED)
    assert isinstance(decision, Denied)
    assert (decision.status, decision.code) == (status, code)
    assert not any("Allow" in name for name in decision.headers)


@pytest.mark.parametrize(
    "entry",
    ["*", "", "shop.example", "@shop.example", "*@", "*@*", "o*@shop.example", "a@b c", "ö@shop.example"],
)
def test_a_trusted_sender_is_an_address_or_a_domain_and_never_everybody(entry: str) -> None:
    with pytest.raises(ValueError, match="neither an address"):
        TrustedSenders([entry])


def test_trusting_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        TrustedSenders([])
