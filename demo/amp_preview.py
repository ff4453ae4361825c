"""Shows on a plain page what an AMP client would show, without AMP's scripts and without internet.

An AMP client fetches the answer of the recommendations function and fills the email's mustache
template with it. Here the server does so: the document that comes out holds no script, and its
AMP elements are laid out by a few lines of CSS. It covers what the campaign templates use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from html import escape, unescape
from html.parser import HTMLParser
from typing import Any

import chevron


class NoAnswer(Enum):
    """Why there is nothing to fill a list with."""

    LOADING = "loading"
    """Not there yet: the list shows its placeholder."""
    FAILED = "failed"
    """An error: the list shows its fallback."""


def preview(amp: str, answer: Mapping[str, Any] | NoAnswer) -> str:
    """The plain HTML document for an AMP document and what its lists were answered.

    `answer` is the decoded JSON object. One that an `amp-list` cannot use counts as a failure, as there.
    """
    root = _parse(amp)
    for element in [*root.walk()]:
        if element.tag == "html":
            element.attributes = {k: v for k, v in element.attributes.items() if k in {"lang", "dir"}}
        elif element.tag == "head":
            element.children = [child for child in element.children if not _is_machinery(child)]
            element.children[:0] = _parse(_HEAD).children
    _lay_out(root, answer)
    return "<!doctype html>\n" + _write(root).lstrip()


_HEAD = """<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'">
<style>
amp-list,amp-img{position:relative;overflow:hidden}
amp-img>img{display:block;width:100%;height:100%;border:0}
</style>"""

_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
_DROPPED = frozenset(
    {"script", "style", "template", "iframe", "object", "embed", "link", "meta", "base", "svg"}
)
_FORMATTING = frozenset(
    {"b", "br", "code", "del", "em", "i", "ins", "mark", "q", "s", "small", "strong", "sub", "sup", "u"}
)
"""What amp-mustache lets through in an unescaped variable, attributes aside."""
_URL_ATTRIBUTES = frozenset({"href", "src", "action"})


class _Element:
    """An element; `children` are elements and pieces of source text."""

    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[_Element | str] = []

    def walk(self) -> Iterator[_Element]:
        """The elements below, outermost first."""
        for child in self.children:
            if isinstance(child, _Element):
                yield child
                yield from child.walk()

    def child(self, attribute: str) -> _Element | None:
        """The first child element with an attribute, or of a tag, of this name."""
        for child in self.children:
            if isinstance(child, _Element) and (attribute in child.attributes or child.tag == attribute):
                return child
        return None


class _TreeBuilder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open = [_Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = _Element(tag, dict(attrs))
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


def _parse(source: str) -> _Element:
    builder = _TreeBuilder()
    builder.feed(source)
    builder.close()
    return builder.open[0]


def _write(node: _Element | str) -> str:
    if isinstance(node, str):
        return node
    inner = "".join(map(_write, node.children))
    if not node.tag:
        return inner
    attributes = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"'
        for name, value in node.attributes.items()
    )
    end = "" if node.tag in _VOID else f"</{node.tag}>"
    return f"<{node.tag}{attributes}>{inner}{end}"


def _is_machinery(node: _Element | str) -> bool:
    """What only AMP's runtime needs: its scripts and boilerplate; the character set is set again by us."""
    return isinstance(node, _Element) and (
        node.tag in {"script", "meta"} or "amp4email-boilerplate" in node.attributes
    )


def _lay_out(root: _Element, answer: Mapping[str, Any] | NoAnswer) -> None:
    """Turns the AMP elements below `root` into what they show."""
    for element in [*root.walk()]:
        if element.tag == "amp-list":
            element.children = _list_content(element, answer)
            _become(element, keep={"id", "class", "aria-label", "title"})
    for element in [*root.walk()]:
        if element.tag == "amp-img":
            picture = _Element(
                "img", {"src": element.attributes.get("src"), "alt": element.attributes.get("alt") or ""}
            )
            element.children = [picture]
            _become(element, keep={"id", "class", "title"})


def _become(element: _Element, *, keep: set[str]) -> None:
    """Replaces the layout that an AMP element declares by CSS that does the same."""
    declared = element.attributes
    layout = declared.get("layout") or (
        "fixed" if (declared.get("width") or "auto") != "auto" else "fixed-height"
    )
    width, height = declared.get("width") or "", declared.get("height") or ""
    sizes = [f"{name}:{value}px" for name, value in (("width", width), ("height", height)) if value.isdigit()]
    style = {
        "fixed": ["display:inline-block", *sizes],
        "fixed-height": ["display:block", *sizes[-1:]],
        "responsive": ["display:block", f"aspect-ratio:{width}/{height}"],
        "intrinsic": ["display:inline-block", "max-width:100%", *sizes[:1], f"aspect-ratio:{width}/{height}"],
        "fill": ["display:block", "position:absolute", "top:0", "right:0", "bottom:0", "left:0"],
        "nodisplay": ["display:none"],
    }.get(layout, ["display:block"])
    element.attributes = {name: value for name, value in declared.items() if name in keep}
    element.attributes["style"] = ";".join(style)


def _list_content(amp_list: _Element, answer: Mapping[str, Any] | NoAnswer) -> list[_Element | str]:
    """What an amp-list shows: its items, or its placeholder, or its fallback."""
    template = amp_list.child("template")
    items = None if isinstance(answer, NoAnswer) else _items(amp_list, answer)
    if items is None or template is None:
        shown = amp_list.child("placeholder" if answer is NoAnswer.LOADING else "fallback")
        return [shown] if shown else []
    source = "".join(map(_write, template.children)).strip()
    shown = _Element("div", {"role": "list"})
    for item in items:
        filled = _parse(_fill(source, item))
        _sanitize(filled)
        for child in filled.children:
            if isinstance(child, _Element):
                child.attributes.setdefault("role", "listitem")
        shown.children += filled.children
    return [shown]


def _items(amp_list: _Element, answer: Mapping[str, Any]) -> list[Any] | None:
    """The array that the list's attributes point at, or None if the answer has none there."""
    found: Any = answer
    path = amp_list.attributes.get("items") or "items"
    for key in [] if path == "." else path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    if "single-item" in amp_list.attributes and found is not None:
        found = [found]
    if not isinstance(found, list):
        return None
    limit = amp_list.attributes.get("max-items") or ""
    return found[: int(limit)] if limit.isdigit() else found


_UNESCAPED = re.compile(r"\{\{\{\s*([^{}]+?)\s*\}\}\}|\{\{&\s*([^{}]+?)\s*\}\}")
_MARKED = re.compile("\ue000(.*?)\ue001", re.DOTALL)


def _fill(source: str, item: Any) -> str:
    """Mustache as AMP does it: variables are escaped, unescaped ones keep nothing but formatting tags."""
    data = _as_javascript(item)
    marked = _UNESCAPED.sub(lambda m: f"\ue000{{{{{m[1] or m[2]}}}}}\ue001", source)
    filled = chevron.render(marked, data, partials_path=None, partials_dict={})
    return _MARKED.sub(lambda m: _formatted(unescape(m[1])), filled)


class _Text(str):
    """A string without named parts: inside its section chevron would take `{{title}}` for `str.title`."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__") or name == "replace":  # chevron escapes with `replace`
            return super().__getattribute__(name)
        raise AttributeError(name)


def _as_javascript(value: Any) -> Any:
    """A decoded JSON value whose scalars print as mustache.js prints them; falsy ones stay falsy."""
    if isinstance(value, dict):
        return {key: _as_javascript(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_javascript(inner) for inner in value]
    if isinstance(value, str):
        return _Text(value.replace("\ue000", "").replace("\ue001", ""))
    if value is True or (isinstance(value, float) and value.is_integer()):
        return json.dumps(value) if value is True else int(value)
    return value


def _formatted(source: str) -> str:
    """Markup reduced to formatting tags without attributes."""

    def keep(node: _Element | str) -> str:
        if isinstance(node, str):
            return node.replace("<", "&lt;").replace(">", "&gt;")
        if node.tag in _DROPPED:
            return ""
        inner = "".join(map(keep, node.children))
        bare = _Element(node.tag, {})
        bare.children = [inner]
        return _write(bare) if node.tag in _FORMATTING else inner

    return keep(_parse(source))


def _sanitize(root: _Element) -> None:
    """Takes away what AMP's sanitizer does: scripts, handlers, and URLs of other schemes than the web's."""
    for element in [root, *root.walk()]:
        element.children = [c for c in element.children if isinstance(c, str) or c.tag not in _DROPPED]
        element.attributes = {
            name: value for name, value in element.attributes.items() if _is_harmless(name, value or "")
        }


def _is_harmless(attribute: str, value: str) -> bool:
    if attribute in _URL_ATTRIBUTES:
        return value.strip().lower().startswith(("https://", "http://", "mailto:", "tel:"))
    return not attribute.startswith("on")
