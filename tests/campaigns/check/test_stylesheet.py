"""CSS as emails write it, with lines, and what an element has of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.campaigns.check.colours import hex_of
from evermail.campaigns.check.document import Document
from evermail.campaigns.check.stylesheet import Cascade, declarations, rules


def colour(css: str, markup: str, *, dark: bool = False) -> str | None:
    """The colour of the element with the id `it`."""
    document = Document(f"<style>{css}</style>{markup}")
    element = next(one for one in document.walk() if one.attributes.get("id") == "it")
    return Cascade(document, lambda media: not media or dark).of(element).get("color")


@pytest.mark.parametrize(
    ("css", "expected"),
    [
        ("p{color:red}", "red"),
        ("p{color:red}.a{color:blue}", "blue"),
        (".a{color:blue}p{color:red}", "blue"),
        ("#it{color:green}.a.b{color:blue}", "green"),
        (".a{color:blue!important}#it{color:green}", "blue"),
        ("div p{color:red}", "red"),
        ("div > p{color:red}", "red"),
        ("main > p{color:red}", None),
        ("main p{color:red}", "red"),
        ("span p{color:red}", None),
        ("p:hover{color:red}", None),
        ("[data-ogsc] p{color:red}", None),
        ("b,p , i{color:red}", "red"),
        ("@media (max-width:480px){p{color:red}}", None),
        ("/* p{color:red} */", None),
        ("@import 'x.css';p{color:red}", "red"),
        ("p{background:url(data:x;y{z}) ;color:red}", "red"),
    ],
)
def test_the_strongest_rule_wins(css: str, expected: str | None) -> None:
    assert colour(css, '<main><div><p id="it" class="a b">x</p></div></main>') == expected


def test_an_inline_style_beats_rules_but_not_important_ones() -> None:
    assert colour("p{color:red}", '<p id="it" style="color:blue">') == "blue"
    assert colour("p{color:red!important}", '<p id="it" style="color:blue">') == "red"


def test_dark_rules_count_in_dark_mode_only() -> None:
    css = "p{color:red}@media (prefers-color-scheme:dark){p{color:white!important}}"
    assert colour(css, '<p id="it">') == "red"
    assert colour(css, '<p id="it">', dark=True) == "white"


def test_declarations_know_their_lines() -> None:
    found = declarations("color:red;\n  font-size : 1px ;\n;margin:0", 7)
    assert [(one.name, one.value, one.line) for one in found] == [
        ("color", "red", 7), ("font-size", "1px", 8), ("margin", "0", 9),
    ]  # fmt: skip


def test_rules_know_their_lines_and_conditions() -> None:
    found = list(rules("\np{color:red}\n@media print{\nb{color:red}\n}\n@font-face{src:url(x)}", 3))
    assert [(one.at, one.selectors, one.media, one.line) for one in found] == [
        ("", ("p",), "", 4),
        ("media", (), "", 5),
        ("", ("b",), "print", 6),
        ("font-face", (), "", 8),
    ]


@given(st.text(alphabet="p{}();:@/*'\"\\ \na#.,!", max_size=60))
def test_no_css_is_too_broken_to_be_read(css: str) -> None:
    lines = css.count("\n") + 1
    assert all(1 <= rule.line <= lines for rule in rules(css))
    assert all(1 <= one.line <= lines for one in declarations(css))


@given(st.text(alphabet="<>/ap\"'= !-td&;\n", max_size=60))
def test_no_markup_is_too_broken_to_be_read(markup: str) -> None:
    lines = markup.count("\n") + 1
    assert all(1 <= element.line <= lines for element in Document(markup).walk())


def test_elements_without_end_tags_end_where_browsers_end_them() -> None:
    document = Document("<table><tr><td>a<td>b<tr><td>c</table><p>d<div>e</div>")
    assert [cell.text for cell in document.find("td")] == ["a", "b", "c"]
    assert [one.text for one in document.find("p", "div")] == ["d", "e"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("#FFF", "#ffffff"),
        ("#1d2320", "#1d2320"),
        ("rgb(255, 0, 16)", "#ff0010"),
        ("rgba(255,0,16,1)", "#ff0010"),
        ("rgba(255,0,16,.5)", None),
        ("rgb(256,0,0)", None),
        ("White", "#ffffff"),
        ("transparent", None),
        ("var(--x)", None),
    ],
)
def test_colours_are_told_as_one_form(written: str, expected: str | None) -> None:
    assert hex_of(written) == expected
