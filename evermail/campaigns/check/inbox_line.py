"""What a list of emails shows of this one before it is opened: its subject, and the words after it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evermail.campaigns.check.document import Document
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, hint, warning
from evermail.campaigns.check.visibility import Visibility

SUBJECT_TOO_LONG = warning(
    "subject_too_long",
    "The subject has more than 150 characters: no list of emails shows so many.",
    "Shorten the subject, to 60 characters if you can.",
)
SUBJECT_LONG = hint(
    "subject_long",
    "The subject has more than 70 characters: most lists of emails cut it.",
    "Say what matters in the first 40 characters, which phones show.",
)
PREHEADER_MISSING = hint(
    "preheader_missing",
    "The HTML part does not begin with a preheader: lists of emails show its first words beside the subject.",
    "Give the campaign a preheader: a sentence that goes on where the subject ends.",
)
PREHEADER_LONG = hint(
    "preheader_long",
    "The preheader has more than 140 characters: no list of emails shows so many.",
    "Shorten it: about 90 characters are shown.",
)

LONG_SUBJECT, MAX_SUBJECT, MAX_PREHEADER = 70, 150, 140
"""Characters."""

_FILLER = re.compile("[\u00ad\u034f\u2007\u200b-\u200f\u2060\ufeff\u00a0\u2800]")
"""What keeps the text below from following the preheader."""


def find(draft: Draft) -> Iterator[Finding]:
    length = len(draft.parts.subject)
    if length > LONG_SUBJECT:
        kind = SUBJECT_TOO_LONG if length > MAX_SUBJECT else SUBJECT_LONG
        yield kind.at("subject", 1, f"the subject has {length} characters: {brief(draft.parts.subject)}")
    if draft.parts.html.strip():
        line, text = _preheader(draft.html)
        if not text:
            yield PREHEADER_MISSING.at("html", line, "there is no preheader")
        elif len(text) > MAX_PREHEADER:
            yield PREHEADER_LONG.at("html", line, f"the preheader has {len(text)} characters: {brief(text)}")


def _preheader(html: Document) -> tuple[int, str]:
    """The line and the text of what is hidden before anything can be seen."""
    body, visibility = html.first("body") or html, Visibility(html)
    for element in body.walk():
        if visibility.hides_itself(element):
            return element.line, " ".join(_FILLER.sub("", element.text).split())
        if element.own_text or element.tag in ("img", "table"):
            break
    return body.line, ""
