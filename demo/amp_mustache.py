"""The mustache of AMP: what it fills in, and what its sanitizer takes away afterwards."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import chevron

from demo.html_tree import Element, parse, write

_DROPPED = frozenset(
    {"script", "style", "template", "iframe", "object", "embed", "link", "meta", "base", "svg"}
)
_FORMATTING = frozenset(
    {"b", "br", "code", "del", "em", "i", "ins", "mark", "q", "s", "small", "strong", "sub", "sup", "u"}
)
"""What amp-mustache lets through in an unescaped variable, attributes aside."""
_URL_ATTRIBUTES = frozenset({"href", "src", "action"})


_UNESCAPED = re.compile(r"\{\{\{\s*([^{}]+?)\s*\}\}\}|\{\{&\s*([^{}]+?)\s*\}\}")
_MARKED = re.compile("\ue000(.*?)\ue001", re.DOTALL)


def fill(source: str, item: Any) -> str:
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

    def keep(node: Element | str) -> str:
        if isinstance(node, str):
            return node.replace("<", "&lt;").replace(">", "&gt;")
        if node.tag in _DROPPED:
            return ""
        inner = "".join(map(keep, node.children))
        bare = Element(node.tag, {})
        bare.children = [inner]
        return write(bare) if node.tag in _FORMATTING else inner

    return keep(parse(source))


def sanitize(root: Element) -> None:
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
