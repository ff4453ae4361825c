"""Whether texts can be read on what is behind them, in light and in dark mode.

Source of the thresholds: WCAG 2.2, success criterion 1.4.3 (level AA).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from evermail.campaigns.brand import MIN_TEXT_CONTRAST, contrast
from evermail.campaigns.check.colours import hex_of
from evermail.campaigns.check.document import Document, Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, warning
from evermail.campaigns.check.stylesheet import Cascade
from evermail.campaigns.check.visibility import hides

BRAND_CONTRAST = warning(
    "brand_contrast",
    "Two colours of the brand are too much alike for text.",
    "Make one of them darker or lighter in the brand file, until their contrast is 4.5.",
)
TEXT_CONTRAST = warning(
    "text_contrast",
    "A text is hard to read: its colour is too much like what is behind it.",
    "Make the text darker or its background lighter, or the other way round, until there is enough contrast.",
)

MIN_LARGE_CONTRAST = 3.0
LARGE_PX, LARGE_BOLD_PX = 24.0, 18.66
"""CSS pixels of 18 and 14 points, from which on text is large."""

_LINK = "#0000ee"
_OWN_LOOK = frozenset(("button", "select", "textarea", "input"))
"""Elements that a mail program gives colours of its own."""

_SIZES = {"px": 1.0, "pt": 4 / 3}
_NOT_TEXT = re.compile(r"[\s\u00ad\u034f\u2000-\u200f\u2060\ufeff\u00a0]+")


def find(draft: Draft) -> Iterator[Finding]:
    if draft.brand is not None:
        for mode, palette in (("light", draft.brand.light), ("dark", draft.brand.dark)):
            for text, back in palette.text_pairs():
                ratio = contrast(getattr(palette, text), getattr(palette, back))
                if ratio < MIN_TEXT_CONTRAST:
                    what = f"{text} on {back} of the {mode} colours has a contrast of {ratio:.1f}"
                    yield BRAND_CONTRAST.at("brand", 0, what)
    if draft.parts.amp.strip():
        yield from _in_document("amp", draft.amp, dark=False)
    if draft.parts.html.strip():
        yield from _in_document("html", draft.html, dark=False)
        if "prefers-color-scheme" in draft.parts.html:
            yield from _in_document("html", draft.html, dark=True)


@dataclass(frozen=True)
class _Look:
    """What an element inherits; a colour that cannot be known is None. `size` is in CSS pixels."""

    colour: str | None = "#000000"
    back: str | None = "#ffffff"
    size: float = 16.0
    bold: bool = False

    @property
    def needed(self) -> float:
        large = self.size >= LARGE_PX or (self.bold and self.size >= LARGE_BOLD_PX)
        return MIN_LARGE_CONTRAST if large else MIN_TEXT_CONTRAST


def _in_document(part: str, document: Document, *, dark: bool) -> Iterator[Finding]:
    """One finding for each pair of colours, at the first text that has it."""
    cascade = Cascade(document, _is_dark if dark else lambda media: not media)
    start = _Look(colour=None, back=None) if dark else _Look()
    said: set[tuple[str, str]] = set()
    waiting: list[tuple[Element, _Look]] = [(document, start)]
    while waiting:
        element, inherited = waiting.pop()
        style = cascade.of(element)
        if hides(style) or "hidden" in element.attributes:
            continue
        look = _looks(element, style, inherited)
        text = element.attributes.get("value", "") if element.tag == "input" else element.own_text
        if look.colour and look.back and _NOT_TEXT.sub("", text) and (look.colour, look.back) not in said:
            ratio = contrast(look.colour, look.back)
            if ratio < look.needed:
                said.add((look.colour, look.back))
                mode = " in dark mode" if dark else ""
                what = (
                    f"“{brief(text, 30)}”{mode} is {look.colour} on {look.back}: "
                    f"a contrast of {ratio:.1f}, {look.needed:g} are needed"
                )
                yield TEXT_CONTRAST.at(part, element.line, what)
        waiting.extend((child, look) for child in reversed(element.children) if isinstance(child, Element))


def _is_dark(media: str) -> bool:
    return not media or re.fullmatch(r".*prefers-color-scheme\s*:\s*dark.*", media) is not None


def _looks(element: Element, style: dict[str, str], inherited: _Look) -> _Look:
    look = inherited
    own_look = element.tag in _OWN_LOOK
    if own_look and element.attributes.get("type") == "hidden":
        return replace(look, colour=None)
    if element.tag == "a" and "href" in element.attributes:
        look = replace(look, colour=_LINK)
    elif own_look:
        look = replace(look, colour=None, back=None)
    if colour := style.get("color") or element.attributes.get("color" if element.tag == "font" else ""):
        if colour.lower() not in ("inherit", "currentcolor"):
            look = replace(look, colour=hex_of(colour))
        else:
            look = replace(look, colour=inherited.colour)
    look = replace(look, back=_back(element, style, look.back))
    if size := _size(style.get("font-size", ""), inherited.size):
        look = replace(look, size=size)
    if weight := style.get("font-weight", ""):
        look = replace(look, bold=weight == "bold" or (weight.isdecimal() and int(weight) >= 700))
    elif element.tag in ("b", "strong", "th", "h1", "h2", "h3", "h4"):
        look = replace(look, bold=True)
    if re.fullmatch(r"0?\.\d+", style.get("opacity", "")):
        look = replace(look, colour=None)
    return look


def _back(element: Element, style: dict[str, str], behind: str | None) -> str | None:
    """What is behind the text of an element; an image may be of any colour."""
    shorthand, image = style.get("background", ""), style.get("background-image", "none")
    if "background" in element.attributes or "url(" in shorthand or image.lower() != "none":
        return None
    if "gradient(" in shorthand:
        return None
    colour = style.get("background-color") or shorthand or element.attributes.get("bgcolor", "")
    if colour.lower() in ("", "none", "transparent", "inherit", "initial"):
        return behind
    return hex_of(colour.split()[0] if "(" not in colour else colour)


def _size(text: str, inherited: float) -> float | None:
    number = re.fullmatch(r"([\d.]+)(px|pt|em|rem|%)", text.strip().lower())
    if number is None:
        return None
    value, unit = float(number[1]), number[2]
    if unit in _SIZES:
        return value * _SIZES[unit]
    return value * {"em": inherited, "rem": 16.0, "%": inherited / 100}[unit]
