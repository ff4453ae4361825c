"""What a brand adds to an email: its fonts and the end of its emails, neither of which can break it."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evermail.campaigns import Brand, Parts, render, sample_context
from evermail.campaigns.brand import Fonts, Footer, FooterLink

SAMPLE = sample_context("price_drop")


def with_brand(**changes: object) -> Parts:
    brand = msgspec.structs.replace(SAMPLE.brand, **changes)
    return render("price_drop", msgspec.structs.replace(SAMPLE, brand=brand))


class TestFonts:
    @pytest.mark.parametrize(
        "stack",
        [
            "serif",
            "Georgia, serif",
            "Georgia,'Times New Roman',serif",
            "'Helvetica Neue', Helvetica, Arial, sans-serif",
            "Menlo, 'Courier New', monospace",
        ],
    )
    def test_lists_of_families_are_taken(self, stack: str) -> None:
        parts = with_brand(fonts=Fonts(heading=stack, body=stack))
        assert f"font-family:{stack}" in parts.amp
        assert stack in parts.html

    @pytest.mark.parametrize(
        "stack",
        [
            "",
            "Georgia",
            "Georgia, cursive",
            "Times New Roman, serif",
            '"Times New Roman", serif',
            "serif;color:red",
            "serif}body{display:none",
            "url(https://shop.example/f.woff), serif",
            "'</style><script>', serif",
            "'a\\27, serif",
            "serif\n",
            "var(--x), serif",
        ],
    )
    def test_anything_else_is_refused_by_name(self, stack: str) -> None:
        with pytest.raises(ValueError, match="heading"):
            Fonts(heading=stack)

    @given(st.text())
    @example("'a', serif")
    @example("a, b,c, monospace")
    def test_what_is_taken_cannot_end_a_declaration(self, stack: str) -> None:
        try:
            Fonts(body=stack)
        except ValueError:
            return
        assert re.fullmatch(r"[A-Za-z0-9 ,'-]+", stack)
        assert stack.count("'") % 2 == 0

    def test_outlook_gets_one_that_it_has(self) -> None:
        html = with_brand(fonts=Fonts("'Gill Sans', sans-serif", "'Iowan Old Style', serif")).html
        (outlook,) = re.findall(r"<style>(table.*?)</style>", html)
        assert "body,td,a,p,div{font-family:Georgia, serif!important}" in outlook
        assert "h1,h2,h1 a,h2 a{font-family:Arial, sans-serif!important}" in outlook


class TestFooter:
    LINKS = (FooterLink("Contact", "https://shop.example/contact"), FooterLink("Terms", "https://t.example/"))

    @pytest.mark.parametrize("part", ["text", "amp", "html"])
    def test_it_stands_in_every_part(self, part: str) -> None:
        body = getattr(with_brand(footer=Footer("Registered in Bristol.", self.LINKS)), part)
        assert "Registered in Bristol." in body
        for link in self.LINKS:
            assert link.label in body
            assert link.url in body

    def test_without_one_nothing_stands_in_its_place(self) -> None:
        assert Brand(name="A", address="B", shop_url="https://a.example").footer == Footer()
        parts = with_brand(footer=Footer())
        assert '<p dir="auto"></p>' not in parts.amp
        assert "Contact" not in parts.amp + parts.html + parts.text

    @pytest.mark.parametrize(("label", "url"), [(" ", "https://a.example"), ("Terms", "javascript:alert(1)")])
    def test_a_link_needs_a_name_and_an_address(self, label: str, url: str) -> None:
        with pytest.raises(ValueError, match=r"label|url"):
            FooterLink(label, url)
