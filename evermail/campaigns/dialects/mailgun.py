"""Mailgun, its messages API: form fields, of which `recipient-variables` says what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from evermail.campaigns.dialects.base import Envelope
from evermail.campaigns.dialects.steps import recipients
from evermail.campaigns.dialects.substitution import replaced
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

_TAG = re.compile(r"%recipient\.([A-Za-z0-9_]+)%")


class Mailgun:
    name = "mailgun"
    title = "Mailgun"
    needs_rendering_per_recipient = False
    most_addressees = 1000
    """Recipients in one call."""
    unverified: Sequence[str] = ("that recipient variables are replaced in `amp-html` as everywhere else",)

    def tag(self, field: Field, *, html: bool = False) -> str:
        return f"%recipient.{field}%"

    def protect_amp(self, amp: str) -> str:
        return amp

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        return replaced(part, values, _TAG)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """Form fields, not a JSON body. All addressees need `recipient-variables`: with them, nobody sees
        the addresses of others."""
        fields: dict[str, Any] = {
            "from": envelope.sender,
            "to": [one.email for one in envelope.addressees],
            "subject": parts.subject,
            "text": parts.text,
            "amp-html": parts.amp,
            "html": parts.html,
            "recipient-variables": json.dumps(
                {
                    one.email: {str(field): value for field, value in one.values.items()}
                    for one in envelope.addressees
                },
                ensure_ascii=False,
            ),
            "h:List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
            "h:List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "o:tag": envelope.campaign,
        }
        if envelope.reply_to is not None:
            fields["h:Reply-To"] = envelope.reply_to
        return fields

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        post = "import httpx, json, os; print(httpx.post('https://api.mailgun.net/v3/DOMAIN/messages', "
        post += "auth=('api', os.environ['KEY']), data=json.load(open('payload.json'))).text)"
        return [
            recipients(self.most_addressees, "`to` and `recipient-variables`"),
            f'Send it; these are form fields, not a JSON body: `python -c "{post}"` (in the EU: '
            "`api.eu.mailgun.net`).",
            "Turn off Mailgun's own unsubscribe handling for the domain: the email has its headers already.",
        ]
