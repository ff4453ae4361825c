"""Draws pictures: a card as the AMP part shows it, and the one that stands in where there is no card."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw

from functions.picture import lettering
from functions.picture.caption import TITLE, Caption
from functions.picture.encoding import encoded
from functions.picture.lettering import SEMI_BOLD
from functions.picture.look import MAX_BYTES, PADDING, Card, Look
from functions.picture.scaling import WHITE, fitted
from functions.picture.shapes import bag, outline, rounded

RADIUS = 12
"""Of the frame's corners, in CSS pixels."""

PHOTO_RADIUS = 6
"""Of the photo in it: what is left of the frame's within its inset."""

DEFAULT_LINES = 3
_BAG_GAP = 22


def card(card: Card, photo: bytes | None, look: Look) -> bytes:
    """See `functions.picture.draw`."""
    found = fitted(photo, look.photo_size, enlarge=look.scale) if photo else None
    drawn = encoded(_card(card, found, look))
    if len(drawn) > MAX_BYTES:  # so full of noise that it has to be done without
        drawn = encoded(_card(card, None, look))
    return drawn


def default(look: Look, text: str) -> bytes:
    """See `functions.picture.default`."""
    prepared = lettering.prepare(text)
    face = lettering.font(prepared.family, SEMI_BOLD, TITLE[0] * look.scale)
    lines = lettering.lines(prepared.content, face, (look.width - 4 * PADDING) * look.scale, DEFAULT_LINES)
    step, gap = TITLE[1] * look.scale, _BAG_GAP * look.scale if lines else 0
    sign = bag(look.size[0] // 4, look.colours.paper, look.colours.muted)
    width, height = look.size
    image = Image.new("RGB", look.size, look.colours.canvas)
    top = (height - sign.height - gap - step * len(lines)) // 2
    image.paste(sign, ((width - sign.width) // 2, top), sign)
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        middle = top + sign.height + gap + step * number + step // 2
        pen.text((width / 2, middle), line, look.colours.ink, face, anchor="mm")
    return encoded(image)


def _card(card: Card, photo: Image.Image | None, look: Look) -> Image.Image:
    image = _ground(look, pictogram=photo is None).copy()
    if photo is not None:
        left, top, right, bottom = look.frame
        corners = rounded(*photo.size, PHOTO_RADIUS * look.scale)
        image.paste(photo, ((left + right - photo.width) // 2, (top + bottom - photo.height) // 2), corners)
    Caption(image, card, look).write()
    return image


@lru_cache(maxsize=4)
def _ground(look: Look, *, pictogram: bool) -> Image.Image:
    """What all cards have in common: the frame for a photo, or the area in its place."""
    image = Image.new("RGB", look.size, look.colours.paper)
    left, top, right, bottom = look.frame
    width, height, radius = right - left, bottom - top, RADIUS * look.scale
    if pictogram:
        image.paste(look.colours.canvas, (left, top), rounded(width, height, radius))
        sign = bag(height // 3, look.colours.paper, look.colours.muted)
        image.paste(sign, ((left + right - sign.width) // 2, (top + bottom - sign.height) // 2), sign)
    else:
        image.paste(WHITE, (left, top), rounded(width, height, radius))
        image.paste(look.colours.line, (left, top), outline(width, height, radius, look.scale))
    return image
