"""Braze: Liquid over custom attributes; AMP goes by its messaging API, through SparkPost or SendGrid only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evermail.campaigns.dialects import liquid
from evermail.campaigns.dialects.base import Envelope
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.dialects.steps import columns, one_click
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

_ATTRIBUTE = re.compile(r"(custom_attribute\.)?\$\{(\w+)\}")


class Braze:
    name = "braze"
    title = "Braze"
    needs_rendering_per_recipient = False
    most_addressees = 0
    """A call names a segment: Braze has the recipients."""
    unverified: Sequence[str] = (
        "that Liquid is filled in within `headers`, which Braze takes for workspaces that send by SendGrid",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        """`first_name` is one of Braze's default attributes."""
        attribute = f"${{{field}}}" if field is Field.FIRST_NAME else f"custom_attribute.${{{field}}}"
        return "{{" + attribute + (" | escape" if html else "") + "}}"

    def protect_amp(self, amp: str) -> str:
        return each_tag(amp, liquid.raw)

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        by_name = {str(field): value for field, value in values.items()}

        def look_up(expression: str) -> str | None:
            found = _ATTRIBUTE.fullmatch(expression)
            if not found or (found[1] is None) is not (found[2] == Field.FIRST_NAME):
                return None
            return by_name.get(found[2])

        return liquid.rendered(part, look_up)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """The body of `messages/send`, with what only the shop knows in capitals."""
        email: dict[str, Any] = {
            "app_id": "YOUR-APP-ID",
            "subject": parts.subject,
            "from": envelope.sender,
            "body": parts.html,
            "plaintext_body": parts.text,
            "amp_body": parts.amp,
            "should_inline_css": False,
            "headers": {
                "List-Unsubscribe": f"<{envelope.unsubscribe_url}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            },
        }
        if envelope.reply_to is not None:
            email["reply_to"] = envelope.reply_to
        return {
            "campaign_id": "YOUR-CAMPAIGN-ID",
            "segment_id": "YOUR-SEGMENT-ID",
            "messages": {"email": email},
        }

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Ask Braze whether your workspace sends by SparkPost or SendGrid: only these carry AMP.",
            columns(envelope.campaign, fields),
            "Import `upload.csv` as a CSV of users: `first_name` is an attribute of Braze's "
            "own, all "
            "other columns become custom attributes of the same names.",
            "Make an API campaign and a segment in Braze, and put their identifiers and your app's into "
            "`payload.json`, where it says YOUR-.",
            'Send it: `curl -X POST https://rest.YOUR-INSTANCE.braze.com/messages/send -H "Authorization: '
            "Bearer "
            "$KEY\" -H 'Content-Type: application/json' -d @payload.json`. In Braze's editor, `amp.html` "
            "goes into "
            "the AMP tab instead.",
            one_click(envelope.unsubscribe_url),
        ]
