"""The AMP part of every template passes the official validator, whatever the values that go into it."""

from __future__ import annotations

import html
import re
from typing import Any

import msgspec
import pytest

from evermail.campaigns import Context, Renderer, render, sample_context
from evermail.campaigns.brand import Fonts, Footer, FooterLink
from evermail.campaigns.merge import any_item, everybody
from evermail.serving import RecommendedItem

TEMPLATES = Renderer().templates()
LAYOUTS = ("grid", "carousel")
EVERY = pytest.mark.parametrize(
    ("template", "layout"), [(template, layout) for template in TEMPLATES for layout in LAYOUTS]
)

OF_AN_ITEM = {
    *("{{url}}", "{{#image}}", "{{image}}", "{{/image}}", "{{title}}", "{{price}}"),
    *("{{was}}", "{{#was}}", "{{/was}}", "{{reason}}", "{{item_id}}"),
}
OF_FRESHNESS = {"{{#as_of}}", "{{as_of}}", "{{/as_of}}", "{{^as_of}}"}
LIVE_TAGS = {
    "grid": OF_AN_ITEM | OF_FRESHNESS,
    "carousel": OF_AN_ITEM | OF_FRESHNESS | {"{{#items}}", "{{/items}}"},
}

NASTY = {
    "quotes": "\"Double\" 'single' `back` & ampersand",
    "script": "</template></amp-list><script>alert(1)</script>",
    "mustache": "{{title}} {{{url}}} {{#was}}x{{/was}} {{=<% %>=}} {{&x}} {{{{",
    "other_tags": "{% raw %} {# note #} ${x} %%y%% *|Z|* [[w]]",
    "braces": "{ { }} } {",
    "css": "</style><style>*{display:none}",
    "right_to_left": "قميص كتان أزرق \u202e gnirts",
    "emoji": "👩🏽‍🚀 Überjäckchen ⚡ 𝒳",
    "control": "line\r\none\x00\x1b\u2028two",
    "noncharacter": "\ufdd0\ufdd0title\ufdd1\ufdd1",
    "surrogate": "lone \ud800 surrogate",
    "long": "Supercalifragilistic" * 200,
    "comment": "<!-- --> ]]> <![CDATA[",
    "entity": "&#123;&#123;title}}",
}
TEXTS = pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())


def filled_with(template: str, layout: Any, text: str) -> Context:
    """A sample with `text` wherever a person's or a feed's text can come in."""
    sample = sample_context(template)

    def nasty(items: list[RecommendedItem]) -> list[RecommendedItem]:
        filled = [
            msgspec.structs.replace(item, title=text, price=text, was=text, reason=text, item_id=text)
            for item in items
        ]
        url, image = (
            "https://shop.example/p/{{title}}?q={{x}}&r='\u00e4|^`",
            "https://shop.example/{{image}}.png",
        )
        return [*filled[:1], *(msgspec.structs.replace(item, url=url, image=image) for item in filled[1:])]

    footer = Footer(text=text, links=(FooterLink(text, "https://shop.example/{{x}}"),))
    return msgspec.structs.replace(
        sample,
        campaign=text,
        brand=msgspec.structs.replace(sample.brand, name=text, address=text, footer=footer),
        recipient=msgspec.structs.replace(sample.recipient, first_name=text),
        about=nasty(sample.about),
        items=nasty(sample.items),
        category=text,
        layout=layout,
        preheader=text,
    )


def live_tags(document: str) -> set[str]:
    """Mustache tags that a client would act on: character references are decoded as a browser does."""
    return set(re.findall(r"\{\{.*?\}\}", html.unescape(document)))


@EVERY
def test_the_sample_passes(amp_validator: Any, template: str, layout: Any) -> None:
    sample = msgspec.structs.replace(sample_context(template), layout=layout)
    assert amp_validator.errors(render(template, sample).amp) == []


@EVERY
def test_what_is_made_for_all_recipients_passes(amp_validator: Any, template: str, layout: Any) -> None:
    sample = sample_context(template)
    for_all = msgspec.structs.replace(
        sample,
        recipient=everybody(first_name=True),
        about=[any_item()] if sample.about else [],
        layout=layout,
    )
    assert amp_validator.errors(render(template, for_all).amp) == []


@TEXTS
@EVERY
def test_any_text_passes(amp_validator: Any, template: str, layout: Any, text: str) -> None:
    assert amp_validator.errors(render(template, filled_with(template, layout, text)).amp) == []


@TEXTS
@EVERY
def test_no_value_becomes_a_live_tag(template: str, layout: Any, text: str) -> None:
    parts = render(template, filled_with(template, layout, text))
    assert live_tags(parts.amp) == LIVE_TAGS[layout]
    assert live_tags(parts.html) == set()
    assert parts.amp.count("<script") == {"grid": 5, "carousel": 6}[layout]
    assert "<script" not in parts.html
    _, _, body = parts.html.partition("<body")
    assert "{" not in body, "a value could open a tag of a mail service's language"


CHANGES: dict[str, Any] = {
    "no items": lambda sample: {"items": []},
    "nothing it is about": lambda sample: {"about": []},
    "one item": lambda sample: {"items": sample.items[:1]},
    "many items": lambda sample: {"items": sample.items * 5, "about": sample.about * 12},
    "no first name": lambda sample: {"recipient": msgspec.structs.replace(sample.recipient, first_name=None)},
    "another locale": lambda sample: {
        "brand": msgspec.structs.replace(sample.brand, locale="ar", currency="AED")
    },
    "a logo": lambda sample: {
        "brand": msgspec.structs.replace(sample.brand, logo_url="https://shop.example/l.png")
    },
    "other fonts": lambda sample: {
        "brand": msgspec.structs.replace(sample.brand, fonts=Fonts("'Trebuchet MS', sans-serif", "monospace"))
    },
    "no footer": lambda sample: {"brand": msgspec.structs.replace(sample.brand, footer=Footer())},
    "no image or reason": lambda sample: replaced(sample, image="", reason=""),
    "an insecure image": lambda sample: replaced(sample, image="http://shop.example/1.png"),
    "a script for a URL": lambda sample: replaced(sample, url="javascript:alert(1)"),
}


def replaced(sample: Context, **changes: Any) -> dict[str, Any]:
    """What its items and what it is about would be."""
    return {
        name: [msgspec.structs.replace(item, **changes) for item in getattr(sample, name)]
        for name in ("about", "items")
    }


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
@EVERY
def test_missing_and_unusual_values_pass(
    amp_validator: Any, template: str, layout: Any, changes: Any
) -> None:
    sample = sample_context(template)
    context = msgspec.structs.replace(sample, layout=layout, **changes(sample))
    parts = render(template, context)
    assert amp_validator.errors(parts.amp) == []
    assert "javascript:" not in parts.amp + parts.html + parts.text


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("</style>", ".x{color:red !important}</style>", "important"),
        ('src="{{image}}"', 'src="https://shop.example/{{image}}"', "INVALID_ATTR_VALUE"),
        ("<style amp4email-boilerplate>body{visibility:hidden}</style>", "", "boilerplate"),
        ("https://live.shop.example/recommendations", "http://live.shop.example/recommendations", "http"),
        ('action-xhr="https://live', 'action-xhr="http://live', "action-xhr"),
        ("</main>", '<img src="https://shop.example/1.png" alt=""></main>', "img"),
        ("<main", '<main onclick="alert(1)"', "onclick"),
    ],
)
def test_the_validator_finds_a_planted_mistake(
    amp_validator: Any, right: str, wrong: str, complaint: str
) -> None:
    document = render("recommended_for_you", sample_context("recommended_for_you")).amp
    assert right in document
    errors = amp_validator.errors(document.replace(right, wrong))
    assert complaint in " ".join(errors)


def test_an_unprotected_value_would_be_caught() -> None:
    document = render("recommended_for_you", sample_context("recommended_for_you")).amp
    assert live_tags(document.replace("Mara", "{{title}} {{email}}")) != LIVE_TAGS["grid"]
