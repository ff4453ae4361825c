"""What each template that comes with Evermail says, asks for and offers, in each of its parts."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from evermail.campaigns import Context, Parts, Renderer, render, sample_context
from evermail.campaigns.merge import Field, any_item, everybody, fields_of, with_tags
from evermail.campaigns.render import TEMPLATES as FOLDER
from tests.campaigns.elements import elements

TEMPLATES = Renderer().templates()
SAMPLES = {template: sample_context(template) for template in TEMPLATES}
PARTS = {template: render(template, sample) for template, sample in SAMPLES.items()}
ABOUT_SOMETHING = ["abandoned_cart", "back_in_stock", "post_purchase", "price_drop"]

EVERY = pytest.mark.parametrize("template", TEMPLATES)
ENDPOINT = "https://live.shop.example"
TOKENS = SAMPLES["recommended_for_you"].recipient.tokens


def changed(template: str, **changes: Any) -> Parts:
    return render(template, msgspec.structs.replace(SAMPLES[template], **changes))


def for_all(template: str) -> Parts:
    """As it is made for a mail service, which fills in what is each recipient's own."""
    about = [any_item()] if template in ABOUT_SOMETHING else []
    return changed(template, recipient=everybody(first_name=True), about=about)


def links(document: str) -> list[str]:
    return [link["href"] or "" for link in elements(document, "a")]


def forms(document: str) -> dict[str, dict[str, str]]:
    """The fields of each form of an AMP part, by its address."""
    pieces = re.findall(r'<form method="post" action-xhr="([^"]+)">(.*?)</form>', document, re.DOTALL)
    return {
        address: {
            field["name"] or "": field["value"] or ""
            for field in elements(body, "input")
            if field.get("type") == "hidden"
        }
        for address, body in pieces
    }


def test_these_are_the_templates() -> None:
    assert TEMPLATES == [
        "abandoned_cart", "back_in_stock", "post_purchase", "price_drop", "recommended_for_you",
        "trending_in_category",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "subject", "unnamed"),
    [
        ("abandoned_cart", "Mara, you left something in your cart", "You left something in your cart"),
        ("back_in_stock", "Linen armchair, oat is back in stock", "Linen armchair, oat is back in stock"),
        ("post_purchase", "Thank you for your order, Mara", "Thank you for your order"),
        ("price_drop", "Now €85.00: Lambswool throw, moss", "Now €85.00: Lambswool throw, moss"),
        ("recommended_for_you", "Mara, picked for you at Alder & Pine", "Picked for you at Alder & Pine"),
        (
            "trending_in_category",
            "Mara, trending in Kitchen at Alder & Pine",
            "Trending in Kitchen at Alder & Pine",
        ),
    ],
)
def test_the_subject_says_what_it_is_about(template: str, subject: str, unnamed: str) -> None:
    assert PARTS[template].subject == subject
    nobody = msgspec.structs.replace(SAMPLES[template].recipient, first_name=None)
    parts = changed(template, recipient=nobody)
    assert parts.subject == unnamed
    for body in (parts.text, parts.amp, parts.html):
        assert "None" not in body


class TestWhatItShows:
    @pytest.mark.parametrize("part", ["text", "amp", "html"])
    @EVERY
    def test_each_item_with_its_price_and_reason(self, template: str, part: str) -> None:
        body = getattr(PARTS[template], part)
        for item in SAMPLES[template].items:
            for shown in (item.title, item.price, item.was, item.reason):
                assert shown in body

    @pytest.mark.parametrize("part", ["text", "amp", "html"])
    @EVERY
    def test_what_it_is_about_leads_to_the_click_which_counts(self, template: str, part: str) -> None:
        about = SAMPLES[template].about or SAMPLES["abandoned_cart"].about
        body = getattr(changed(template, about=about), part)
        token = SAMPLES[template].recipient.tokens.slots
        for item in about:
            link = f"/slot_click?t={token}&i={item.item_id}"
            for shown in (item.title, item.price, item.was, link):
                assert shown in unescape(body)

    @EVERY
    def test_the_snapshots_links_count_and_find_what_took_a_products_place(self, template: str) -> None:
        expected = [f"{ENDPOINT}/slot_click?t={TOKENS.slots}&i={i.item_id}" for i in SAMPLES[template].items]
        for document in (PARTS[template].html, PARTS[template].amp):
            counted = [url for url in dict.fromkeys(links(document)) if "&i=" in url]
            assert counted[-len(expected) :] == expected, "behind what the email is about"
        assert all(url in PARTS[template].text for url in expected)

    @EVERY
    def test_the_html_part_has_a_picture_and_a_link_for_each_slot(self, template: str) -> None:
        html = PARTS[template].html
        pictures = [image for image in elements(html, "img") if "slot_image" in (image["src"] or "")]
        assert [image["src"] for image in pictures] == [
            f"{ENDPOINT}/slot_image?t={TOKENS.slots}&n={slot}" for slot in range(1, 5)
        ]
        assert [url for url in links(html) if "slot_click" in url and "&n=" in url] == [
            f"{ENDPOINT}/slot_click?t={TOKENS.slots}&n={slot}" for slot in range(1, 5)
        ]

    @EVERY
    def test_nobody_who_has_lost_a_part_is_without_the_way_out(self, template: str) -> None:
        sample, parts = SAMPLES[template], PARTS[template]
        for body in (parts.text, parts.amp, parts.html):
            assert sample.unsubscribe_url in body
            assert sample.brand.address in body
            assert sample.brand.footer.links[0].url in body
        assert sample.brand.footer.text in parts.text

    @EVERY
    def test_without_products_it_is_still_an_email(self, template: str) -> None:
        parts = changed(template, about=[], items=[])
        assert parts.subject
        assert "We could not reach the shop just now" in parts.amp
        for body in (parts.text, parts.amp, parts.html):
            assert "https://shop.example/?utm_source=email" in body


class TestTheLiveList:
    @pytest.mark.parametrize("layout", ["grid", "carousel"])
    @EVERY
    def test_products_and_freshness_are_one_request(self, template: str, layout: str) -> None:
        products, freshness = elements(changed(template, layout=layout).amp, "amp-list")
        assert products["src"] == freshness["src"]
        assert freshness["items"] == "."
        assert "single-item" in freshness
        assert products["items"] == ("items" if layout == "grid" else ".")

    @EVERY
    def test_it_asks_for_the_recipients_items_or_for_what_is_trending(self, template: str) -> None:
        address = urlsplit(elements(PARTS[template].amp, "amp-list")[0]["src"] or "")
        query = parse_qs(address.query)
        if template == "trending_in_category":
            assert (address.path, query) == ("/trending", {"n": ["4"], "category": ["Kitchen"]})
        else:
            assert address.path == "/recommendations"
            assert query == {"n": ["4"], "t": [TOKENS.recommendations]}

    @EVERY
    def test_a_category_of_any_name_is_asked_for(self, template: str) -> None:
        parts = changed(template, category="Küche & Bad +1 {{x}}")
        address = elements(parts.amp, "amp-list")[0]["src"] or ""
        if template == "trending_in_category":
            assert parse_qs(urlsplit(address).query)["category"] == ["Küche & Bad +1 {{x}}"]
        else:
            assert "category" not in address

    @EVERY
    def test_its_forms_go_where_they_are_taken(self, template: str) -> None:
        assert forms(PARTS[template].amp) == {
            f"{ENDPOINT}/wishlist?t={TOKENS.actions}": {"item_id": "{{item_id}}"},
            f"{ENDPOINT}/feedback?t={TOKENS.actions}": {"item_id": "{{item_id}}", "verdict": "not_for_me"},
            f"{ENDPOINT}/unsubscribe?t={TOKENS.unsubscribe}": {"action": "unsubscribe"},
        }

    @pytest.mark.parametrize("layout", ["grid", "carousel"])
    @EVERY
    def test_it_has_something_to_show_before_and_instead_of_an_answer(
        self, template: str, layout: str
    ) -> None:
        amp = changed(template, layout=layout).amp
        assert len(re.findall(r"<div placeholder", amp)) == len(re.findall(r"<div fallback", amp)) == 2
        assert amp.count("<amp-carousel") == (2 if layout == "carousel" else 0)
        assert "<amp-timeago" in amp


class TestForEveryReader:
    @pytest.mark.parametrize("part", ["amp", "html"])
    @EVERY
    def test_the_language_is_declared_and_every_picture_has_its_alternative(
        self, template: str, part: str
    ) -> None:
        body = getattr(PARTS[template], part)
        assert elements(body, "html")[0]["lang"] == "en"
        for picture in elements(body, "img") + elements(body, "amp-img"):
            assert picture["alt"] is not None

    @EVERY
    def test_there_is_one_heading_of_all(self, template: str) -> None:
        for body in (PARTS[template].amp, PARTS[template].html):
            assert len(elements(body, "h1")) == 1

    @EVERY
    def test_every_button_says_what_it_does_to_which_product(self, template: str) -> None:
        labels = [button.get("aria-label") for button in elements(PARTS[template].amp, "button")]
        assert labels == ["Save {{title}} to your wishlist", "{{title}} is not for me", None]

    @EVERY
    def test_layout_tables_are_announced_as_none(self, template: str) -> None:
        tables = elements(PARTS[template].html, "table")
        assert tables
        assert all(table.get("role") == "presentation" for table in tables)

    @EVERY
    def test_styles_are_inlined_but_those_that_cannot_be(self, template: str) -> None:
        html = PARTS[template].html
        assert "font-size" in (elements(html, "h1")[0]["style"] or "")
        assert "<style inlined" not in html
        (sheet,) = re.findall(r"<style>((?:(?!mso-).)*?)</style>", html, re.DOTALL)
        assert "@media (prefers-color-scheme:dark)" in sheet
        assert "@media (max-width:480px)" in sheet
        assert SAMPLES[template].brand.dark.paper in sheet
        assert "<!--[if mso]>" in html

    @EVERY
    def test_the_parts_stay_within_what_clients_take(self, template: str) -> None:
        items = [msgspec.structs.replace(item, title="x" * 5000) for item in SAMPLES[template].items]
        parts = changed(template, items=items, about=items)
        (css,) = re.findall(r"<style amp-custom>(.*?)</style>", parts.amp, re.DOTALL)
        assert len(parts.amp.encode()) < 100_000
        assert len(css.encode()) < 50_000
        assert len(parts.html.encode()) < 100_000  # Gmail clips at 102 KB


class TestMarkers:
    @EVERY
    def test_they_survive_in_every_part(self, template: str) -> None:
        parts = for_all(template)
        for part in (parts.subject, parts.text, parts.amp, parts.html):
            replaced = with_tags(part, lambda field: f"[{field.name}]")
            assert "MERGE" not in replaced
            assert "merge.invalid" not in replaced

    @EVERY
    def test_each_part_needs_what_it_shows(self, template: str) -> None:
        parts = for_all(template)
        item = {Field.ITEM_TITLE, Field.ITEM_PRICE, Field.ITEM_IMAGE, Field.ITEM_URL}
        about = item if template in ABOUT_SOMETHING else set()
        live = {Field.RECOMMENDATIONS} if template != "trending_in_category" else set()
        # A link of the snapshot in the AMP part's fallback counts as a click of a slot.
        assert fields_of(parts.amp) - {Field.FIRST_NAME} == (
            {Field.ACTIONS, Field.SLOTS, Field.UNSUBSCRIBE} | live | about
        )
        assert fields_of(parts.html) - {Field.FIRST_NAME} == {Field.SLOTS, Field.UNSUBSCRIBE} | about

    @pytest.mark.parametrize("template", ABOUT_SOMETHING)
    def test_one_that_has_neither_reason_nor_old_price_leaves_no_gap_for_them(self, template: str) -> None:
        parts = changed(template, about=[any_item()], items=[])
        for body in (parts.html, parts.text):
            assert "was" not in re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL).split()


def test_a_template_is_words_on_shared_partials() -> None:
    """Markup that two templates have would drift apart."""
    for template in TEMPLATES:
        for name in ("amp.html", "email.html", "email.txt", "subject.txt"):
            lines = (FOLDER / template / name).read_text().splitlines()
            assert lines[0].startswith('{% extends "_partials/')
            assert len(lines) <= 12


def test_a_context_without_an_endpoint_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="endpoint"):
        msgspec.convert(msgspec.to_builtins(SAMPLES["price_drop"]) | {"endpoint": "nowhere"}, Context)
