"""The demo's page shows what an AMP client would show."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from demo.amp_preview import NoAnswer, preview
from evermail import clock
from evermail.campaigns import render, sample_context

SAMPLE = sample_context("recommended_for_you")
AMP = render("recommended_for_you", msgspec.structs.replace(SAMPLE, items=[])).amp
ITEM = {
    "item_id": "1",
    "title": "Oak lamp",
    "price": "€129.00",
    "image": "http://127.0.0.1:8080/1.svg",
    "url": "https://shop.example/p/1",
    "reason": "Popular today",
}


def listing(template: str, attributes: str = 'items="items"') -> str:
    return (
        "<!doctype html><html ⚡4email><head></head><body>"
        f'<amp-list layout="fixed-height" height="100" {attributes}>'
        f'<template type="amp-mustache">{template}</template><p placeholder>wait</p><p fallback>sorry</p>'
        "<p overflow>more</p></amp-list></body></html>"
    )


def shown(template: str, item: Any) -> str:
    """What one item becomes."""
    page = preview(listing(template), {"items": [item]})
    found = re.search(r'<div role="list">(.*?)</div></amp-list>', page, re.DOTALL)
    assert found
    return found[1]


class TestThePage:
    def test_items_fill_the_template(self) -> None:
        page = preview(
            AMP, {"items": [ITEM, {**ITEM, "title": "Wool throw", "was": "€150.00"}], "source": "personal"}
        )
        assert page.count('class="card" role="listitem"') == 2
        assert '<img src="http://127.0.0.1:8080/1.svg" alt="Oak lamp">' in page
        assert 'href="https://shop.example/p/1"' in page
        assert page.count("€150.00") == page.count("<s>") == 1

    def test_an_item_without_a_picture_shows_none(self) -> None:
        assert "<img" not in preview(AMP, {"items": [{**ITEM, "image": ""}]})

    def test_nothing_of_amp_is_left_to_run(self) -> None:
        page = preview(AMP, {"items": [ITEM]})
        for gone in (
            "<script",
            "cdn.ampproject.org",
            "boilerplate",
            "visibility:hidden",
            "⚡",
            "<template",
            "{{",
        ):
            assert gone not in page
        assert page.startswith('<!doctype html>\n<html lang="en">')
        assert page.count("charset") == 1

    def test_while_loading_the_placeholder_stands_there(self) -> None:
        page = preview(AMP, NoAnswer.LOADING)
        assert page.count('class="card"') == 4
        assert "We could not reach the shop" not in page

    @pytest.mark.parametrize(
        "answer", [NoAnswer.FAILED, {}, {"items": None}, {"items": "x"}, {"error": "expired"}]
    )
    def test_without_a_usable_answer_the_fallback_stands_there(self, answer: Any) -> None:
        page = preview(AMP, answer)
        assert "We could not reach the shop" in page
        assert 'class="card"' not in page

    def test_the_list_keeps_its_declared_height(self) -> None:
        assert re.search(
            r'<amp-list class="cards"[^>]* style="display:block;height:\d+px">', preview(AMP, {"items": []})
        )


class TestTheList:
    def test_it_shows_no_more_than_it_may(self) -> None:
        page = preview(
            listing("<i>{{n}}</i>", 'items="items" max-items="2"'), {"items": [{"n": n} for n in range(5)]}
        )
        assert re.findall(r"<i[^>]*>(\d)</i>", page) == ["0", "1"]

    @pytest.mark.parametrize(
        ("attributes", "answer"),
        [
            ('items="a.b"', {"a": {"b": [{"n": 7}]}}),
            ('items="." single-item', {"n": 7}),
            ('items="one" single-item', {"one": {"n": 7}}),
            ("", {"items": [{"n": 7}]}),
        ],
    )
    def test_it_finds_its_items_where_its_attributes_say(self, attributes: str, answer: Any) -> None:
        assert '<i role="listitem">7</i>' in preview(listing("<i>{{n}}</i>", attributes), answer)


class TestMustache:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ('Tom & "Jerry"', "Tom &amp; &quot;Jerry&quot;"),
            ("{{title}}", "{{title}}"),
            (12.0, "12"),
            (0, "0"),
            (1.5, "1.5"),
            (True, "true"),
            (None, ""),
        ],
    )
    def test_a_variable_is_text(self, value: Any, text: str) -> None:
        assert shown("<i>{{value}}</i>", {"value": value}) == f'<i role="listitem">{text}</i>'

    def test_an_attribute_cannot_be_broken_out_of(self) -> None:
        filled = shown('<a title="{{value}}">x</a>', {"value": '"><script>alert(1)</script>'})
        assert filled == '<a title="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;" role="listitem">x</a>'

    @pytest.mark.parametrize("value", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", ""])
    def test_a_link_to_anything_but_the_web_is_dropped(self, value: str) -> None:
        assert shown('<a href="{{value}}">x</a>', {"value": value}) == '<a role="listitem">x</a>'

    @pytest.mark.parametrize("tag", ["{{{value}}}", "{{& value}}", "{{{ value }}}"])
    def test_an_unescaped_variable_keeps_formatting_only(self, tag: str) -> None:
        value = (
            '<b onclick="x">bold</b> <script>alert(1)</script><img src=x onerror=y>'
            '<a href="javascript:x">link</a> 1 < 2'
        )
        assert shown(f"<i>{tag}</i>", {"value": value}) == '<i role="listitem"><b>bold</b> link 1 &lt; 2</i>'

    def test_sections_follow_what_is_there(self) -> None:
        template = "<i>{{#was}}was {{was}}{{/was}}{{^was}}new{{/was}}</i>"
        assert "was €9" in shown(template, {"was": "€9"})
        for empty in ("", None, False, 0, []):
            assert "new" in shown(template, {"was": empty})
        assert "new" in shown(template, {})

    def test_inside_the_section_of_a_text_the_items_other_values_are_found(self) -> None:
        template = "<i>{{#image}}{{title}} {{count}} {{.}}{{/image}}</i>"
        item = {"image": "a.png", "title": "Lamp", "count": 3}
        assert "Lamp 3 a.png" in shown(template, item)
        assert "Lamp 3 a.png" in shown(template, {**item, "image": ["a.png"]})

    def test_a_partial_reads_no_file(self) -> None:
        assert shown("<i>{{> setup}}</i>", {}) == '<i role="listitem"></i>'


class TestForms:
    FORM = (
        '<form method="post" action-xhr="https://live.shop.example/wishlist?t=1" class="f">'
        '<input type="hidden" name="item_id" value="{{id}}"><input type="submit" value="Save">'
        '<button type="submit">Also</button><p submit-success>Saved</p></form>'
    )

    def test_a_form_can_be_seen_and_not_sent(self) -> None:
        filled = shown(self.FORM, {"id": "7"})
        assert filled.startswith('<form class="f" role="listitem">')
        assert "live.shop.example" not in filled
        assert 'value="7"' in filled
        assert 'type="submit"' not in filled
        assert filled.count('type="button"') == 2

    def test_what_it_says_once_it_is_sent_is_hidden(self) -> None:
        page = preview(listing(self.FORM), {"items": [{"id": "7"}]})
        assert "[submitting],[submit-success],[submit-error]{display:none}" in page


class TestTimes:
    NOW_US = clock.from_rfc3339("2026-11-25T12:00:00Z")
    TEMPLATE = '<amp-timeago layout="fixed" width="130" height="20" datetime="{{at}}">{{at}}</amp-timeago>'

    @pytest.mark.parametrize(
        ("at", "said"),
        [
            ("2026-11-25T12:00:00Z", "just now"),
            ("2026-11-25T11:59:01Z", "just now"),
            ("2026-11-25T11:59:00Z", "1 minute ago"),
            ("2026-11-25T10:00:00.250Z", "1 hour ago"),
            ("2026-11-25T10:00:00Z", "2 hours ago"),
            ("2026-11-22T12:00:00Z", "3 days ago"),
            ("2026-11-11T12:00:00Z", "2 weeks ago"),
            ("2026-08-25T12:00:00Z", "3 months ago"),
            ("2024-11-25T12:00:00Z", "2 years ago"),
            ("2026-11-26T12:00:00Z", "just now"),
            ("some day", "some day"),
        ],
    )
    def test_they_are_told_by_how_long_ago_they_were(self, at: str, said: str) -> None:
        page = preview(listing(self.TEMPLATE), {"items": [{"at": at}]}, clock=clock.Stopped(self.NOW_US))
        assert f">{said}</amp-timeago>" in page
        assert "width:130px;height:20px" in page


def test_a_carousel_holds_its_cards_beside_each_other_and_takes_the_keyboard() -> None:
    strip = '<amp-carousel height="90" type="carousel">{{#items}}<i>{{n}}</i>{{/items}}</amp-carousel>'
    page = preview(listing(strip, 'items="." single-item'), {"items": [{"n": 1}, {"n": 2}]})
    assert "amp-carousel{overflow-x:auto;white-space:nowrap}" in page
    assert re.search(r'<amp-carousel [^>]*tabindex="0"[^>]*><i>1</i><i>2</i></amp-carousel>', page)
