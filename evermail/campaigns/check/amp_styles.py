"""What AMP for Email does not take of CSS.

Source: https://amp.dev/documentation/guides-and-tutorials/email/learn/email-spec/amp-email-css
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from evermail.campaigns.check.document import Document
from evermail.campaigns.check.finding import Finding, brief, error
from evermail.campaigns.check.stylesheet import Declaration, declarations, sheets

AMP_STYLE = error(
    "amp_style",
    "A style that AMP for Email does not have: one alone makes the whole AMP part invalid.",
    "Delete it from the AMP part; the HTML part may keep it.",
)

PROPERTIES = re.compile(
    r"content|pointer-events|clip-path|behavior|animation(?:-.*)?|src|quotes|"
    r"-webkit-line-clamp|-moz-binding|mso-.*|--.*"
)
_PSEUDO = re.compile(r"::?(?:root|before|after|first-line|first-letter|selection|placeholder)\b")
_MAX_Z_INDEX = 100
_MOVING = frozenset(("opacity", "transform", "visibility", "none", "initial", "inherit"))


def find_in_styles(document: Document) -> Iterator[Finding]:
    for rule in sheets(document):
        if rule.at and rule.at not in ("media", "page", "charset", "font-feature-values"):
            yield AMP_STYLE.at("amp", rule.line, f"@{rule.at} is not allowed")
            continue
        if "prefers-" in rule.media:
            yield AMP_STYLE.at("amp", rule.line, f"@media {brief(rule.media)} is not allowed")
        for selector in rule.selectors:
            if pseudo := _PSEUDO.search(selector):
                yield AMP_STYLE.at("amp", rule.line, f"the selector {pseudo[0]} is not allowed")
        yield from _declarations(rule.declarations)
    for element in document.walk():
        if style := element.attributes.get("style"):
            yield from _declarations(declarations(style, element.line))


def _declarations(found: Iterable[Declaration]) -> Iterator[Finding]:
    for one in found:
        if reason := _reason(one):
            yield AMP_STYLE.at("amp", one.line, reason)


def _reason(one: Declaration) -> str:
    """Why a declaration is not allowed, or nothing."""
    if one.important:
        return f"{one.name} is !important"
    if PROPERTIES.fullmatch(one.name):
        return f"the property {one.name} is not allowed"
    if re.search(r"url\(\s*[\"']?\s*http:", one.value, re.IGNORECASE):
        return f"{one.name} has an address that begins with http:"
    if one.name == "z-index" and re.fullmatch(r"-?\d+", one.value) and abs(int(one.value)) > _MAX_Z_INDEX:
        return f"z-index is {one.value}; -{_MAX_Z_INDEX} to {_MAX_Z_INDEX} are allowed"
    if one.name in ("transition", "transition-property"):
        moving = {words[0].lower() for words in (part.split() for part in one.value.split(",")) if words}
        if moving - _MOVING:
            return f"a transition of {', '.join(sorted(moving - _MOVING))} is not allowed"
    return ""
