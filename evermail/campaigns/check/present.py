"""Whether there is everything that an email is made of."""

from __future__ import annotations

from collections.abc import Iterator

from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, error

PART_MISSING = error(
    "part_missing",
    "The email has no AMP, HTML or text part, or no subject.",
    "Build the campaign again with `evermail campaign build`, and send all the parts it writes: "
    "people whose mail program cannot show one of them see the next.",
)

_NAMES = {"amp": "AMP part", "html": "HTML part", "text": "text part", "subject": "subject"}


def find(draft: Draft) -> Iterator[Finding]:
    for part, name in _NAMES.items():
        if not getattr(draft.parts, part).strip():
            yield PART_MISSING.at(part, 0, f"there is no {name}")
