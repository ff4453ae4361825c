"""HTML as a tree that can be changed and written again, as far as emails need it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from html.parser import HTMLParser

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


class Element:
    """An element; `children` are elements and pieces of source text."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Element | str] = []

    def walk(self) -> Iterator[Element]:
        """The elements below, outermost first."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child.walk()

    def child(self, attribute: str) -> Element | None:
        """The first child element with an attribute, or of a tag, of this name."""
        for child in self.children:
            if isinstance(child, Element) and (attribute in child.attributes or child.tag == attribute):
                return child
        return None


class _TreeBuilder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self.open) - 1, 0, -1):
            if self.open[depth].tag == tag:
                del self.open[depth:]
                return

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_entityref(self, name: str) -> None:
        self.open[-1].children.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.open[-1].children.append(f"&#{name};")


def parse(source: str) -> Element:
    """The root, an element without a tag, of a document or a piece of one."""
    builder = _TreeBuilder()
    builder.feed(source)
    builder.close()
    return builder.open[0]


def write(node: Element | str) -> str:
    """The source of a tree."""
    if isinstance(node, str):
        return node
    inner = "".join(map(write, node.children))
    if not node.tag:
        return inner
    attributes = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"'
        for name, value in node.attributes.items()
    )
    end = "" if node.tag in _VOID else f"</{node.tag}>"
    return f"<{node.tag}{attributes}>{inner}{end}"
