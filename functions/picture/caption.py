"""The texts of a card: title, price and reason below the frame, the note in its corner."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from functions.picture import lettering
from functions.picture.lettering import REGULAR, SEMI_BOLD, Text
from functions.picture.look import PADDING, Card, Look
from functions.picture.shapes import rounded

GAP = 12
"""CSS pixels between the frame and the title."""

TITLE, PRICE, REASON, NOTE = (16, 21), (17, 28), (13, 20), (12, 24)
"""Sizes of letters and heights of a line, in CSS pixels. A card has room for one more line of title."""

TITLE_LINES = 2

SMALLEST = 0.6
"""A price too wide for its line is set in smaller letters, down to so much of its size, and then left out."""

_PRICE_GAP = 8
_NOTE_INSET, _NOTE_PADDING = 16, 10
_HALF_CAPITAL = 0.36  # half the height of a capital letter, in sizes: so far is the baseline below the middle
_MIDDLE_OF_FIGURES = 0.34  # where a price is struck through, above the baseline, in sizes


class Caption:
    """Writes a card's texts on an image, from the side that its title is read from."""

    def __init__(self, image: Image.Image, card: Card, look: Look) -> None:
        self._image = image
        self._pen = ImageDraw.Draw(image)
        self._card = card
        self._look = look
        self._scale = look.scale
        self._title = lettering.prepare(card.title)
        self._rtl = self._title.rtl
        self._left, self._right = PADDING * look.scale, (look.width - PADDING) * look.scale

    def write(self) -> None:
        """All that there is to write. Of a line that is missing the next takes the place."""
        colours = self._look.colours
        top = self._look.frame[3] + GAP * self._scale
        top = self._paragraph(self._title, top, TITLE, SEMI_BOLD, colours.ink, TITLE_LINES)
        top = self._prices(top)
        self._paragraph(lettering.prepare(self._card.reason), top, REASON, REGULAR, colours.muted, 1)
        self._note()

    def _paragraph(
        self, text: Text, top: int, style: tuple[int, int], weight: str, colour: str, most: int
    ) -> int:
        face = lettering.font(text.family, weight, style[0] * self._scale)
        for line in lettering.lines(text.content, face, self._right - self._left, most):
            self._put(line, face, self._start(0), self._baseline(top, style), colour)
            top += style[1] * self._scale
        return top

    def _prices(self, top: int) -> int:
        """The price, and beside it what it was: in smaller letters where they are long, but never cut."""
        price, was = lettering.prepare(self._card.price), lettering.prepare(self._card.was)
        size = PRICE[0] * self._scale
        room, gap = self._right - self._left, _PRICE_GAP * self._scale
        price_width = lettering.width(price.content, lettering.font(price.family, SEMI_BOLD, size))
        was_width = lettering.width(was.content, lettering.font(was.family, REGULAR, size))
        shrink = min(1.0, room / (price_width + gap + was_width))
        if shrink < SMALLEST:
            was, shrink = Text("", was.family, was.rtl), min(1.0, room / (price_width or 1))
        if not price.content or shrink < SMALLEST:
            return top
        baseline = self._baseline(top, PRICE)
        face = lettering.font(price.family, SEMI_BOLD, size * shrink)
        self._put(price.content, face, self._start(0), baseline, self._look.colours.ink)
        if was.content:
            start = self._start(lettering.width(price.content, face) + gap * shrink)
            self._struck(was.content, lettering.font(was.family, REGULAR, size * shrink), start, baseline)
        return top + PRICE[1] * self._scale

    def _struck(self, text: str, face: ImageFont.FreeTypeFont, start: float, baseline: int) -> None:
        colour = self._look.colours.muted
        self._put(text, face, start, baseline, colour)
        length = lettering.width(text, face)
        left = start - length if self._rtl else start
        middle = round(baseline - face.size * _MIDDLE_OF_FIGURES)
        self._pen.rectangle((round(left), middle, round(left + length), middle + self._scale // 2), colour)

    def _note(self) -> None:
        """A label in the corner of the frame where reading begins."""
        text = lettering.prepare(self._card.note)
        face = lettering.font(text.family, SEMI_BOLD, NOTE[0] * self._scale)
        left, top, right, _ = self._look.frame
        inset, padding = _NOTE_INSET * self._scale, _NOTE_PADDING * self._scale
        room = right - left - 2 * (inset + padding)
        for line in lettering.lines(text.content, face, room, 1):
            width, height = round(lettering.width(line, face)) + 2 * padding, NOTE[1] * self._scale
            x, y = (right - inset - width if self._rtl else left + inset), top + inset
            self._image.paste(self._look.colours.accent, (x, y), rounded(width, height, height // 2))
            middle = (x + width / 2, self._baseline(y, NOTE))
            self._pen.text(middle, line, self._look.colours.on_accent, face, anchor="ms")

    def _put(self, line: str, face: ImageFont.FreeTypeFont, start: float, baseline: int, colour: str) -> None:
        self._pen.text((start, baseline), line, colour, face, anchor="rs" if self._rtl else "ls")

    def _start(self, after: float) -> float:
        """Where a line begins, or goes on so many pixels after its beginning."""
        return self._right - after if self._rtl else self._left + after

    def _baseline(self, top: int, style: tuple[int, int]) -> int:
        size, height = style
        return top + round((height / 2 + size * _HALF_CAPITAL) * self._scale)
