"""A template filled for one recipient: what each part says, how big it is, and how failures are told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from evermail.campaigns import (
    Brand,
    Context,
    Palette,
    Parts,
    Renderer,
    TemplateProblem,
    render,
    sample_context,
)
from evermail.campaigns.brand import DARK, LIGHT, MIN_TEXT_CONTRAST, contrast, is_url
from tests.campaigns.elements import elements

TEMPLATE = "recommended_for_you"
SAMPLE = sample_context(TEMPLATE)
PARTS = render(TEMPLATE, SAMPLE)


def changed(**changes: Any) -> Parts:
    return render(TEMPLATE, msgspec.structs.replace(SAMPLE, **changes))


class TestWhatItSays:
    def test_the_subject_is_one_line_and_names_the_recipient(self) -> None:
        assert PARTS.subject == "Mara, picked for you at Alder & Pine"
        injected = msgspec.structs.replace(SAMPLE.recipient, first_name="Mara\r\nBcc: all@example.com")
        assert "\n" not in changed(recipient=injected).subject

    def test_at_most_four_items_are_shown(self) -> None:
        parts = changed(items=SAMPLE.items * 3)
        assert len(elements(parts.html, "img")) == 4
        assert len(elements(parts.amp, "amp-img")) == 5  # four in the fallback, one in the mustache template
        assert parts.text.count("\n* ") == 4

    def test_an_item_that_cannot_be_shown_is_left_out_of_the_snapshot(self) -> None:
        broken = [
            msgspec.structs.replace(SAMPLE.items[0], url=url) for url in ("", "/relative", "javascript:x")
        ]
        untitled = msgspec.structs.replace(SAMPLE.items[0], title=" ")
        parts = changed(items=[*broken, untitled, SAMPLE.items[1]])
        for body in (parts.text, parts.amp, parts.html):
            assert SAMPLE.items[0].price not in body
            assert SAMPLE.items[1].price in body

    def test_without_a_snapshot_the_email_still_leads_to_the_shop(self) -> None:
        parts = changed(items=[])
        assert "We could not reach the shop just now" in parts.amp
        for body in (parts.text, parts.amp, parts.html):
            assert "https://shop.example/?utm_source=email" in body

    def test_the_preheader_is_the_one_given_or_names_the_first_items(self) -> None:
        assert "Stoneware mug, speckled, Pour-over kettle" in PARTS.html.split("<table")[0]
        assert ">A word before" in changed(preheader="A word before").html


class TestTagsOfMergeLanguages:
    """Mail services fill in tags such as `{{name}}` after us: a recipient's name must not become one."""

    TAGS = ("{{env.API_KEY}}", "{{{raw}}}", "{% include x %}", "{# note #}", "{{{{", "a{")

    @pytest.mark.parametrize("text", TAGS)
    def test_no_value_opens_one_in_subject_or_text(self, text: str) -> None:
        named = msgspec.structs.replace(SAMPLE.recipient, first_name=text)
        brand = msgspec.structs.replace(SAMPLE.brand, name=text)
        items = [msgspec.structs.replace(item, title=text, reason=text) for item in SAMPLE.items]
        parts = changed(recipient=named, brand=brand, items=items)
        for part in (parts.subject, parts.text):
            assert not re.search(r"\{[{%#]", part)
            assert text in part.replace("\u2060", "")

    def test_a_value_cannot_open_one_together_with_the_next(self, tmp_path: Path) -> None:
        folder = tmp_path / "joined"
        folder.mkdir()
        for name in ("email.txt", "amp.html", "email.html"):
            (folder / name).write_text("fine")
        (folder / "subject.txt").write_text("{{ brand.name }}{{ recipient.first_name }}")
        named = msgspec.structs.replace(SAMPLE.recipient, first_name="{x}}")
        brand = msgspec.structs.replace(SAMPLE.brand, name="{")
        context = msgspec.structs.replace(SAMPLE, recipient=named, brand=brand)
        assert Renderer(tmp_path).render("joined", context).subject == "{\u2060{x}}"

    def test_a_brace_on_its_own_is_left_alone(self) -> None:
        named = msgspec.structs.replace(SAMPLE.recipient, first_name=":-{ }")
        assert changed(recipient=named).subject.startswith(":-{ }, ")


class TestForEveryReader:
    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    def test_the_default_colours_can_be_read(self, palette: Palette) -> None:
        for text, background in palette.text_pairs():
            ratio = contrast(getattr(palette, text), getattr(palette, background))
            assert ratio >= MIN_TEXT_CONTRAST, f"{text} on {background}: {ratio:.2f}"

    def test_contrast_is_that_of_wcag(self) -> None:
        assert contrast("#000000", "#ffffff") == pytest.approx(21)
        assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
        assert contrast("#ffffff", "#ffffff") == 1


TOKENS = msgspec.to_builtins(SAMPLE.recipient.tokens)
SHOP = {"name": "A", "address": "B", "shop_url": "https://a.example"}

BAD_CONTEXTS = [
    ({"endpoint": "live.shop.example"}, "endpoint"),
    ({"endpoint": "https://live.shop.example/"}, "endpoint"),
    ({"recipient": {"tokens": TOKENS | {"slots": "a b"}}}, "slots"),
    ({"recipient": {"tokens": TOKENS | {"unsubscribe": "{{t}}"}}}, "unsubscribe"),
    ({"brand": SHOP | {"shop_url": "/"}}, "brand"),
    ({"brand": SHOP | {"colour": "red"}}, "colour"),
    ({"brand": SHOP | {"currency": "euro"}}, "currency"),
    ({"brand": SHOP | {"locale": "klingon"}}, "locale"),
    ({"campaign": ""}, "campaign"),
]


class TestProblems:
    @pytest.mark.parametrize(("changes", "named"), BAD_CONTEXTS)
    def test_a_context_that_makes_no_email_is_refused_by_name(
        self, changes: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(msgspec.ValidationError, match=named):
            msgspec.convert({**msgspec.to_builtins(SAMPLE), **changes}, Context)

    def test_a_colour_cannot_carry_a_stylesheet(self) -> None:
        with pytest.raises(ValueError, match="accent"):
            msgspec.structs.replace(LIGHT, accent="red}*{display:none")

    def test_a_logo_must_be_https(self) -> None:
        with pytest.raises(ValueError, match="logo_url"):
            Brand(name="A", address="B", shop_url="https://a.example", logo_url="http://a.example/l.png")

    @pytest.mark.parametrize("name", ["absent", "../recommended_for_you", "_partials", ""])
    def test_an_unknown_template_is_answered_with_the_known_ones(self, name: str) -> None:
        with pytest.raises(TemplateProblem, match=r"there are: .*recommended_for_you"):
            render(name, SAMPLE)

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{{ brand.nmae }}", "nmae"),
            ("{{ nobody }}", "nobody"),
            ("{% if %}", "Expected"),
            ("{{ 1 / 0 }}", "division"),
            ("{{ 'ftp://x'|href }}", "ftp"),
            ("{{ sent_at|date('xx_YY') }}", "xx_YY"),
            ("{% include 'absent.html' %}", "absent"),
        ],
    )
    def test_a_template_error_names_file_and_line(self, tmp_path: Path, line: str, reason: str) -> None:
        folder = tmp_path / "broken"
        folder.mkdir()
        for name in ("subject.txt", "email.txt", "email.html"):
            (folder / name).write_text("fine")
        (folder / "amp.html").write_text(f"one\ntwo\n{line}\n")
        with pytest.raises(TemplateProblem, match=reason) as raised:
            Renderer(tmp_path).render("broken", SAMPLE)
        assert raised.value.file == str(folder / "amp.html")
        assert raised.value.line == 3

    def test_a_template_without_one_of_its_files_says_which(self, tmp_path: Path) -> None:
        (tmp_path / "half").mkdir()
        (tmp_path / "half" / "amp.html").write_text("fine")
        with pytest.raises(TemplateProblem, match=r"subject\.txt"):
            Renderer(tmp_path).render("half", SAMPLE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://shop.example/p?q=1#x", True),
        ("http://127.0.0.1:8080/", True),
        ("https://bücher.example/", True),
        ("https://[broken", False),
        ("https://", False),
        ("//shop.example/", False),
        ("https:shop.example", False),
        ('https://shop.example/"x', False),
        ("https://shop.example/a b", False),
        ("data:text/html,x", False),
        ("https://a..example/", False),
    ],
)
def test_what_counts_as_a_web_address(text: str, expected: bool) -> None:
    assert is_url(text) is expected
