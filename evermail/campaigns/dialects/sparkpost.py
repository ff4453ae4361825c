"""SparkPost (Bird), Transmissions API. Its language runs in the AMP part too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from html import escape
from typing import Any

from evermail.campaigns.dialects.base import Envelope, MergeFailed
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.dialects.steps import recipients
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

_EXPRESSION = re.compile(r"\{\{\{(.*?)\}\}\}|\{\{(.*?)\}\}", re.DOTALL)
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_MACROS = {
    "opening_double_curly()": "{{",
    "closing_double_curly()": "}}",
    "opening_triple_curly()": "{{{",
    "closing_triple_curly()": "}}}",
}

MAX_CAMPAIGN_BYTES = 64


class SparkPost:
    name = "sparkpost"
    title = "SparkPost"
    needs_rendering_per_recipient = False
    most_addressees = 2000
    """Recipients in one call, as SparkPost recommends."""
    unverified: Sequence[str] = ()

    def tag(self, field: Field, *, html: bool = False) -> str:
        """SparkPost escapes it in HTML and AMP by itself."""
        return f"{{{{{field}}}}}"

    def protect_amp(self, amp: str) -> str:
        return each_tag(amp, _spelled)

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        by_name = {str(field): value for field, value in values.items()}

        def replace(found: re.Match[str]) -> str:
            plain, escaped = found[1], found[2]
            expression = (plain if plain is not None else escaped).strip()
            if expression in _MACROS:
                return _MACROS[expression]
            if not _KEY.fullmatch(expression):
                raise MergeFailed(f"SparkPost's template language refuses {found[0]}")
            value = by_name.get(expression, "")
            return escape(value) if html and plain is None else value

        return _EXPRESSION.sub(replace, part)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        name, email = parseaddr(envelope.sender)
        content: dict[str, Any] = {
            "from": {"email": email, "name": name} if name else {"email": email},
            "subject": parts.subject,
            "text": parts.text,
            "amp_html": parts.amp,
            "html": parts.html,
            "headers": {
                "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        }
        if envelope.reply_to is not None:
            content["reply_to"] = envelope.reply_to
        return {
            "campaign_id": envelope.campaign.encode()[:MAX_CAMPAIGN_BYTES].decode(errors="ignore"),
            "content": content,
            "recipients": [
                {
                    "address": {"email": one.email},
                    "substitution_data": {str(field): value for field, value in one.values.items()},
                }
                for one in envelope.addressees
            ],
        }

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Use the API: SparkPost's template language, and with it the tags, does not run in what comes "
            "by SMTP.",
            recipients(self.most_addressees, "`recipients`"),
            'Send it: `curl -X POST https://api.sparkpost.com/api/v1/transmissions -H "Authorization: $KEY" '
            "-H 'Content-Type: application/json' -d @payload.json` (in the EU: `api.eu.sparkpost.com`).",
        ]


def _spelled(tag: str) -> str:
    triple = tag.startswith("{{{")
    size, word = (3, "triple") if triple else (2, "double")
    return f"{{{{opening_{word}_curly()}}}}{tag[size:-size]}{{{{closing_{word}_curly()}}}}"
