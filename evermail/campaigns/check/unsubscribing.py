"""Whether whoever wants to leave finds the way in the part that they see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from evermail.campaigns.check.document import Document, Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, error
from evermail.campaigns.check.visibility import Visibility

UNSUBSCRIBE_MISSING = error(
    "unsubscribe_missing",
    "A part has no link to unsubscribe that people can see. The law asks for one, and so do Gmail and Yahoo.",
    "Put a link with the words of your language, such as Unsubscribe, into the footer of every part.",
)

_WORDS = re.compile(
    r"unsubscri|opt[\s_-]?out|abmeld|abbestell|abmelden|austragen|désabonn|desabonn|désinscri|desinscri|"
    r"darse de baja|dar de baja|cancelar suscrip|cancelar a? ?(?:inscri|assinatur)|disiscri|annulla iscri|"
    r"afmeld|uitschrijv|wypis|avregistr|avslut|afmeld|peruuta|odhl|leiratkoz|dezabon|отпис|відпис|退订|配信停止|수신거부",
    re.IGNORECASE,
)
"""In the words of a link, or in its address."""


def find(draft: Draft) -> Iterator[Finding]:
    for part, document in draft.documents():
        visibility = Visibility(document)
        if not any(_leaves(one) and visibility.is_seen(one) for one in document.find("a", "form")):
            yield UNSUBSCRIBE_MISSING.at(part, _end(document), "there is no visible link to unsubscribe")
    lines = draft.parts.text.splitlines()
    said = (f"{before} {line}" for before, line in pairwise(["", *lines]) if re.search("://|mailto:", line))
    if lines and not any(map(_WORDS.search, said)):
        yield UNSUBSCRIBE_MISSING.at("text", len(lines), "there is no address to unsubscribe")


def _leaves(element: Element) -> bool:
    address = element.attributes.get("href") or element.attributes.get("action-xhr") or ""
    if not address.strip("# "):
        return False
    shown = " ".join([element.text, *(_label(one) for one in element.walk())]).strip()
    return bool(shown) and _WORDS.search(f"{shown} {address}") is not None


def _label(element: Element) -> str:
    """What an image or a button says."""
    if element.attributes.get("type") == "hidden":
        return ""
    names = ("alt", "value") if element.tag in ("img", "amp-img", "input") else ("aria-label",)
    return " ".join(element.attributes.get(name, "") for name in names)


def _end(document: Document) -> int:
    return document.markup.rstrip().count("\n") + 1
