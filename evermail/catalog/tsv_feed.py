"""Reads tab-separated text: a line of attribute names, then a line for each item.

Quotes are read as spreadsheets write them (a value in quotes may hold tabs, line breaks and doubled
quotes), but a quote that nothing closes is taken as a character: titles have inch signs, and one of them
must not swallow the items after it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator

from evermail.catalog.item import ATTRIBUTES, MAX_VALUE_CHARS, Item
from evermail.catalog.source import Feed, FeedBroken, FeedError

MAX_LINE_CHARS = 1_000_000
MAX_LINES_PER_ITEM = 64
"""A value in quotes ends within so many lines, or its quote is a character."""

_CLOSING = re.compile(r'"(?:\t|$)')
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_tsv(feed: Feed, *, encoding: str | None = None) -> Iterator[Item]:
    """The items of a feed as they come. Without an `encoding` it is UTF-16 or UTF-8, told by a byte order
    mark.

    Raises `FeedError` if the first line does not name an `id`, and `FeedBroken` where the feed ends before it
    should. Bytes that the encoding does not have become U+FFFD.
    """
    lines = _Lines(_lines(feed, encoding or _told(feed.peek())))
    header = _header(feed.name, lines)
    position = 0
    while (numbered := lines.next()) is not None:
        number, line = numbered
        if not line or line.isspace():
            continue
        position += 1
        if len(line) > MAX_LINE_CHARS:
            yield Item(number, position, {}, f"the line has more than {MAX_LINE_CHARS:,} characters")
            continue
        values = _values(line, lines, len(header))
        yield Item(number, position, _attributes(header, values), _problem(header, values))


class _Lines:
    """Numbered lines that can be looked ahead at."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._ahead: deque[tuple[int, str]] = deque()
        self._broken: FeedBroken | None = None

    def next(self) -> tuple[int, str] | None:
        if self._ahead:
            return self._ahead.popleft()
        if self._broken is not None:
            raise self._broken
        return next(self._lines, None)

    def peek(self, index: int) -> str | None:
        """The line `index` lines after the next one, None if the feed ends before it."""
        while len(self._ahead) <= index:
            try:
                numbered = next(self._lines, None) if self._broken is None else None
            except FeedBroken as broken:
                self._broken, numbered = broken, None
            if numbered is None:
                return None
            self._ahead.append(numbered)
        return self._ahead[index][1]

    def skip(self, count: int) -> None:
        for _ in range(count):
            self._ahead.popleft()


def _lines(feed: Feed, encoding: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, without their ends. Of a line that is too long only the beginning is kept."""
    try:
        "".encode(encoding)  # refuses codecs that are no encodings of text
        decoder = io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(encoding)("replace"), translate=True
        )
    except LookupError:
        raise FeedError(f"there is no encoding {encoding!r}: try utf-8, utf-16 or windows-1252") from None
    number = 1
    rest = ""
    while True:
        try:
            piece = feed.read()
        except FeedBroken as broken:
            raise FeedBroken(str(broken), number) from None
        *whole, rest = (rest + decoder.decode(piece, final=not piece)).split("\n")
        for line in whole:
            yield number, line
            number += 1
        if not piece:
            if rest:
                yield number, rest
            return
        if len(rest) > MAX_LINE_CHARS:
            rest = rest[: MAX_LINE_CHARS + 1]


def _told(beginning: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if beginning.startswith(mark):
            return encoding
    return "utf-8"


def _header(name: str, lines: _Lines) -> list[str]:
    """Google's names in the order of the columns; those that are not read as they are."""
    numbered = lines.next()
    first = numbered[1] if numbered else ""
    # Google writes `image link` for people and `image_link` for machines; both are in use.
    header = [
        re.sub(r"[\s_]+", "_", column.strip().strip('"').strip().lower()).removeprefix("g:")
        for column in first.removeprefix("\ufeff").split("\t")
    ]
    if "id" not in header:
        found = ", ".join(repr(column[:40]) for column in header[:12] if column) or "nothing"
        raise FeedError(
            f"{name}: its first line must name the attributes, id among them, with tabs between; "
            f"it has: {found}"
        )
    return header


def _values(line: str, lines: _Lines, columns: int) -> list[str]:
    if '"' not in line:
        return line.split("\t")
    if (values := _quoted(line)) is not None:
        return values
    joined = line
    for ahead in range(MAX_LINES_PER_ITEM - 1):
        following = lines.peek(ahead)
        if following is None:
            break
        joined = f"{joined}\n{following}"
        if len(joined) > MAX_LINE_CHARS:
            break
        if _CLOSING.search(following) and (values := _quoted(joined)) is not None:
            if len(values) <= columns and not any("\n" in value and "\t" in value for value in values):
                lines.skip(ahead + 1)
                return values
            break  # two items with an inch sign each look like one value
    return line.split("\t")


def _quoted(line: str) -> list[str] | None:
    """The values of a line in which every value that begins with a quote ends with one, else None."""
    try:
        return next(csv.reader(io.StringIO(line, newline=""), delimiter="\t", strict=True))
    except csv.Error:
        return None


def _attributes(header: list[str], values: list[str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in zip(header, values, strict=False):
        if name in ATTRIBUTES and (kept := value[: MAX_VALUE_CHARS + 1].strip()):
            attributes.setdefault(name, kept)
    return attributes


def _problem(header: list[str], values: list[str]) -> str:
    """Missing columns at the end are empty ones; additional ones mean that a tab is where none belongs."""
    beyond = [value for value in values[len(header) :] if value.strip()]
    if not beyond:
        return ""
    return (
        f"the line has {len(values)} columns, the first line names {len(header)}: is there a tab in a value?"
    )
