"""Colours as CSS writes them."""

from __future__ import annotations

import re

_NAMED = {
    "black": "#000000",
    "silver": "#c0c0c0",
    "gray": "#808080",
    "grey": "#808080",
    "white": "#ffffff",
    "maroon": "#800000",
    "red": "#ff0000",
    "purple": "#800080",
    "fuchsia": "#ff00ff",
    "green": "#008000",
    "lime": "#00ff00",
    "olive": "#808000",
    "yellow": "#ffff00",
    "navy": "#000080",
    "blue": "#0000ff",
    "teal": "#008080",
    "aqua": "#00ffff",
    "orange": "#ffa500",
    "darkgray": "#a9a9a9",
    "darkgrey": "#a9a9a9",
    "lightgray": "#d3d3d3",
    "lightgrey": "#d3d3d3",
    "dimgray": "#696969",
    "dimgrey": "#696969",
    "whitesmoke": "#f5f5f5",
}
"""The names of CSS 2, and the greys."""

_RGB = re.compile(r"rgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*(?:[,/]\s*([\d.]+)(%?)\s*)?\)")


def hex_of(text: str) -> str | None:
    """A colour as `#rrggbb`; None for one that is not known, or lets through what is behind it."""
    text = text.strip().lower()
    if re.fullmatch(r"#[0-9a-f]{3}", text):
        return "#" + "".join(digit * 2 for digit in text[1:])
    if re.fullmatch(r"#[0-9a-f]{6}", text):
        return text
    if rgb := _RGB.fullmatch(text):
        alpha = float(rgb[4] or 1) / (100 if rgb[5] else 1)
        channels = [int(rgb[number]) for number in (1, 2, 3)]
        if alpha < 1 or max(channels) > 255:
            return None
        return "#" + "".join(f"{channel:02x}" for channel in channels)
    return _NAMED.get(text)
