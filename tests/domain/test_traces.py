"""Where somebody is named in a text, and where not."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.traces import emails, has_email, has_word, normal_email, words

WITH_EMAIL = {
    "alone": ("ann@example.com", "ann@example.com"),
    "in a sentence": ("Write to ann.lee+shop@mail.example.co.uk.", "ann.lee+shop@mail.example.co.uk"),
    "in brackets": ("Ann Lee <ann@example.com>", "ann@example.com"),
    "in a URL": ("https://shop.example/?mail=ann@example.com&b=1", "ann@example.com"),
    "quoted as in a URL": ("https://shop.example/?mail=ann%2Bx%40example.com", "ann%2Bx%40example.com"),
    "in a URL within one": ("/?next=%2F%3Fa%3Dann%2540example.com", "%2F%3Fa%3Dann%2540example.com"),
    "quoted thrice": ("mail=ann%252540example.com&b=1", "ann%252540example.com"),
    "in HTML": ("<b>ann&#64;example.com</b>", "ann&#64;example.com"),
    "in HTML in hexadecimal digits": ("ann&#x40;example.com", "ann&#x40;example.com"),
    "in HTML with other digits": ("ann&#X0040;example.com", "ann&#X0040;example.com"),
    "in HTML within HTML": ("ann&amp;amp;#064;example.com", "ann&amp;amp;#064;example.com"),
    "with a full-width sign": ("ann＠example.com", "ann＠example.com"),
    "with a full-width sign in a URL": ("?m=ann%25ef%25bc%25a0example.com", "ann%25ef%25bc%25a0example.com"),
    "in quotation marks": ("'ann@example.com'", "ann@example.com"),
    "with an apostrophe": ("o'brien@example.ie", "o'brien@example.ie"),
    "with a quoted part": ('"ann"@example.com', '"ann"@example.com'),
    "in other letters": ("почта: анна@почта.рф", "анна@почта.рф"),
    "of a country in punycode": ("ann@xn--e1aybc.xn--p1ai", "ann@xn--e1aybc.xn--p1ai"),
    "at an address": ("root@[10.0.0.1]", "root@[10.0.0.1]"),
    "at a bare address": ("root@10.0.0.1", "root@10.0.0.1"),
    "after a mark": ("mailto:ann@example.com", "ann@example.com"),
    "in capitals": ("ANN@EXAMPLE.COM", "ANN@EXAMPLE.COM"),
}


def found_in(text: str) -> list[str]:
    return [normal_email(text[start:end]) for start, end in emails(text)]


@pytest.mark.parametrize(("text", "address"), WITH_EMAIL.values(), ids=WITH_EMAIL)
def test_an_address_is_found_in_any_text(text: str, address: str) -> None:
    assert has_email(text)
    assert [text[start:end] for start, end in emails(text)] == [address]


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "@",
            "50 % off @ home",
            "2@10",
            "@handle",
            "a@b",
            "a@b.",
            "50%40",
            "a@ b.de",
            "50%2540",
            "a＠b",
        ],
        *["a%2541b.de", "a%2520b.de", "a&#64;b", "a&#640;b.de", "a&#x64;b.de", "a&amp;b.de", "#4 40% b.de"],
    ],
)
def test_not_every_at_is_an_address(text: str) -> None:
    assert not has_email(text)


def test_all_of_several_are_found() -> None:
    text = "a@x.de,b@y.org;c@z.example"
    assert [text[start:end] for start, end in emails(text)] == ["a@x.de", "b@y.org", "c@z.example"]
    assert found_in(quote(text)) == ["a@x.de", "b@y.org", "c@z.example"]


@given(st.emails())
def test_no_ordinary_address_stays_whole(address: str) -> None:
    text = f"Write to {address} today"
    for start, end in reversed(list(emails(text))):
        text = text[:start] + "…" + text[end:]
    assert address not in text


@pytest.mark.parametrize(
    "spelling",
    [
        *["ann@example.com", " Ann@Example.COM ", "ann%40example.com", "ann%2540example.com"],
        *[
            "ann＠example.com",
            "ann%25EF%25BC%25A0example.com",
            "ann&#64;example.com",
            "Ann&amp;#x40;Example.com",
        ],
        *[
            "Ann Lee <ann@example.com>",
            "Ann%20Lee%20%3Cann%40example.com%3E",
            "%2F%3Fa%3Dann%2540example.com",
        ],
    ],
)
def test_one_address_has_one_form(spelling: str) -> None:
    assert normal_email(spelling) == "ann@example.com"


@pytest.mark.parametrize("text", ["Ann", "a@x.de, b@y.de", "50%40"])
def test_what_is_not_one_address_is_one_as_a_whole(text: str) -> None:
    assert normal_email(f" {text} ") == text.lower()


@given(
    st.emails(), st.integers(0, 5), st.sampled_from(["@", "＠"]), st.sampled_from(["", "%", "25", "%2541"])
)
def test_an_address_has_one_form_however_often_it_is_quoted(
    address: str, times: int, sign: str, first: str
) -> None:
    plain = first + address
    quoted = plain.replace("@", sign)
    for _ in range(times):
        quoted = quote(quoted, safe="")
    assert found_in(plain)
    assert found_in(quoted) == found_in(plain)
    assert normal_email(quoted) == normal_email(plain)


@pytest.mark.parametrize(
    "text", ["7", "a 7 b", "a_7_b", "id=7", "/7/", "7.", "(7)", "7-7", "x-7", "é 7", "７ 7"]
)
def test_a_word_stands_between_what_are_no_letters(text: str) -> None:
    assert has_word(text, "7")


@pytest.mark.parametrize("text", ["", "17", "7a", "é7", "a7b", "771", "７"])
def test_a_part_of_a_longer_word_is_none(text: str) -> None:
    assert not has_word(text, "7")


def test_a_word_may_have_any_form() -> None:
    assert [*words("-ann- x-ann-", "-ann-")] == [(0, 5), (7, 12)]
    assert [*words("GA1.1.5 aGA1.1.5 GA1.1.55 GA1.1.5", "GA1.1.5")] == [(0, 7), (26, 33)]


@given(st.text("ab7_ ", max_size=12), st.text("ab7_", min_size=1, max_size=3))
def test_words_do_not_overlap_and_are_what_was_sought(text: str, word: str) -> None:
    found = [*words(text, word)]
    assert all(text[start:end] == word for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


@pytest.mark.parametrize(
    "part",
    [
        *[
            "a",
            "a'",
            "a@",
            "a.",
            "%40",
            '"a',
            "a@b.",
            "1.",
            "xn--",
            "a b@",
            "a%2540",
            "a%25",
            "25",
            "a%EF%BC",
        ],
        *["a＠", "a&amp;", "&", "amp;", "a&#0", "0", "a%2540b.", "a&#64;b."],
    ],
)
@pytest.mark.parametrize("first", ["", "%", "&#"])
def test_no_text_takes_long(first: str, part: str) -> None:
    """A pattern that tries every beginning with every end would outlast the limit of this test."""
    assert not has_email(first + part * 30_000 + "@")


@pytest.mark.parametrize(
    "text", ["a%40b.de%2C" * 30_000, "a%" + "25" * 30_000 + "40b.de", "a@b.de+" * 30_000]
)
def test_no_address_takes_long(text: str) -> None:
    assert len(found_in(text)) in (1, 30_000)
    assert normal_email(text)
