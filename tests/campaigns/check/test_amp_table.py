"""Our own table finds, without Node, what the official validator finds."""

from __future__ import annotations

import pytest

from evermail.campaigns.check import AmpValidator, amp_table, official
from evermail.campaigns.check.draft import Draft
from tests.campaigns.check.good_email import NOW_US, Passing, good, line_of, planted

STYLE = "a{color:#23523f}"
BODY = "<h1>"
IMAGE = '<amp-img width="1" height="1" alt="" src="https://shop.example/1.png"></amp-img>'

STYLES = {
    "important": "b{color:red !important}",
    "font-face": "@font-face{font-family:x}",
    "import": "@import 'x.css';",
    "keyframes": "@keyframes x{from{opacity:0}}",
    "supports": "@supports (color:red){b{color:red}}",
    "root": ":root{color:red}",
    "custom property": "b{--x:1}",
    "before": "b::before{color:red}",
    "content": "b{content:'x'}",
    "pointer-events": "b{pointer-events:none}",
    "clip-path": "b{clip-path:none}",
    "line-clamp": "b{-webkit-line-clamp:2}",
    "mso": "b{mso-hide:all}",
    "z-index": "b{z-index:101}",
    "negative z-index": "b{z-index:-101}",
    "transition": "b{transition:color 1s}",
    "http": "b{background-image:url(http://shop.example/x.png)}",
    "dark mode": "@media (prefers-color-scheme:dark){b{color:red}}",
    "animation": "b{animation:x 1s}",
    "behavior": "b{behavior:url(x)}",
}
BODIES = {
    "img": '<img src="https://shop.example/1.png" alt="">',
    "script": "<script>1</script>",
    "iframe": '<iframe src="https://shop.example/"></iframe>',
    "svg": "<svg></svg>",
    "video": "<video></video>",
    "amp-video": "<amp-video></amp-video>",
    "amp-pixel": '<amp-pixel src="https://shop.example/"></amp-pixel>',
    "noscript": "<noscript></noscript>",
    "extension": '<amp-carousel height="100" layout="fixed-height"></amp-carousel>',
    "handler": '<p onclick="x">x</p>',
    "relative": '<a href="/p/1">x</a>',
    "fragment": '<a href="#p">x</a>',
    "srcset": IMAGE.replace("alt", 'srcset="https://shop.example/2.png 2x" alt'),
    "http image": IMAGE.replace("https:", "http:"),
    "size": IMAGE.replace(' height="1"', ""),
    "inline important": '<p style="color:red !important">x</p>',
    "inline mso": '<p style="mso-hide:all">x</p>',
    "target": '<form method="post" action-xhr="https://shop.example/" target="_self"></form>',
    "action": '<form method="get" action-xhr="https://shop.example/" action="https://shop.example/"></form>',
    "http form": '<form method="post" action-xhr="http://shop.example/"></form>',
}
REPLACED = {
    "doctype": ("<!doctype html>", ""),
    "lightning": ("⚡4email ", ""),
    "charset": ('<meta charset="utf-8">', ""),
    "engine": ('<script async src="https://cdn.ampproject.org/v0.js"></script>', ""),
    "boilerplate": ("<style amp4email-boilerplate>body{visibility:hidden}</style>", ""),
    "list's script": ('custom-element="amp-list"', 'custom-element="amp-fit-text"'),
    "part of an address": ('src="{{image}}"', 'src="https://shop.example/{{image}}"'),
    "variable in a list's address": ("&amp;n=4", "&amp;n={{n}}"),
    "http list": ("https://live.shop.example/recommendations", "http://live.shop.example/recommendations"),
    "reset": ('items="items"', 'items="items" reset-on-refresh'),
    "credentials": ('items="items"', 'items="items" credentials="include"'),
    "load-more": ('items="items"', 'items="items" load-more="auto"'),
}
MISTAKES = (
    {name: (STYLE, STYLE + "\n" + css) for name, css in STYLES.items()}
    | {name: (BODY, markup + "\n" + BODY) for name, markup in BODIES.items()}
    | REPLACED
)


@pytest.mark.parametrize(("right", "wrong"), MISTAKES.values(), ids=MISTAKES.keys())
def test_our_table_finds_a_mistake(right: str, wrong: str) -> None:
    parts = planted("amp", right, wrong)
    found = list(amp_table.find(Draft(parts, NOW_US)))
    assert found
    assert all(finding.part == "amp" and finding.remedy for finding in found)


@pytest.mark.parametrize(("right", "wrong"), MISTAKES.values(), ids=MISTAKES.keys())
def test_the_official_validator_finds_it_too(
    official_validator: AmpValidator, right: str, wrong: str
) -> None:
    parts = planted("amp", right, wrong)
    found = list(official.find(Draft(parts, NOW_US, validator=official_validator)))
    assert "amp_invalid" in {finding.code for finding in found}


@pytest.mark.parametrize("name", [*STYLES, *BODIES])
def test_the_line_is_that_of_the_mistake(name: str) -> None:
    planted_text = STYLES.get(name) or BODIES[name]
    parts = planted("amp", *MISTAKES[name])
    found = list(amp_table.find(Draft(parts, NOW_US)))
    assert {finding.line for finding in found} == {line_of(parts.amp, planted_text)}


def test_a_good_part_has_nothing_in_the_table() -> None:
    assert list(amp_table.find(Draft(good(), NOW_US))) == []


def test_without_a_validator_the_table_is_used_and_that_is_said() -> None:
    parts = planted("amp", *MISTAKES["img"])
    found = list(official.find(Draft(parts, NOW_US)))
    assert [finding.code for finding in found] == ["amp_not_validated", "amp_element"]
    assert "--install-validator" in found[0].remedy


def test_with_a_validator_nothing_is_said_twice() -> None:
    parts = planted("amp", *MISTAKES["img"])
    assert list(official.find(Draft(parts, NOW_US, validator=Passing()))) == []


def test_a_complaint_has_its_line_and_what_to_do(official_validator: AmpValidator) -> None:
    parts = planted("amp", *MISTAKES["important"])
    (found,) = official.find(Draft(parts, NOW_US, validator=official_validator))
    assert found.line == line_of(parts.amp, "!important")
    assert "style" in found.remedy


def test_a_warning_of_the_validator_is_one_here(official_validator: AmpValidator) -> None:
    parts = planted("amp", " data-css-strict", "")
    (found,) = official.find(Draft(parts, NOW_US, validator=official_validator))
    assert found.code == "amp_doubtful"
