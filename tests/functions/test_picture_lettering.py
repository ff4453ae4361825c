"""Which texts can be drawn, in which font, and where their lines break."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import features

from functions.picture import lettering
from functions.picture.lettering import ELLIPSIS, FONTS, REGULAR, SEMI_BOLD

needs_fribidi = pytest.mark.skipif(not features.check("raqm"), reason="FriBidi is not installed")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("Żółta lampa, 1.289,00 zł", "Inter"),
        ("Gemütlicher Stuhl für 99 € · ½ Preis", "Inter"),
        ("Επιτραπέζιο φωτιστικό", "Inter"),
        ("Настольная лампа «Дюна» 8 990 ₽", "Inter"),
        ("Đèn bàn ₫ ₺ ₹ ₴", "Inter"),
        pytest.param("مصباح طاولة IKEA 42", "Vazirmatn", marks=needs_fribidi),
        pytest.param("چراغ رومیزی می\u200cخواهم", "Vazirmatn", marks=needs_fribidi),
        pytest.param("מנורת שולחן ₪ 89", "Heebo", marks=needs_fribidi),
    ],
)
def test_a_text_is_set_in_the_font_that_has_all_of_it(text: str, family: str) -> None:
    prepared = lettering.prepare(text)
    assert (prepared.content, prepared.family) == (text, family)


@pytest.mark.parametrize(
    ("raw", "content"),
    [
        ("☕ Coffee & tea 👩‍👩‍👧 for two", "Coffee & tea for two"),
        ("  Lamp\n\tno.\u00a03\u200b\ufeff\x00 ", "Lamp no. 3"),
        ("Kessel 茶 1,5 l", "Kessel 1,5 l"),
        ("u\u0308ber", "über"),
        ("Lamp \ud83d", "Lamp"),
    ],
)
def test_what_no_font_has_is_left_out(raw: str, content: str) -> None:
    assert lettering.prepare(raw).content == content


@pytest.mark.parametrize("raw", ["デューンテーブルランプ", "台灯 LED", "🎁🎁", "", "\ue000", "\u202e\u202e"])
def test_a_text_that_would_be_maimed_is_not_drawn_at_all(raw: str) -> None:
    assert lettering.prepare(raw).content == ""


def test_a_text_from_right_to_left_is_not_drawn_backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    assert lettering.prepare("مصباح طاولة").content == ""
    assert lettering.prepare("Lamp").content == "Lamp"


@needs_fribidi
def test_the_first_letter_says_from_where_a_text_is_read() -> None:
    assert [lettering.prepare(text).rtl for text in ("42 مصباح IKEA", "IKEA مصباح", "42", "מנורה")] == [
        True,
        False,
        False,
        True,
    ]


words = st.text(st.characters(codec="latin-1", categories=["L", "N", "P"]), min_size=1, max_size=40)


@given(st.lists(words, max_size=12), st.integers(100, 700), st.integers(1, 4))
def test_lines_fit_and_hold_the_text_in_order(words: list[str], room: int, most: int) -> None:
    prepared = lettering.prepare(" ".join(words))
    face = lettering.font(prepared.family, SEMI_BOLD, 32)
    lines = lettering.lines(prepared.content, face, room, most)
    assert len(lines) <= most
    assert all(lettering.width(line, face) <= room for line in lines)
    joined, whole = "".join(lines).replace(" ", ""), prepared.content.replace(" ", "")
    if joined != whole:
        assert len(lines) == most
        assert lines[-1].endswith(ELLIPSIS)
        assert whole.startswith(joined.removesuffix(ELLIPSIS))


def test_lines_break_at_blanks_and_within_words_that_no_line_has_room_for() -> None:
    face = lettering.font("Inter", REGULAR, 32)
    room = lettering.width("a handmade lamp", face)
    assert lettering.lines("a handmade lamp of clay", face, room, 3) == ["a handmade lamp", "of clay"]
    first, second = lettering.lines("W" * 12, face, lettering.width("W" * 8, face), 2)
    assert (first, second) == ("W" * 8, "W" * 4)


def test_the_licence_lies_beside_the_fonts_and_names_each() -> None:
    licence = (FONTS / "OFL.txt").read_text(encoding="utf-8")
    families = {path.name.split("-")[0] for path in FONTS.glob("*.ttf")}
    assert families
    assert all(f"{family} " in licence for family in families)
    assert all((FONTS / f"{family}-{SEMI_BOLD}.ttf").exists() for family in families)
    assert sum(path.stat().st_size for path in FONTS.iterdir()) < 2_000_000
