"""The AMP part passes the official validator, whatever the values that go into it."""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec
import pytest

from evermail.campaigns import Context, render, sample_context

TEMPLATE = "recommended_for_you"
SAMPLE = sample_context(TEMPLATE)
LIVE_TAGS = {
    "{{url}}",
    "{{#image}}",
    "{{image}}",
    "{{/image}}",
    "{{title}}",
    "{{price}}",
    "{{was}}",
    "{{#was}}",
    "{{/was}}",
    "{{reason}}",
}

NASTY = {
    "quotes": "\"Double\" 'single' `back` & ampersand",
    "script": "</template></amp-list><script>alert(1)</script>",
    "mustache": "{{title}} {{{url}}} {{#was}}x{{/was}} {{=<% %>=}} {{&x}} {{{{",
    "braces": "{ { }} } {",
    "css": "</style><style>*{display:none}",
    "right_to_left": "قميص كتان أزرق \u202e gnirts",
    "emoji": "👩🏽‍🚀 Überjäckchen ⚡ 𝒳",
    "control": "line\r\none\x00\x1b\u2028two",
    "surrogate": "lone \ud800 surrogate",
    "long": "Supercalifragilistic" * 200,
    "comment": "<!-- --> ]]> <![CDATA[",
    "entity": "&#123;&#123;title}}",
}


def context(**changes: Any) -> Context:
    """The sample, some of it replaced."""
    return msgspec.structs.replace(sample_context(TEMPLATE), **changes)


def filled_with(text: str) -> Context:
    """The sample with `text` wherever a person's or a feed's text can come in."""
    sample = sample_context(TEMPLATE)
    items = [
        msgspec.structs.replace(item, title=text, price=text, was=text, reason=text, item_id=text)
        for item in sample.items
    ]
    items[1] = msgspec.structs.replace(
        items[1],
        url="https://shop.example/p/{{title}}?q={{x}}&r='\u00e4|^`",
        image="https://shop.example/{{image}}.png",
    )
    return context(
        campaign=text,
        brand=msgspec.structs.replace(sample.brand, name=text, address=text),
        recipient=msgspec.structs.replace(sample.recipient, first_name=text),
        items=items,
        preheader=text,
    )


def live_tags(document: str) -> set[str]:
    """Mustache tags that a client would act on: character references are decoded as a browser does."""
    return set(re.findall(r"\{\{.*?\}\}", html.unescape(document)))


def test_the_sample_passes(amp_validator: Any) -> None:
    assert amp_validator.errors(render(TEMPLATE, context()).amp) == []


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_any_text_passes(amp_validator: Any, text: str) -> None:
    assert amp_validator.errors(render(TEMPLATE, filled_with(text)).amp) == []


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_no_value_becomes_a_live_mustache_tag(text: str) -> None:
    parts = render(TEMPLATE, filled_with(text))
    assert live_tags(parts.amp) == LIVE_TAGS
    assert live_tags(parts.html) == set()
    assert parts.amp.count("<script") == 3
    assert "<script" not in parts.html


@pytest.mark.parametrize(
    "changes",
    [
        {"items": []},
        {"items": SAMPLE.items[:1]},
        {"items": SAMPLE.items * 5},
        {"recipient": msgspec.structs.replace(SAMPLE.recipient, first_name=None)},
        {"preheader": None, "brand": msgspec.structs.replace(SAMPLE.brand, locale="ar", currency="AED")},
        {"brand": msgspec.structs.replace(SAMPLE.brand, logo_url="https://shop.example/l.png")},
        {"items": [msgspec.structs.replace(SAMPLE.items[0], image="", reason="")]},
        {"items": [msgspec.structs.replace(SAMPLE.items[0], image="http://shop.example/1.png")]},
        {"items": [msgspec.structs.replace(SAMPLE.items[0], url="javascript:alert(1)")]},
    ],
    ids=[
        "no items", "one item", "many items", "no first name", "another locale", "a logo",
        "no image or reason", "an insecure image", "a script for a URL",
    ],
)  # fmt: skip
def test_missing_and_unusual_values_pass(amp_validator: Any, changes: dict[str, Any]) -> None:
    parts = render(TEMPLATE, context(**changes))
    assert amp_validator.errors(parts.amp) == []
    assert "javascript:" not in parts.amp + parts.html + parts.text


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("</style>", ".x{color:red !important}</style>", "important"),
        ('src="{{image}}"', 'src="https://shop.example/{{image}}"', "INVALID_ATTR_VALUE"),
        ("<style amp4email-boilerplate>body{visibility:hidden}</style>", "", "boilerplate"),
        ("https://live.shop.example/recommendations", "http://live.shop.example/recommendations", "http"),
        ("</main>", '<img src="https://shop.example/1.png" alt=""></main>', "img"),
        ("<main", '<main onclick="alert(1)"', "onclick"),
    ],
)
def test_the_validator_finds_a_planted_mistake(
    amp_validator: Any, right: str, wrong: str, complaint: str
) -> None:
    document = render(TEMPLATE, context()).amp
    assert right in document
    errors = amp_validator.errors(document.replace(right, wrong))
    assert complaint in " ".join(errors)


def test_an_unprotected_value_would_be_caught() -> None:
    document = render(TEMPLATE, context()).amp.replace("Mara", "{{title}} {{email}}")
    assert live_tags(document) != LIVE_TAGS
