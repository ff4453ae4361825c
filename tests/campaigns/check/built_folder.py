"""A folder as `evermail campaign build` writes it, of the good email."""

from __future__ import annotations

from pathlib import Path

import msgspec

from evermail.campaigns import Parts, Tokens, to_mime
from evermail.campaigns.dialects import DIALECTS, Addressee, Envelope
from evermail.campaigns.folder import MESSAGES, Built, write_description, write_parts
from evermail.campaigns.merge import Field, marker, with_tags
from tests.campaigns.check.good_email import LIVE, NOW_US, good, tokens

SENDER = "hi@alder.example"


def marked() -> Parts:
    """The good email for all: markers stand for what differs."""
    fields = (Field.RECOMMENDATIONS, Field.SLOTS, Field.ACTIONS, Field.UNSUBSCRIBE)
    recommendations, slots, actions, unsubscribe = map(marker, fields)
    return good(
        Tokens(recommendations=recommendations, slots=slots, actions=actions, unsubscribe=unsubscribe)
    )


def description(service: str) -> Built:
    return Built(template="mine", service=service, campaign="autumn", endpoint=LIVE, sent_at=NOW_US)


def for_all(folder: Path, service: str) -> Path:
    """Parts in the language of a service, with the call of its API."""
    dialect, parts = DIALECTS[service], marked()
    parts = Parts(
        subject=parts.subject,
        text=with_tags(parts.text, dialect.tag),
        amp=with_tags(dialect.protect_amp(parts.amp), lambda field: dialect.tag(field, html=True)),
        html=with_tags(parts.html, lambda field: dialect.tag(field, html=True)),
    )
    write_parts(folder, parts)
    write_description(folder, description(service))
    envelope = Envelope(
        campaign="autumn",
        sender=SENDER,
        unsubscribe_url=f"{LIVE}/unsubscribe?t={dialect.tag(Field.UNSUBSCRIBE)}",
        sent_at=NOW_US,
        addressees=[Addressee("mara@example.com", dict.fromkeys(Field, "x"))],
    )
    if (payload := dialect.payload(parts, envelope)) is not None:
        (folder / "payload.json").write_bytes(msgspec.json.encode(payload))
    return folder


def message(parts: Parts | None = None, sender: str = SENDER) -> bytes:
    return to_mime(
        parts or good(),
        sender=sender,
        recipient="mara@example.com",
        unsubscribe_url=f"{LIVE}/unsubscribe?t={tokens().unsubscribe}",
        sent_at=NOW_US,
        message_id="<1@alder.example>",
    ).as_bytes()


def messages(folder: Path, number: int, source: bytes | None = None) -> Path:
    (folder / MESSAGES).mkdir()
    for one in range(1, number + 1):
        (folder / MESSAGES / f"{one:06}.eml").write_bytes(source or message())
    write_description(folder, description("smtp"))
    return folder
