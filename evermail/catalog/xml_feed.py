"""Reads RSS 2.0 and Atom with Google's namespace, item by item, however large the feed is.

It stands on the standard library's expat rather than on a tree: that knows the line of each item, takes
half the time, and forgets what it has passed. What XML can do to its reader needs a DTD (entities that
grow, entities that read files or URLs), so a DTD ends the reading before anything in it is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.parsers import expat

from evermail.catalog.item import ATTRIBUTES, MAX_VALUE_CHARS, Item
from evermail.catalog.source import Feed, FeedBroken

GOOGLE = "http://base.google.com/ns/1.0"
PLAIN = frozenset({"", "http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#", "http://purl.org/rss/1.0/"})
"""The namespaces of RSS and Atom themselves: their id, title and link serve where Google's are not given."""

MAX_DEPTH = 64
MAX_TOKEN_BYTES = 4 * 1024 * 1024
"""A single tag, comment or the like must fit: the parser holds it whole."""

_ITEMS = frozenset({"item", "entry"})


def read_xml(feed: Feed, *, encoding: str | None = None) -> Iterator[Item]:
    """The items of a feed as they come. `encoding` overrides what the feed says of itself.

    Raises `FeedBroken` where it is not well-formed, has a DTD, or ends; what came before has been yielded.
    """
    reader = _Reader(encoding)
    while True:
        piece: bytes | None
        try:
            piece = feed.read()
        except FeedBroken as broken:
            raise FeedBroken(str(broken), reader.line) from None
        problem = reader.read(piece)
        yield from reader.take()
        if problem is not None:
            raise problem
        if not piece:
            return


class _Reader:
    """Expat's handlers, and what they have gathered: the items that were completed, and the one being
    read."""

    def __init__(self, encoding: str | None) -> None:
        self._done: list[Item] = []
        self._items = 0
        self._depth = 0
        self._fed = 0
        self._item_depth = 0  # where the item being read stands, 0 outside of one
        self._item_line = 0
        self._google: dict[str, str] = {}
        self._plain: dict[str, str] = {}
        self._name = ""  # the attribute being read, "" if none
        self._is_google = False
        self._text: list[str] = []
        self._chars = 0
        self._parser = parser = expat.ParserCreate(encoding, namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_dtd
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def read(self, piece: bytes) -> FeedBroken | None:
        """Takes the next piece, empty at the end; returns what is wrong with it, if anything is."""
        try:
            self._parser.Parse(piece, not piece)
        except expat.ExpatError as error:
            return FeedBroken(_explain(error), error.lineno)
        except FeedBroken as broken:
            return FeedBroken(str(broken), self.line)
        except (LookupError, ValueError) as error:  # an encoding that Python or expat cannot do
            return FeedBroken(f"the encoding cannot be read: {error}", self.line)
        self._fed += len(piece)
        if self._fed - self._parser.CurrentByteIndex > MAX_TOKEN_BYTES:
            return FeedBroken(f"one tag or comment has more than {MAX_TOKEN_BYTES:,} bytes", self.line)
        return None

    def take(self) -> list[Item]:
        """The items completed since the last call."""
        done, self._done = self._done, []
        return done

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeedBroken(f"elements are nested more than {MAX_DEPTH} deep")
        namespace, name = _split(tag)
        if not self._item_depth:
            if name in _ITEMS and namespace in PLAIN:
                self._item_depth = self._depth
                self._item_line = self._parser.CurrentLineNumber
                self._google, self._plain = {}, {}
        elif self._depth == self._item_depth + 1:
            self._name = name if name in ATTRIBUTES and (namespace == GOOGLE or namespace in PLAIN) else ""
            self._is_google = namespace == GOOGLE
            self._text, self._chars = [], 0
            if (
                name == "link"
                and attributes.get("href")
                and attributes.get("rel", "alternate") == "alternate"
            ):
                self._text = [attributes["href"]]  # Atom's form

    def _characters(self, text: str) -> None:
        if self._name and self._chars <= MAX_VALUE_CHARS:
            self._text.append(text)
            self._chars += len(text)

    def _end(self, tag: str) -> None:
        if self._item_depth and self._depth == self._item_depth + 1 and self._name:
            value = "".join(self._text)[: MAX_VALUE_CHARS + 1].strip()
            if value:
                (self._google if self._is_google else self._plain).setdefault(self._name, value)
            self._name = ""
        elif self._depth == self._item_depth:
            self._items += 1
            self._done.append(Item(self._item_line, self._items, {**self._plain, **self._google}))
            self._item_depth = 0
        self._depth -= 1


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition(" ")
    return namespace, name


def _refuse_dtd(name: str, *_: object) -> None:
    if name.lower() == "html":
        raise FeedBroken("this is a web page, not a feed")
    raise FeedBroken(
        "it has a DTD (<!DOCTYPE ...>), which is not read: it could define entities; leave it out"
    )


def _explain(error: expat.ExpatError) -> str:
    reason = expat.ErrorString(error.code) or "not well-formed"
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]:
        return f'{reason}: the feed must declare xmlns:g="{GOOGLE}"'
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]:
        return "the XML ends in the middle, or there is none"
    return f"the XML is not well-formed: {re.sub(r'[()]', '', reason)}, column {error.offset + 1}"
