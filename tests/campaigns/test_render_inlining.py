"""Styles come into the elements of an HTML part, and nothing else of it changes its meaning."""

from __future__ import annotations

from html import escape
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from evermail.campaigns.inlining import inlined

DOCUMENT = """<!doctype html>
<html lang="en"><head><title>Title</title>
<!--[if mso]><style>td{mso-line-height-rule:exactly}</style><![endif]-->
<style inlined>
.ink{color:#111111;mso-padding-alt:4px} p{margin:0} .b{font-family:'Trebuchet MS',serif}
</style>
<style>@media (max-width:480px){.ink{color:red!important}} [data-ogsc] .ink{color:blue}</style>
</head><body><p class="ink" title="TEXT">TEXT</p><p class="b" style="margin:2px">b</p>
<!--[if mso]></td><![endif]--></body></html>
"""


def document(text: str = "text") -> str:
    return DOCUMENT.replace("TEXT", text)


def test_its_rules_become_attributes_and_its_sheet_goes() -> None:
    result = inlined(document())
    assert 'style="margin: 0;color: #111111;mso-padding-alt: 4px"' in result.replace(';"', '"')
    assert "<style inlined" not in result
    assert ".ink{color:#111111" not in result


def test_what_an_element_says_itself_holds() -> None:
    assert "margin: 2px" in inlined(document())


def test_what_can_stand_nowhere_else_stays() -> None:
    result = inlined(document())
    assert "@media (max-width:480px){.ink{color:red!important}}" in result
    assert "[data-ogsc] .ink{color:blue}" in result
    assert "<!--[if mso]><style>td{mso-line-height-rule:exactly}</style><![endif]-->" in result
    assert "<!--[if mso]></td><![endif]-->" in result


def test_references_stay_references() -> None:
    text = "&#123;&#123;name&#125;&#125; &lt;b&gt; &amp; &#34;x&#34; &#39;y&#39;"
    result = inlined(document(text))
    assert f'title="{text}"' in result
    assert f">{text}</p>" in result


@given(st.text(st.characters(exclude_categories=["C"])))
def test_any_text_reads_as_before(text: str) -> None:
    before, after = document(escape(text)), inlined(document(escape(text)))
    assert read(after) == read(before)


def test_a_document_without_such_a_sheet_is_left_alone() -> None:
    assert inlined("<p class='a'>fine</p><style>.a{color:red}</style>") == (
        "<p class='a'>fine</p><style>.a{color:red}</style>"
    )


def read(source: str) -> tuple[str, str | None]:
    """Text and title of the first paragraph."""
    text, titles = [], []

    class Reader(HTMLParser):
        inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag == "p" and not titles:
                self.inside = True
                titles.append(dict(attrs).get("title"))

        def handle_endtag(self, tag: str) -> None:
            self.inside = False

        def handle_data(self, data: str) -> None:
            if self.inside:
                text.append(data)

    Reader().feed(source)
    return "".join(text), titles[0]
