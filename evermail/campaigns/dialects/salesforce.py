"""Salesforce Marketing Cloud Engagement: personalization strings, and a Guide Template Language in braces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evermail.campaigns.dialects.base import Envelope, MergeFailed
from evermail.campaigns.dialects.steps import columns, one_click
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

DELIMITERS = "<!-- {{={< >}=}} -->\n"
"""Has the Guide Template Language look for `{<` instead of `{{`, from here on (Salesforce Help, "Use GTL with
AMP for Email Mustache Syntax")."""

_STRING = re.compile(r"%%([A-Za-z0-9_ ]+)%%")
_GUIDE = re.compile(r"\{\{(.*?)\}\}+", re.DOTALL)


class Salesforce:
    name = "salesforce"
    title = "Salesforce Marketing Cloud"
    needs_rendering_per_recipient = False
    most_addressees = 0
    """Salesforce has the recipients, in a data extension."""
    unverified: Sequence[str] = (
        "what is left of the line that moves the delimiters, before the document's type",
        "whether a link that is one personalization string as a whole is followed: `%%item_url%%`",
        "whether your account lets an email have headers of its own",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        """Nothing escapes in it: the columns must hold no markup."""
        return f"%%{field}%%"

    def protect_amp(self, amp: str) -> str:
        return DELIMITERS + amp

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        by_name = {str(field): value for field, value in values.items()}
        filled = _STRING.sub(lambda found: by_name.get(found[1], ""), part)
        if filled.startswith(DELIMITERS):
            return filled.replace(DELIMITERS, "<!--  -->\n", 1)
        return _GUIDE.sub(self._guide, filled)

    def _guide(self, found: re.Match[str]) -> str:
        if found[1][:1] in ("#", "/", "^"):
            raise MergeFailed(f"the Guide Template Language knows no block {found[0]}")
        return ""

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        return None

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "In Setup, see that Multipart MIME is on, and have AMP for Email turned on for your account.",
            columns(envelope.campaign, fields),
            "Import `upload.csv` into a sendable data extension: a column each, text of 512 "
            "characters "
            "for those that begin with `evermail_`.",
            "In Content Builder make an HTML email: `email.html` into HTML, `email.txt` into Text, "
            "`amp.html` into "
            "AMP. Keep the first line of `amp.html`: without it every product's title and price would be "
            "empty.",
            "Its subject is in `subject.txt`.",
            'Columns are put into HTML as they are: see that names and titles hold no `<`, `>` and `"`.',
            one_click(envelope.unsubscribe_url),
        ]
