"""Twilio SendGrid, Mail Send v3.

Substitution tags rather than a dynamic template: those are Handlebars, which would run in the AMP part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from typing import Any

from evermail.campaigns.dialects.base import Envelope
from evermail.campaigns.dialects.steps import recipients
from evermail.campaigns.dialects.substitution import replaced
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

_TAG = re.compile("-(" + "|".join(Field) + ")-")


class SendGrid:
    name = "sendgrid"
    title = "SendGrid"
    needs_rendering_per_recipient = False
    most_addressees = 1000
    """Personalizations in one call."""
    unverified: Sequence[str] = (
        "that substitution tags are replaced in the AMP part as they are in text and HTML",
        "that the order text, AMP, HTML of `content` is the order in the message",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        return f"-{field}-"

    def protect_amp(self, amp: str) -> str:
        return amp

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        return replaced(part, values, _TAG)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """`List-Unsubscribe` is set for each recipient: substitutions do not reach headers."""
        payload: dict[str, Any] = {
            "from": _address(envelope.sender),
            "subject": parts.subject,
            "personalizations": [
                {
                    "to": [{"email": one.email}],
                    "substitutions": {self.tag(field): value for field, value in one.values.items()},
                    "headers": {
                        "List-Unsubscribe": f"<{self.merged(envelope.unsubscribe_url, one.values)}>",
                        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                    },
                }
                for one in envelope.addressees
            ],
            "content": [
                {"type": "text/plain", "value": parts.text},
                {"type": "text/x-amp-html", "value": parts.amp},
                {"type": "text/html", "value": parts.html},
            ],
            "categories": [envelope.campaign],
        }
        if envelope.reply_to is not None:
            payload["reply_to"] = _address(envelope.reply_to)
        return payload

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Use the API: SendGrid's Marketing Campaigns take no AMP part. Authenticate the domain of the "
            "sender.",
            recipients(self.most_addressees, "`personalizations`"),
            'Send it: `curl -X POST https://api.sendgrid.com/v3/mail/send -H "Authorization: Bearer $KEY" '
            "-H 'Content-Type: application/json' -d @payload.json`.",
            "Turn off SendGrid's subscription tracking, which would put a second unsubscribe link in.",
        ]


def _address(text: str) -> dict[str, str]:
    name, email = parseaddr(text)
    return {"email": email, "name": name} if name else {"email": email}
