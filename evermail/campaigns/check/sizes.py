"""What mail programs cut, or refuse, because it is too much."""

from __future__ import annotations

from collections.abc import Iterator

from evermail.campaigns.check.document import Document
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, error, warning

AMP_TOO_LARGE = error(
    "amp_too_large",
    "The AMP part has more than 200,000 bytes: it is not shown.",
    "Show fewer products in its fallback, and delete styles that nothing uses.",
)
AMP_LARGE = warning(
    "amp_large",
    "The AMP part has more than 100,000 bytes: some versions of Gmail do not show it.",
    "Show fewer products in its fallback, and delete styles that nothing uses.",
)
STYLES_TOO_LARGE = error(
    "styles_too_large",
    "The styles of the AMP part have more than 75,000 bytes: it is not shown.",
    "Delete styles that nothing uses.",
)
STYLES_LARGE = warning(
    "styles_large",
    "The styles of the AMP part have more than 50,000 bytes, which is what the specification allows.",
    "Delete styles that nothing uses.",
)
INLINE_STYLE_TOO_LARGE = error(
    "inline_style_too_large",
    "A style attribute of the AMP part has more than 1,000 bytes: it is not shown.",
    "Move the style into the stylesheet of the AMP part, under a class.",
)
AMP_ELEMENTS = warning(
    "amp_elements",
    "The AMP part has more elements of one kind than mail programs show.",
    "Show fewer products, or fewer forms.",
)
AMP_TOO_WIDE = warning(
    "amp_too_wide",
    "Something is wider than the 800 pixels that an AMP email may have.",
    "Give it 800 pixels or less.",
)
HTML_CLIPPED = warning(
    "html_clipped",
    "The HTML part has more than 102 KB: Gmail cuts it there, and the unsubscribe link with it.",
    "Show fewer products, or shorter texts.",
)

MAX_AMP, LARGE_AMP = 200_000, 100_000
MAX_STYLES, LARGE_STYLES = 75_000, 50_000
MAX_INLINE_STYLE = 1_000
MAX_WIDTH = 800
GMAIL_CLIPS = 102 * 1024
"""Bytes. That of the AMP part are of the specification, Gmail's clip what senders have seen for years."""

_MOST = {"amp-list": 20, "form": 20, "amp-img": 200, "amp-state": 5}
"""What the reference viewer of AMP for Email shows at most."""


def find(draft: Draft) -> Iterator[Finding]:
    if draft.parts.amp.strip():
        size = _bytes(draft.parts.amp)
        if size > LARGE_AMP:
            kind = AMP_TOO_LARGE if size > MAX_AMP else AMP_LARGE
            yield kind.at("amp", 0, f"the AMP part has {size:,} bytes")
        yield from _styles(draft.amp)
        yield from _elements(draft.amp)
    size = _bytes(draft.parts.html)
    if size > GMAIL_CLIPS:
        yield HTML_CLIPPED.at("html", 0, f"the HTML part has {size:,} bytes; Gmail shows {GMAIL_CLIPS:,}")


def _styles(amp: Document) -> Iterator[Finding]:
    sheets = [style for style in amp.find("style") if "amp-custom" in style.attributes]
    size = sum(_bytes(style.source) for style in sheets)
    line = sheets[0].line if sheets else 0
    for element in amp.walk():
        inline = _bytes(element.attributes.get("style", ""))
        size += inline
        if inline > MAX_INLINE_STYLE:
            what = f"the style of <{element.tag}> has {inline:,} bytes"
            yield INLINE_STYLE_TOO_LARGE.at("amp", element.line, what)
    if size > LARGE_STYLES:
        kind = STYLES_TOO_LARGE if size > MAX_STYLES else STYLES_LARGE
        yield kind.at("amp", line, f"the styles have {size:,} bytes")


def _elements(amp: Document) -> Iterator[Finding]:
    for tag, most in _MOST.items():
        found = list(amp.find(tag))
        if len(found) > most:
            what = f"there are {len(found)} of <{tag}>; {most} are shown"
            yield AMP_ELEMENTS.at("amp", found[most].line, what)
    for element in amp.walk():
        width = element.attributes.get("width", "")
        if width.isdecimal() and int(width) > MAX_WIDTH:
            yield AMP_TOO_WIDE.at("amp", element.line, f"<{element.tag}> is {int(width):,} pixels wide")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
