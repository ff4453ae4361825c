"""Iterable: Handlebars over the fields of a user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evermail.campaigns.dialects import handlebars
from evermail.campaigns.dialects.base import Envelope
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.dialects.steps import columns, one_click
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts


class Iterable:
    name = "iterable"
    title = "Iterable"
    needs_rendering_per_recipient = False
    most_addressees = 0
    """Iterable has the recipients, as users."""
    unverified: Sequence[str] = (
        "that a backslash keeps AMP's braces in the AMP part, as it does in the Handlebars that Iterable "
        "runs",
        "whether an email may have a List-Unsubscribe of its own",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        """Handlebars escapes what is in two braces, which a subject and a text do not want."""
        return f"{{{{{field}}}}}" if html else f"{{{{{{{field}}}}}}}"

    def protect_amp(self, amp: str) -> str:
        """A triple brace cannot be kept so: the templates have none (the linter finds it)."""
        return each_tag(amp, lambda tag: "\\" + tag)

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        return handlebars.rendered(part, {str(field): value for field, value in values.items()}, html=html)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        return None

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Ask Iterable to turn on AMP for your project.",
            columns(envelope.campaign, fields),
            "Import `upload.csv` as users: the columns become fields of the same names.",
            "Make an email template with the HTML editor: `email.html` into HTML, `email.txt` into plain "
            "text, "
            "`amp.html` into AMP. Its subject is in `subject.txt`.",
            one_click(envelope.unsubscribe_url),
        ]
