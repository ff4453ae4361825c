"""Shows on a plain page what an AMP client would show, without AMP's scripts and without internet.

An AMP client fetches the answer of the recommendations function and fills the email's mustache
template with it. Here the server does so: the document that comes out holds no script, and its
AMP elements are laid out by a few lines of CSS. Its forms can be seen and are not sent: `data-xhr` of a
button names the function that its form is for. It covers what the campaign templates use.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from demo.amp_mustache import fill, sanitize
from demo.html_tree import Element, parse, write
from evermail import clock


class NoAnswer(Enum):
    """Why there is nothing to fill a list with."""

    LOADING = "loading"
    """Not there yet: the list shows its placeholder."""
    FAILED = "failed"
    """An error: the list shows its fallback."""


def preview(amp: str, answer: Mapping[str, Any] | NoAnswer, *, clock: clock.Clock = clock.now_us) -> str:
    """The plain HTML document for an AMP document and what its lists were answered.

    `answer` is the decoded JSON object. One that an `amp-list` cannot use counts as a failure, as there. By
    `clock` it says how long ago something was.
    """
    root = parse(amp)
    for element in [*root.walk()]:
        if element.tag == "html":
            element.attributes = {k: v for k, v in element.attributes.items() if k in {"lang", "dir"}}
        elif element.tag == "head":
            element.children = [child for child in element.children if not _is_machinery(child)]
            element.children[:0] = parse(_HEAD).children
    _lay_out(root, answer, clock())
    return "<!doctype html>\n" + write(root).lstrip()


_HEAD = """<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src http: https: data:; style-src 'unsafe-inline'">
<style>
amp-list,amp-img{position:relative;overflow:hidden}
amp-img>img{display:block;width:100%;height:100%;border:0}
amp-carousel{overflow-x:auto;white-space:nowrap}
[submitting],[submit-success],[submit-error]{display:none}
.amp-form-submitting>[submitting],.amp-form-submit-success>[submit-success]{display:block}
.amp-form-submit-error>[submit-error]{display:block}
</style>"""


def _is_machinery(node: Element | str) -> bool:
    """What only AMP's runtime needs: its scripts and boilerplate; the character set is set again by us."""
    return isinstance(node, Element) and (
        node.tag in {"script", "meta"} or "amp4email-boilerplate" in node.attributes
    )


def _lay_out(root: Element, answer: Mapping[str, Any] | NoAnswer, now_us: int) -> None:
    """Turns the AMP elements below `root` into what they show."""
    for element in [*root.walk()]:
        if element.tag == "amp-list":
            element.children = _list_content(element, answer)
            _become(element, keep={"id", "class", "aria-label", "title"})
    for element in [*root.walk()]:
        if element.tag == "amp-img":
            picture = Element(
                "img", {"src": element.attributes.get("src"), "alt": element.attributes.get("alt") or ""}
            )
            element.children = [picture]
            _become(element, keep={"id", "class", "title"})
        elif element.tag == "amp-carousel":
            _become(element, keep={"id", "class", "aria-label"})
            element.attributes |= {"role": "group", "tabindex": "0"}  # a keyboard scrolls what it can focus
        elif element.tag == "amp-timeago":
            element.children = [_time_ago(element, now_us)]
            _become(element, keep={"id", "class", "title"})
        elif element.tag == "form":
            _disarm(element)


def _disarm(form: Element) -> None:
    """Leaves of a form what there is to see, and what it is for."""
    function = urlsplit(form.attributes.get("action-xhr") or "").path.rpartition("/")[2]
    form.attributes = {
        name: value for name, value in form.attributes.items() if name in {"id", "class", "role"}
    }
    for element in form.walk():
        if element.tag == "button" or element.attributes.get("type") == "submit":
            element.attributes |= {"type": "button", "data-xhr": function}


_UNITS_S = (
    ("year", 365 * 86400),
    ("month", 30 * 86400),
    ("week", 7 * 86400),
    ("day", 86400),
    ("hour", 3600),
    ("minute", 60),
)


def _time_ago(element: Element, now_us: int) -> Element | str:
    """The time of an amp-timeago as it says it; what stands in it if it cannot be read."""
    try:
        then_us = clock.from_rfc3339(element.attributes.get("datetime") or "")
    except ValueError:
        return "".join(map(write, element.children))
    passed_s = (now_us - then_us) // 1_000_000
    for unit, length_s in _UNITS_S:
        if count := max(0, passed_s) // length_s:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def _become(element: Element, *, keep: set[str]) -> None:
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


def _list_content(amp_list: Element, answer: Mapping[str, Any] | NoAnswer) -> list[Element | str]:
    """What an amp-list shows: its items, or its placeholder, or its fallback."""
    template = amp_list.child("template")
    items = None if isinstance(answer, NoAnswer) else _items(amp_list, answer)
    if items is None or template is None:
        shown = amp_list.child("placeholder" if answer is NoAnswer.LOADING else "fallback")
        return [shown] if shown else []
    source = "".join(map(write, template.children)).strip()
    shown = Element("div", {"role": "list"})
    for item in items:
        filled = parse(fill(source, item))
        sanitize(filled)
        for child in filled.children:
            if isinstance(child, Element):
                child.attributes.setdefault("role", "listitem")
        shown.children += filled.children
    return [shown]


def _items(amp_list: Element, answer: Mapping[str, Any]) -> list[Any] | None:
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
