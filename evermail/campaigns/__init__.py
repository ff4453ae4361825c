"""The marketer's kit: what turns a template and a brand into an email that can be sent.

`render` fills a template's parts for one recipient, `to_mime` puts them into a message. `building` makes
one email for all in the language of a mail service (`dialects/`), or a message for each recipient;
`check/` looks it over; `command/` has all of it on the command line (docs/campaigns.md). How an answer is
ranked and served when the email is opened lives elsewhere: here is what is made at send time.
"""

from __future__ import annotations

from evermail.campaigns.brand import Brand, Palette
from evermail.campaigns.context import Context, EmailRecipient, Tokens
from evermail.campaigns.message import to_mime
from evermail.campaigns.render import Parts, Renderer, TemplateProblem, render, sample_context

__all__ = [
    "Brand",
    "Context",
    "EmailRecipient",
    "Palette",
    "Parts",
    "Renderer",
    "TemplateProblem",
    "Tokens",
    "render",
    "sample_context",
    "to_mime",
]
