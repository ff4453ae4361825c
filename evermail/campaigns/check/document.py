"""The elements of an AMP or HTML part, each with the line it stands in: enough of HTML to look at emails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)

_SILENT = frozenset(("style", "script", "title", "head"))
"""Elements whose text nobody sees."""

_CLOSED_BY = {
    "p": frozenset(
        ("div", "p", "table", "ul", "ol", "h1", "h2", "h3", "h4", "form", "section", "footer", "main")
    ),
    "li": frozenset(("li",)),
    "td": frozenset(("td", "th", "tr")),
    "th": frozenset(("td", "th", "tr")),
    "tr": frozenset(("tr",)),
    "option": frozenset(("option",)),
}
"""What ends an element without its end tag."""


@dataclass(eq=False, slots=True)
class Element:
    """An element. `attributes` are decoded, their names lower case; one without a value has an empty one."""

    tag: str
    attributes: dict[str, str]
    line: int
    parent: Element | None = None
    children: list[Element | str] = field(default_factory=list)

    def walk(self) -> Iterator[Element]:
        """The element and all in it, in the order of the source."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(child for child in reversed(element.children) if isinstance(child, Element))

    def find(self, *tags: str) -> Iterator[Element]:
        return (element for element in self.walk() if element.tag in tags)

    def ancestors(self) -> Iterator[Element]:
        """From the parent outwards."""
        parent = self.parent
        while parent is not None:
            yield parent
            parent = parent.parent

    def within(self, *tags: str) -> bool:
        return any(ancestor.tag in tags for ancestor in self.ancestors())

    @property
    def own_text(self) -> str:
        """The text that stands directly in it."""
        if self.tag in _SILENT:
            return ""
        return " ".join("".join(child for child in self.children if isinstance(child, str)).split())

    @property
    def text(self) -> str:
        """All the text in it, as people see it."""
        seen = (element.own_text for element in self.walk())
        return " ".join(" ".join(seen).split())

    @property
    def source(self) -> str:
        """The text in it as it was written: of a stylesheet, say."""
        return "".join(child for child in self.children if isinstance(child, str))


class Document(Element):
    """A whole part. Whatever is written is read: what does not fit together is someone else's finding."""

    def __init__(self, markup: str) -> None:
        super().__init__("#document", {}, 1)
        self.markup = markup
        reader = _Reader(self)
        reader.feed(markup)
        reader.close()

    def first(self, tag: str) -> Element | None:
        return next(self.find(tag), None)


class _Reader(HTMLParser):
    def __init__(self, document: Document) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[Element] = [document]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while tag in _CLOSED_BY.get(self._open[-1].tag, ()):
            self._open.pop()
        attributes: dict[str, str] = {}
        for name, value in attrs:
            attributes.setdefault(name, value or "")  # browsers keep the first of two
        parent = self._open[-1]
        element = Element(tag, attributes, self.getpos()[0], parent)
        parent.children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if any(element.tag == tag for element in self._open[1:]):
            while self._open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)
