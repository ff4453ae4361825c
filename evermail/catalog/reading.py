"""Which format a feed has, told by its first bytes, and its items."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from enum import StrEnum

from evermail.catalog.item import Item
from evermail.catalog.source import Feed, FeedError
from evermail.catalog.tsv_feed import read_tsv
from evermail.catalog.xml_feed import read_xml

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class FeedFormat(StrEnum):
    XML = "xml"
    TSV = "tsv"


def read_items(
    feed: Feed, *, format: FeedFormat | None = None, encoding: str | None = None
) -> Iterator[Item]:
    """The items of a feed as they come; no more than a piece of the feed is held.

    Raises `FeedError` if it is neither XML nor tab-separated, and `FeedBroken` where it ends before it
    should.
    """
    kind = format or recognise(feed)
    return (read_xml if kind is FeedFormat.XML else read_tsv)(feed, encoding=encoding)


def recognise(feed: Feed) -> FeedFormat:
    """XML begins with `<`, and the first line of tab-separated text has a tab. Raises `FeedError`."""
    beginning = feed.peek()
    for mark in _MARKS:
        beginning = beginning.removeprefix(mark)
    text = beginning.replace(b"\0", b"").lstrip()  # UTF-16, as far as ASCII goes
    if not text:
        raise FeedError(f"{feed.name} is empty")
    if text.startswith(b"<"):
        return FeedFormat.XML
    first_line = text.splitlines()[0]
    if b"\t" in first_line:
        return FeedFormat.TSV
    raise FeedError(
        f"{feed.name} is neither XML nor tab-separated text, as it begins with "
        f"{first_line[:40].decode('utf-8', 'replace')!r}; if it is all the same, say so with --format"
    )
