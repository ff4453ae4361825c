"""An email as clients show it: with AMP, without, with pictures off, in the dark."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from demo.amp_preview import preview
from demo.studio.shelves import Opened
from evermail import clock
from evermail.campaigns.render import Parts

VIEWS = ("amp", "html", "images-off", "dark")

_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)")
_SCHEME = re.compile(r"color-scheme:\s*light dark")
_PICTURE = re.compile(r"(<img\b[^>]*?\bsrc=)(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_BACKGROUND = re.compile(r"background(?:-image)?\s*:[^;\"]*url\([^)]*\)", re.IGNORECASE)
_SLOT = re.compile(r"/slot_image\?t=[^&\"]*&(?:amp;)?n=(\d+)")


def view(
    name: str, parts: Parts, opened: Opened | None, endpoint: str, localized: Callable[[str], str], slot: str
) -> str:
    """The document for a frame. `slot` is the address that pictures of slots are at here, up to the number;
    `localized` leads other pictures to where they can be had. Raises `KeyError` for a view there is not."""
    if name == "amp":
        return localized(preview(parts.amp, answer(opened)))
    if name not in VIEWS:
        raise KeyError(name)
    html = parts.html.replace(endpoint + "/slot_image", "/slot_image")
    html = _in_mode(_SLOT.sub(lambda found: f"{slot}{found[1]}", localized(html)), dark=name == "dark")
    return _without_pictures(html) if name == "images-off" else html


def answer(opened: Opened | None) -> Mapping[str, object]:
    """The JSON that an AMP client gets; empty where there is none, which shows the fallback."""
    if opened is None:
        return {}
    items = [msgspec.to_builtins(one) for one in opened.items]
    as_of = clock.to_rfc3339(opened.as_of) if opened.as_of else None
    return {"items": items, "source": opened.source, "as_of": as_of}


def _in_mode(html: str, *, dark: bool) -> str:
    """As a client shows it in one mode, whatever this machine prefers."""
    html = _DARK.sub(lambda found: "all" if (found[1] == "dark") is dark else "not all", html)
    return _SCHEME.sub(f"color-scheme:{'dark' if dark else 'light'}", html)


def _without_pictures(html: str) -> str:
    """As most clients show it until a reader asks for pictures: in their places, the words for them."""
    return _BACKGROUND.sub("background:none", _PICTURE.sub(r'\1"data:,"', html))
