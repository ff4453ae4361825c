"""What should have become a recipient's own value, and did not; and AMP's own tags where they do nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evermail.campaigns.check.document import Document, Element
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, error
from evermail.campaigns.merge import TOKEN_FIELDS

MERGE_TAG_LEFT = error(
    "merge_tag_left",
    "A tag of the mail service still stands where a recipient's own value should be.",
    "Build the campaign for the service that sends it (`--esp`); give your audience a column for each tag.",
)
MUSTACHE_OUTSIDE = error(
    "mustache_outside",
    "A {{variable}} stands where nothing fills it: recipients would read the braces.",
    "Write it into a <template> of the AMP part, or put the text there that it stands for.",
)
MUSTACHE_LOST = error(
    "mustache_lost",
    "The template of a live list has no {{variable}} in it: every product would be blank.",
    "The mail service has taken AMP's own tags for its own: build the campaign for this service (`--esp`).",
)

_FIELDS = "|".join(TOKEN_FIELDS)
_SERVICES = re.compile(
    rf"""MERGE-\w+-MERGE | -(?:{_FIELDS})- | \b(?:{_FIELDS})\b   # our own names, in any language
    | \{{%.*?%\}} | \{{<\s*[\w.$#/^]+\s*>\}} | <%=?\s*\w.*?%>                      # Liquid and others
    | opening_double_curly | closing_double_curly              # SparkPost
    | %recipient(?:\.\w+)?% | %%[\w.-]+%%                      # Mailgun, Salesforce
    | \*\|[^|\n]{{1,60}}\|\* | \[\[\s*[\w.]+\s*\]\]            # Mailchimp, others
    | \$\{{[\w.]+\}}""",
    re.VERBOSE,
)
_MUSTACHE = re.compile(r"\{\{\{?[^{}\n]{0,80}\}?\}\}|\{\{|%7B%7B[^\"'\s<>]{0,80}", re.IGNORECASE)
_TEMPLATES = re.compile(r"<template\b.*?</template\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_AMP_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def find(draft: Draft) -> Iterator[Finding]:
    parts = draft.parts
    for name, text in (("subject", parts.subject), ("text", parts.text), ("html", parts.html)):
        yield from _left(name, text)
        yield from _braces(name, text)
    yield from _left("amp", _AMP_COMMENT.sub(_blank, parts.amp))
    yield from _braces("amp", _TEMPLATES.sub(_blank, parts.amp))
    yield from _lost(draft.amp)


def _left(part: str, text: str) -> Iterator[Finding]:
    for found in _SERVICES.finditer(text):
        yield MERGE_TAG_LEFT.at(part, _line(text, found), f"{brief(found[0])} was not replaced")


def _braces(part: str, text: str) -> Iterator[Finding]:
    for found in _MUSTACHE.finditer(text):
        if not _SERVICES.search(found[0]):  # said already
            yield MUSTACHE_OUTSIDE.at(part, _line(text, found), f"{brief(found[0])} stands here as text")


def _lost(amp: Document) -> Iterator[Finding]:
    by_id = {one.attributes["id"]: one for one in amp.find("template") if "id" in one.attributes}
    for live in amp.find("amp-list"):
        named = by_id.get(live.attributes.get("template", ""))
        template = named or next((one for one in live.find("template")), None)
        if template is not None and not any(_has_variable(element) for element in template.walk()):
            yield MUSTACHE_LOST.at("amp", template.line, "the template of a live list has no {{variable}}")


def _has_variable(element: Element) -> bool:
    said = [*element.attributes.values(), *(one for one in element.children if isinstance(one, str))]
    return any("{{" in one for one in said)


def _line(text: str, found: re.Match[str]) -> int:
    return text.count("\n", 0, found.start()) + 1


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])
