"""Servers and services that take a whole message: each recipient's email is rendered here, none merges."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from html import escape
from typing import Any

from evermail.campaigns.dialects.base import Envelope
from evermail.campaigns.merge import Field, marker, with_tags
from evermail.campaigns.message import to_mime
from evermail.campaigns.render import Parts


def message(parts: Parts, envelope: Envelope) -> EmailMessage:
    """The email of the one addressee of an envelope. Raises `ValueError` for what a header cannot hold."""
    [addressee] = envelope.addressees
    return to_mime(
        parts,
        sender=envelope.sender,
        recipient=addressee.email,
        reply_to=envelope.reply_to,
        unsubscribe_url=envelope.unsubscribe_url,
        sent_at=envelope.sent_at,
    )


class Smtp:
    """Any mail server."""

    name = "smtp"
    title = "Any mail server (SMTP)"
    needs_rendering_per_recipient = True
    most_addressees = 1
    unverified: Sequence[str] = ()

    def tag(self, field: Field, *, html: bool = False) -> str:
        """The marker itself: nothing is merged, but an email for all can be looked at all the same."""
        return marker(field)

    def protect_amp(self, amp: str) -> str:
        return amp

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        return with_tags(part, lambda field: escape(values.get(field, "")) if html else values.get(field, ""))

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        return None

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Look at some of the emails in `messages/`: mail programs open `.eml` files.",
            "Send them: `evermail campaign send --smtp HOST:PORT DIR`, with this folder as DIR. Each has "
            "`List-Unsubscribe` and `List-Unsubscribe-Post` already.",
            "The server must sign with DKIM for the domain of the sender, or no client shows the AMP part.",
        ]


class Ses(Smtp):
    """Amazon SES, whose templates have no AMP part: it takes the raw message."""

    name = "ses"
    title = "Amazon SES"

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """The input of SendEmail (API version 2), which wants raw data in base64."""
        data = base64.b64encode(message(parts, envelope).as_bytes()).decode()
        return {
            "FromEmailAddress": envelope.sender,
            "Destination": {"ToAddresses": [envelope.addressees[0].email]},
            "Content": {"Raw": {"Data": data}},
        }

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Look at some of the emails in `messages/`: mail programs open `.eml` files.",
            "Verify the domain of the sender in SES, with Easy DKIM: without, no client shows the AMP part.",
            "Send one to yourself: `aws sesv2 send-email --cli-input-json file://messages/000001.json` "
            "(the AWS "
            "command line, version 2, takes the base64 in it as it is).",
            "Send all: the same command for each `.json` file, or the `.eml` files through the SMTP "
            "endpoint of "
            "SES with `evermail campaign send`. Do not turn on SES's own subscription management: the emails "
            "have `List-Unsubscribe` and `List-Unsubscribe-Post` already.",
        ]
