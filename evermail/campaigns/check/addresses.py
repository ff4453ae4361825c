"""The web addresses in an email, each with its part, its line and what it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, urlsplit

from evermail.campaigns.check.document import Element
from evermail.campaigns.check.draft import Draft

_IN_TEXT = re.compile(r"https?://[^\s<>\"]+")
_ATTRIBUTES = {
    "a": "href",
    "area": "href",
    "img": "src",
    "amp-img": "src",
    "amp-anim": "src",
    "amp-list": "src",
    "form": "action-xhr",
}


@dataclass(frozen=True)
class Address:
    """`element` is the one it stands in, None in the text part. `where` says so to people."""

    url: str
    part: str
    line: int
    where: str
    element: Element | None = None

    @property
    def split(self) -> SplitResult | None:
        """None for one that cannot be read."""
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError:
            return None
        return parts

    @property
    def endpoint(self) -> str:
        """The last part of its path: `wishlist` of https://live.shop.example/wishlist?t=..."""
        return self.split.path.rstrip("/").rpartition("/")[2] if self.split else ""

    @property
    def token(self) -> str:
        """What its query has as `t`, or nothing."""
        return parse_qs(self.split.query).get("t", [""])[0] if self.split else ""


def addresses(draft: Draft) -> Iterator[Address]:
    """All of them. What an AMP client fills in, and lets nobody see before, is none."""
    for part, document in draft.documents():
        for element in document.walk():
            name = _ATTRIBUTES.get(element.tag, "")
            if name not in element.attributes:
                continue
            url = element.attributes[name].strip()
            if not (part == "amp" and "{{" in url):
                yield Address(url, part, element.line, f"<{element.tag} {name}>", element)
    for number, line in enumerate(draft.parts.text.splitlines(), start=1):
        for found in _IN_TEXT.finditer(line):
            yield Address(found[0].rstrip(".,;:!?)"), "text", number, "an address")
