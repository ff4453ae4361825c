"""Letters: which font a text is set in, where its lines break, and what is drawn of a text.

The fonts lie in `fonts/`, 1 MB together, under the SIL Open Font License; `fonts/OFL.txt` goes wherever they
go, and says how they were made. Inter looks like the Helvetica that the rest of the email is set in, and has
Latin with all its accents, Greek, Cyrillic and the signs of most currencies. Pillow's own Aileron has Latin
alone; DejaVu Sans, which has all the scripts here, takes 1.5 MB and looks like no email. Vazirmatn has Arabic
and Persian, Heebo Hebrew, both with the Latin letters that stand between. A text is set in one font: the
first that has all of it.

For another script put its font beside these, as `Name-Regular.ttf` and `Name-SemiBold.ttf`. One for Chinese
or Japanese takes 5 MB a weight, which a shop that sells elsewhere should not have to carry. Until then such a
text is left out rather than drawn as boxes. From right to left, Pillow needs the system's FriBidi (Debian's
`libfribidi0`); without it, such texts are left out as well.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont, features

FONTS = Path(__file__).with_name("fonts")
REGULAR, SEMI_BOLD = "Regular", "SemiBold"
FIRST = "Inter"

MAX_CHARACTERS = 300
"""More than ever fits: what comes after is not looked at, so that no text costs more than another."""

ELLIPSIS = "…"

_UNSEEN = {"Cc", "Cf", "Co", "Cs", "Cn"}  # control and format characters, private use, surrogates, unassigned
_JOINERS = {"\u200c", "\u200d"}  # they belong to the spelling of Persian and of Indian scripts
_NARROW = 0.25  # the width of an "i", in sizes
_ENOUGH = (
    0.75  # of the letters: a title without one Chinese word in ten says what it said, without a half not
)
_PROBE_SIZE = 20


class Text(NamedTuple):
    """A text that can be drawn, and the family of its font. Empty where there is nothing to draw."""

    content: str
    family: str
    rtl: bool


def prepare(raw: str) -> Text:
    """What is drawn of `raw`: without characters that no font has, and empty where that would maim it."""
    spelled = " ".join(unicodedata.normalize("NFC", _visible(raw[:MAX_CHARACTERS])).split())
    rtl = _reads_from_right(spelled)
    if rtl and not features.check("raqm"):
        return Text("", FIRST, rtl)
    family = _family(spelled)
    content = _without_loose_joiners("".join(sign for sign in spelled if _has(family, sign)))
    if _letters(content) < _ENOUGH * _letters(spelled):
        content = ""
    return Text(content, family, rtl)


def font(family: str, weight: str, size: float) -> ImageFont.FreeTypeFont:
    """A font of this size in the picture's own pixels, or a quarter of a pixel less: so that few are kept."""
    return _font(family, weight, int(size * 4) / 4)


def width(text: str, face: ImageFont.FreeTypeFont) -> float:
    """How wide a line is, in pixels."""
    return face.getlength(text) if text else 0.0


def lines(text: str, face: ImageFont.FreeTypeFont, room: float, most: int) -> list[str]:
    """`text` in at most so many lines, each no wider than `room`; an ellipsis ends what had to be cut."""
    done: list[str] = []
    rest = text
    while rest:
        taken = _fitting(rest, face, room)
        if len(done) + 1 == most and taken < len(rest):
            done.append(_shortened(rest, face, room))
            break
        done.append(rest[:taken].rstrip())
        rest = rest[taken:].lstrip()
    return done


def _family(text: str) -> str:
    """The first that has all of it, or else the one that has most."""
    for family in _families():
        if all(_has(family, sign) for sign in text):
            return family
    return max(_families(), key=lambda each: sum(_has(each, sign) for sign in text))


def _fitting(text: str, face: ImageFont.FreeTypeFont, room: float) -> int:
    """How many characters go into a line: to the last blank that fits, or within a word too long for any."""
    most = _most_characters(text, face, room)
    if most == len(text):
        return most
    blank = text.rfind(" ", 0, most + 1)
    if blank > 0:
        return blank
    return _whole_sign(text, max(most, 1))


def _shortened(text: str, face: ImageFont.FreeTypeFont, room: float) -> str:
    cut = text[: _whole_sign(text, _most_characters(text, face, room - width(ELLIPSIS, face)))]
    return cut.rstrip(" ,;:.–—-·") + ELLIPSIS


def _most_characters(text: str, face: ImageFont.FreeTypeFont, room: float) -> int:
    """The longest beginning of `text` that fits, by halving; no longer than a line of narrow letters."""
    narrow = int(room / (_NARROW * face.size))
    if len(text) <= narrow and width(text, face) <= room:
        return len(text)
    fits, too_many = 0, min(len(text), narrow) + 1
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if width(text[:middle], face) <= room:
            fits = middle
        else:
            too_many = middle
    return fits


def _whole_sign(text: str, end: int) -> int:
    """`end`, moved so that accents stay with their letter."""
    while 1 < end < len(text) and unicodedata.combining(text[end]):
        end -= 1
    return end


def _visible(text: str) -> str:
    return "".join(
        " " if sign.isspace() else sign
        for sign in text
        if sign.isspace() or sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN
    )


def _without_loose_joiners(text: str) -> str:
    """A joiner stands after a letter; those that an emoji leaves behind would hold blanks apart."""
    kept = (sign for at, sign in enumerate(text) if sign not in _JOINERS or text[at - 1 : at].isalpha())
    return " ".join("".join(kept).split())


def _reads_from_right(text: str) -> bool:
    """By the first letter that has a direction: rule P2 of Unicode's bidirectional algorithm (UAX #9)."""
    for sign in text:
        direction = unicodedata.bidirectional(sign)
        if direction in {"L", "R", "AL"}:
            return direction != "L"
    return False


def _letters(text: str) -> int:
    return sum(sign.isalnum() for sign in text)


@lru_cache(maxsize=1)
def _families() -> list[str]:
    names = (path.stem.removesuffix(f"-{REGULAR}") for path in FONTS.glob(f"*-{REGULAR}.ttf"))
    return sorted(names, key=lambda name: (name != FIRST, name))


@lru_cache(maxsize=64)
def _font(family: str, weight: str, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"{family}-{weight}.ttf", size)


@lru_cache(maxsize=8192)
def _has(family: str, sign: str) -> bool:
    """Whether the font can draw a character: Pillow does not say, but draws its box for those it lacks."""
    return _drawn(family, sign) != _box(family)


@lru_cache(maxsize=64)
def _box(family: str) -> tuple[tuple[int, int], bytes]:
    return _drawn(family, "\U0010fffe")


def _drawn(family: str, sign: str) -> tuple[tuple[int, int], bytes]:
    mask, _ = _probe(family).getmask2(sign, mode="1")
    return mask.size, bytes(mask)


@lru_cache(maxsize=64)
def _probe(family: str) -> ImageFont.FreeTypeFont:
    """Kept, as FreeType takes a millisecond for the first letter of each font that is opened."""
    path = FONTS / f"{family}-{REGULAR}.ttf"
    return ImageFont.truetype(path, _PROBE_SIZE, layout_engine=ImageFont.Layout.BASIC)
