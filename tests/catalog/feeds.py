"""Feeds as shops write them, made of the attributes of their items, and how tests read them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from xml.sax.saxutils import escape, quoteattr

from evermail.catalog.item import Item
from evermail.catalog.reading import FeedFormat, read_items
from evermail.catalog.source import MAX_FEED_BYTES, Feed, FeedBroken
from evermail.clock import from_datetime, to_datetime

NOW = from_datetime(to_datetime(0).replace(year=2026, month=11, day=24, hour=3))
GOOGLE = "http://base.google.com/ns/1.0"

Attributes = Mapping[str, str]


def lamp(id: str = "LAMP-1", **changes: str) -> dict[str, str]:
    """The attributes of an item that nothing is wrong with, but for the changes; an empty one is left out."""
    attributes = {
        "id": id,
        "title": "Dune table lamp",
        "link": f"https://shop.example/p/{id}",
        "image_link": f"https://img.shop.example/{id}.jpg",
        "price": "89.00 EUR",
        "availability": "in_stock",
        "brand": "Lund & Loom",
        "product_type": "Lighting > Table lamps",
        **changes,
    }
    return {name: value for name, value in attributes.items() if value}


def lamps(count: int, **changes: str) -> list[dict[str, str]]:
    return [lamp(f"LAMP-{number + 1}", **changes) for number in range(count)]


def rss(items: Iterable[Attributes]) -> bytes:
    """One line for each item; the first item stands on line 3."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<rss xmlns:g={quoteattr(GOOGLE)} version='2.0'><channel><title>Lund</title><link>https://shop.example</link>",
        *(f"<item>{_elements(item)}</item>" for item in items),
        "</channel></rss>",
    ]
    return "\n".join(lines).encode()


def atom(items: Iterable[Attributes]) -> bytes:
    entries = "\n".join(f"<entry>{_elements(item)}</entry>" for item in items)
    return (
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g={quoteattr(GOOGLE)}>\n'
        f"<title>Lund</title><id>tag:shop.example</id>\n{entries}\n</feed>"
    ).encode()


def tsv(items: Iterable[Attributes]) -> bytes:
    """One line for each item, values quoted where they must be; the first item stands on line 2."""
    rows = list(items)
    header = list(dict.fromkeys(name for row in rows for name in row)) or list(lamp())
    lines = ["\t".join(header), *("\t".join(_quoted(row.get(name, "")) for name in header) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def feed_of(data: bytes, max_bytes: int = MAX_FEED_BYTES) -> Feed:
    return Feed("feed", io.BytesIO(data), len(data), max_bytes=max_bytes)


def read(data: bytes, format: FeedFormat | None = None, encoding: str | None = None) -> list[Item]:
    return list(read_items(feed_of(data), format=format, encoding=encoding))


def read_until_broken(data: bytes, max_bytes: int = MAX_FEED_BYTES) -> tuple[list[Item], FeedBroken]:
    """What can be read of a feed that breaks off, and why it does."""
    items: list[Item] = []
    try:
        for item in read_items(feed_of(data, max_bytes)):
            items.append(item)
    except FeedBroken as broken:
        return items, broken
    raise AssertionError("the feed was read to its end")


def ids(items: Iterable[Item]) -> list[str]:
    return [item.attributes["id"] for item in items]


class Trickle(io.RawIOBase):
    """A feed without an end: `head`, then `item` again and again. `passed` counts the bytes taken of it."""

    def __init__(self, head: bytes, item: bytes) -> None:
        self._item = item
        self._left = head
        self.passed = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        while len(self._left) < len(buffer):
            self._left += self._item
        buffer[:] = self._left[: len(buffer)]
        self._left = self._left[len(buffer) :]
        self.passed += len(buffer)
        return len(buffer)


def _elements(item: Attributes) -> str:
    return "".join(f"<g:{name}>{escape(value)}</g:{name}>" for name, value in item.items())


def _quoted(value: str) -> str:
    if not any(mark in value for mark in '\t\n\r"'):
        return value
    return '"' + value.replace('"', '""') + '"'
