"""Customer.io: Liquid over the attributes of a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evermail.campaigns.dialects import liquid
from evermail.campaigns.dialects.base import Envelope, MergeFailed
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.dialects.steps import columns, one_click
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts


class CustomerIo:
    name = "customerio"
    title = "Customer.io"
    needs_rendering_per_recipient = False
    most_addressees = 0
    """Customer.io has the recipients, as people."""
    unverified: Sequence[str] = (
        "that `{% raw %}` keeps AMP's braces in the AMP part, as it does in Liquid",
        "whether an email may have a List-Unsubscribe of its own",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        return "{{customer." + field + (" | escape" if html else "") + "}}"

    def protect_amp(self, amp: str) -> str:
        return each_tag(amp, liquid.raw)

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        """Customer.io does not send to whom an attribute is missing: neither does this."""
        by_name = {f"customer.{field}": value for field, value in values.items()}

        def look_up(expression: str) -> str | None:
            if expression.startswith("customer.") and expression not in by_name:
                raise MergeFailed(f"Customer.io does not send an email where {expression} is missing")
            return by_name.get(expression)

        return liquid.rendered(part, look_up)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        return None

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            columns(envelope.campaign, fields),
            "Import `upload.csv` as people: the columns become attributes of the same names. "
            "Customer.io "
            "sends to nobody who lacks one of them.",
            "Make a newsletter with the code editor: `email.html` as the body, `email.txt` as the text, "
            "`amp.html` as "
            "the AMP version. Its subject is in `subject.txt`.",
            one_click(envelope.unsubscribe_url),
        ]
