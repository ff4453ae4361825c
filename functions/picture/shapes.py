"""Shapes with round corners, and the shopping bag that stands where there is no photo.

Pillow's curves have steps: each shape is drawn several times as large, made smaller, and kept.
"""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageChops, ImageDraw

_SMOOTH = 4
_BAG_WIDTH = 0.8  # of its height


@lru_cache(maxsize=16)
def rounded(width: int, height: int, radius: int) -> Image.Image:
    """The mask of a filled rectangle."""
    mask = Image.new("L", (width, height), 255)
    corner = _corner(radius, 0)
    _put_corners(mask, corner)
    return mask


@lru_cache(maxsize=16)
def outline(width: int, height: int, radius: int, stroke: int) -> Image.Image:
    """The mask of a rectangle's line, as wide as `stroke`, within the rectangle."""
    mask = Image.new("L", (width, height), 255)
    mask.paste(0, (stroke, stroke, width - stroke, height - stroke))
    _put_corners(mask, _corner(radius, stroke))
    return mask


@lru_cache(maxsize=16)
def bag(height: int, fill: str, line: str) -> Image.Image:
    """A bag with its handle, on a transparent ground. It needs no words, and suits every shop."""
    tall, wide = height * _SMOOTH, round(height * _BAG_WIDTH) * _SMOOTH
    stroke = max(1, round(tall * 0.025))
    shoulder, inset, low = round(tall * 0.28), round(wide * 0.08), tall - stroke
    body = [(inset, shoulder), (wide - inset, shoulder), (wide - stroke, low), (stroke, low)]
    shape, edge = Image.new("L", (wide, tall), 0), Image.new("L", (wide, tall), 0)
    ImageDraw.Draw(shape).polygon(body, fill=255)
    pen = ImageDraw.Draw(edge)
    pen.line([*body, body[0], body[1]], fill=255, width=stroke, joint="curve")
    pen.arc((wide * 0.3, stroke, wide * 0.7, shoulder * 2 - stroke), 180, 360, fill=255, width=stroke)
    for x in (round(wide * 0.3), round(wide * 0.7) - stroke):
        pen.rectangle((x, shoulder, x + stroke, shoulder + round(tall * 0.09)), fill=255)
    image = Image.new("RGB", (wide, tall), fill)
    image.paste(line, mask=edge)
    image.putalpha(ImageChops.lighter(edge, shape))
    return image.resize((wide // _SMOOTH, height), Image.Resampling.LANCZOS)


def _corner(radius: int, stroke: int) -> Image.Image:
    """The upper left corner: a quarter of a disc, or of a ring where `stroke` is not 0."""
    side = radius * _SMOOTH
    corner = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(corner)
    pen.ellipse((0, 0, 2 * side - 1, 2 * side - 1), fill=255)
    if stroke:
        inner = stroke * _SMOOTH
        pen.ellipse((inner, inner, 2 * side - 1 - inner, 2 * side - 1 - inner), fill=0)
    return corner.resize((radius, radius), Image.Resampling.BOX)


def _put_corners(mask: Image.Image, corner: Image.Image) -> None:
    mirrored, flipped = Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM
    right, bottom = mask.width - corner.width, mask.height - corner.height
    mask.paste(corner, (0, 0))
    mask.paste(corner.transpose(mirrored), (right, 0))
    mask.paste(corner.transpose(flipped), (0, bottom))
    mask.paste(corner.transpose(mirrored).transpose(flipped), (right, bottom))
