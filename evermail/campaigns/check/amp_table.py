"""The mistakes in AMP parts that are made most, in our own table for where the official validator is not.

What passes here need not be valid. What does not, the validator refuses as well.
Source: https://amp.dev/documentation/guides-and-tutorials/email/learn/email-spec/amp-email-html and -css
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evermail.campaigns.check.amp_styles import find_in_styles
from evermail.campaigns.check.document import Document, Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, error

AMP_FRAME = error(
    "amp_frame",
    "The head of the AMP part lacks something that every AMP email must have.",
    "Begin the AMP part with our frame, templates/_partials/amp_base.html.",
)
AMP_ELEMENT = error(
    "amp_element",
    "An element that AMP for Email does not have.",
    "Take it out of the AMP part, or use AMP's own: <amp-img> for <img>, an <amp-list> for scripts.",
)
AMP_EXTENSION = error(
    "amp_extension",
    "An AMP element without the <script> that makes it work.",
    "Add the <script> of this element to the head of the AMP part.",
)
AMP_ATTRIBUTE = error(
    "amp_attribute",
    "An attribute that AMP for Email does not have.",
    "Delete the attribute.",
)
AMP_ADDRESS = error(
    "amp_address",
    "An address that AMP for Email does not take.",
    "Write the whole address beginning with https://; a {{variable}} must be the whole of it.",
)

DISALLOWED = frozenset(
    ("applet", "audio", "base", "canvas", "embed", "frame", "frameset", "iframe", "img", "link", "noscript",
     "object", "param", "picture", "source", "svg", "track", "video")
)  # fmt: skip
"""Of HTML. Of AMP's own, what is not in `EXTENSIONS` and not built in."""

EXTENSIONS = frozenset(
    ("accordion", "anim", "bind", "carousel", "fit-text", "form", "image-lightbox", "lightbox", "list",
     "mustache", "selector", "sidebar", "timeago")
)  # fmt: skip
"""Of AMP for Email, without `amp-`."""

BUILT_IN = frozenset(("amp-img", "amp-layout", "amp-state"))

ATTRIBUTES: dict[str, frozenset[str]] = {
    "amp-list": frozenset(
        ("reset-on-refresh", "load-more", "credentials", "[src]", "auto-resize", "crossorigin")
    ),
    "amp-img": frozenset(("srcset", "[src]")),
    "amp-state": frozenset(("src", "[src]")),
    "form": frozenset(("action", "target", "verify-xhr")),
    "a": frozenset(("[href]",)),
}
"""Those that these elements have elsewhere in AMP or HTML."""

_BOILERPLATE = "body{visibility:hidden}"
_CDN = "https://cdn.ampproject.org/v0"
_ADDRESSES = {"amp-list": "src", "amp-img": "src", "amp-anim": "src", "form": "action-xhr", "a": "href"}
_BOTH = frozenset(("width", "height"))
_SIZES = dict.fromkeys(("", "fixed", "responsive", "intrinsic"), _BOTH) | {
    "fixed-height": frozenset(("height",))
}
"""What an <amp-img> must have, by its layout."""

_ONE_VARIABLE = re.compile(r"\{\{[^{}]+\}\}")


def find(draft: Draft) -> Iterator[Finding]:
    document = draft.amp
    yield from _frame(document)
    loaded = {
        (one.attributes.get("custom-element") or one.attributes.get("custom-template") or "")
        for one in document.find("script")
    }
    said: set[str] = set()
    for element in document.walk():
        if needed := _needed(element, loaded):
            if needed not in said:
                yield AMP_EXTENSION.at("amp", element.line, f"<{element.tag}> needs the script of {needed}")
            said.add(needed)
        yield from _element(element)
    yield from find_in_styles(document)


def _frame(document: Document) -> Iterator[Finding]:
    root = document.first("html")
    marks = root.attributes.keys() if root else ()
    if not document.markup.lstrip().lower().startswith("<!doctype html>"):
        yield AMP_FRAME.at("amp", 1, "the first line is not <!doctype html>")
    if "⚡4email" not in marks and "amp4email" not in marks:
        yield AMP_FRAME.at("amp", root.line if root else 1, "<html> is not marked ⚡4email")
    if not any(one.attributes.get("charset", "").lower() == "utf-8" for one in document.find("meta")):
        yield AMP_FRAME.at("amp", 1, 'there is no <meta charset="utf-8">')
    if not any(one.attributes.get("src") == f"{_CDN}.js" for one in document.find("script")):
        yield AMP_FRAME.at("amp", 1, f'there is no <script async src="{_CDN}.js">')
    styles = [one for one in document.find("style") if "amp4email-boilerplate" in one.attributes]
    if not any(one.source.strip() == _BOILERPLATE for one in styles):
        yield AMP_FRAME.at("amp", 1, f"there is no <style amp4email-boilerplate>{_BOILERPLATE}</style>")


def _needed(element: Element, loaded: set[str]) -> str:
    """The extension that an element needs and the document does not load."""
    if element.tag == "form":
        name = "amp-form"
    elif element.tag == "template":
        name = "amp-mustache"
    elif element.tag.removeprefix("amp-") in EXTENSIONS and element.tag.startswith("amp-"):
        name = element.tag
    else:
        return ""
    return "" if name in loaded else name


def _element(element: Element) -> Iterator[Finding]:
    tag, attributes = element.tag, element.attributes
    unknown = tag.startswith("amp-") and tag not in BUILT_IN and tag.removeprefix("amp-") not in EXTENSIONS
    if tag in DISALLOWED or unknown:
        yield AMP_ELEMENT.at("amp", element.line, f"there is a <{tag}>")
    if tag == "script" and not attributes.get("src", "").startswith(_CDN) and "type" not in attributes:
        yield AMP_ELEMENT.at("amp", element.line, "there is a <script> of your own")
    nested = "template" if tag == "template" else "amp-list" if tag == "amp-list" else ""
    if nested and element.within(nested):
        yield AMP_ELEMENT.at("amp", element.line, f"there is a <{nested}> in a <{nested}>")
    for name in attributes:
        is_handler = name.startswith("on") and len(name) > 2
        if is_handler or name in ATTRIBUTES.get(tag, ()) or name.startswith("load-more"):
            yield AMP_ATTRIBUTE.at("amp", element.line, f"<{tag}> has {name}")
    needed = _SIZES.get(attributes.get("layout", ""), frozenset()) if tag == "amp-img" else frozenset()
    if lacks := needed - attributes.keys():
        what = f"<amp-img> has no {' and '.join(sorted(lacks))}"
        yield AMP_ATTRIBUTE.at("amp", element.line, what, remedy="Add width and height, in pixels.")
    name = _ADDRESSES.get(tag, "")
    if name in attributes and not _is_taken(attributes[name].strip(), element):
        yield AMP_ADDRESS.at(
            "amp", element.line, f"{name} of <{tag}> is {brief(attributes[name]) or 'empty'}"
        )


def _is_taken(address: str, element: Element) -> bool:
    if element.within("template") and element.tag not in ("amp-list", "form") and "{{" in address:
        return bool(_ONE_VARIABLE.fullmatch(address))
    if "{{" in address or "}}" in address:
        return False
    if element.tag == "a":
        return re.match(r"(?:https?|mailto|tel|sms):", address, re.IGNORECASE) is not None
    return address.lower().startswith("https://") and "__amp_source_origin" not in address
