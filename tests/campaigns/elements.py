"""The elements of a document, for tests."""

from __future__ import annotations

from html.parser import HTMLParser


def elements(document: str, tag: str) -> list[dict[str, str | None]]:
    """The attributes of every element of a kind."""
    found: list[dict[str, str | None]] = []

    class Finder(HTMLParser):
        def handle_starttag(self, name: str, attrs: list[tuple[str, str | None]]) -> None:
            if name == tag:
                found.append(dict(attrs))

    Finder().feed(document)
    return found
