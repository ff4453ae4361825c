"""Klaviyo, whose templates speak Django's language; its accounts have AMP by application."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from evermail.campaigns.dialects.base import Envelope, MergeFailed
from evermail.campaigns.dialects.mustache import each_tag
from evermail.campaigns.dialects.steps import columns, one_click
from evermail.campaigns.merge import Field
from evermail.campaigns.render import Parts

_TOKEN = re.compile(
    r"\{%\s*verbatim\s*%\}(?P<kept>.*?)\{%\s*endverbatim\s*%\}|(?P<tag>\{%.*?%\})|\{\{(?P<output>.*?)\}\}",
    re.DOTALL,
)
_PROPERTY = re.compile(r"person\|lookup:'(\w+)'(\|force_escape)?")
_VARIABLE = re.compile(r"[A-Za-z]\w*(\.\w+)*")


class Klaviyo:
    name = "klaviyo"
    title = "Klaviyo"
    needs_rendering_per_recipient = False
    most_addressees = 0
    """Klaviyo has the recipients, as profiles."""
    unverified: Sequence[str] = (
        "that `{% verbatim %}` keeps AMP's braces in Klaviyo as it does in Django, whose language "
        "Klaviyo's is",
        "that `force_escape` is among Klaviyo's filters",
        "whether a template can have a List-Unsubscribe of its own: Klaviyo adds one that leads to itself",
    )

    def tag(self, field: Field, *, html: bool = False) -> str:
        escaped = html and field is not Field.FIRST_NAME and not field.startswith("evermail_")
        if field is Field.FIRST_NAME:
            return "{{ first_name|force_escape }}" if html else "{{ first_name }}"
        return f"{{{{ person|lookup:'{field}'{'|force_escape' if escaped else ''} }}}}"

    def protect_amp(self, amp: str) -> str:
        return each_tag(amp, lambda tag: "{% verbatim %}" + tag + "{% endverbatim %}")

    def merged(self, part: str, values: Mapping[Field, str], *, html: bool = False) -> str:
        by_name = {str(field): value for field, value in values.items()}

        def replace(found: re.Match[str]) -> str:
            if found["kept"] is not None:
                return found["kept"]
            if found["tag"] is not None:
                raise MergeFailed(f"Klaviyo does not know the tag {found['tag']}")
            output = found["output"].strip()
            if output.removesuffix("|force_escape") == Field.FIRST_NAME:
                value, escaped = by_name.get(Field.FIRST_NAME, ""), output.endswith("|force_escape")
            elif property := _PROPERTY.fullmatch(output):
                value, escaped = by_name.get(property[1], ""), property[2] is not None
            elif _VARIABLE.fullmatch(output):
                return ""
            else:
                raise MergeFailed(f"Klaviyo cannot parse {found[0]}")
            return escape(value) if escaped else value

        return _TOKEN.sub(replace, part)

    def payload(self, parts: Parts, envelope: Envelope) -> dict[str, Any] | None:
        """The body of Create Template."""
        attributes = {
            "name": envelope.campaign,
            "editor_type": "CODE",
            "html": parts.html,
            "text": parts.text,
            "amp": parts.amp,
        }
        return {"data": {"type": "template", "attributes": attributes}}

    def steps(self, envelope: Envelope, fields: Sequence[Field]) -> list[str]:
        return [
            "Apply for AMP at Klaviyo: it is turned on for accounts with a sending domain of their own.",
            columns(envelope.campaign, fields),
            "Import `upload.csv` as a list of profiles: the columns become properties of the same names.",
            'Make the template: `curl -X POST https://a.klaviyo.com/api/templates -H "Authorization: '
            "Klaviyo-API-Key $KEY\" -H 'revision: 2025-01-15' -H 'Content-Type: application/vnd.api+json' "
            "-d @payload.json`; or paste `email.html`, `email.txt` and `amp.html` into a custom HTML "
            "template.",
            "Use it in a campaign; its subject is in `subject.txt`.",
            one_click(envelope.unsubscribe_url),
        ]
