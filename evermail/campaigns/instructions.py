"""`STEPS.md`: what a marketer does with what was built."""

from __future__ import annotations

from collections.abc import Sequence

from evermail import clock
from evermail.campaigns.dialects import Dialect, Envelope
from evermail.campaigns.folder import Built
from evermail.campaigns.merge import Field
from evermail.tokens import DEFAULT_MAX_AGE_US


def instructions(built: Built, dialect: Dialect, envelope: Envelope, fields: Sequence[Field]) -> str:
    """The file, in Markdown."""
    day = clock.to_datetime(built.sent_at).date()
    lines = [
        f"# {built.campaign}, for {dialect.title}",
        "",
        f"Built on {day:%Y-%m-%d} from the template `{built.template}`. Live answers come from "
        f"{built.endpoint}.",
        "",
        "Check it first: `evermail campaign check` with this folder finds what clients would refuse.",
        "",
        "## Steps",
        "",
        *(f"{number}. {step}" for number, step in enumerate(dialect.steps(envelope, fields), start=1)),
        "",
    ]
    if fields:
        lines += [
            "## Columns",
            "",
            f"What {dialect.title} fills in for each recipient:",
            "",
            "| column | in the email |",
            "|---|---|",
            *(
                f"| `{field}` | `{dialect.tag(field, html=True).replace('|', '&#124;')}` |"
                for field in fields
            ),
            "",
        ]
    lines += [
        "## Look at a test email first",
        "",
        "- In Gmail, with dynamic email turned on: are there products, and does the unsubscribe form answer?",
        "- In a client without AMP (Apple Mail, Outlook): do the pictures load, and lead where they should?",
        "- Click tracking of the service may rewrite the AMP part: if Gmail shows the HTML instead, turn "
        "it off.",
        f"- Tokens are good for {DEFAULT_MAX_AGE_US // clock.DAY} days: make them shortly before you send.",
        *(f"- Not verified, so see for yourself: {what}." for what in dialect.unverified),
        "",
    ]
    return "\n".join(lines)
