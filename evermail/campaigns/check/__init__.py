"""Looks an email over before it is sent, and says what is wrong with it, where, and how to mend it.

`check` looks at the parts as one recipient gets them. `message.check_message` looks at a whole message,
`endpoint` asks the live functions, `domain` the DNS of the sender; `folder` finds all that
`evermail campaign build` wrote. Each module here looks for one sort of mistake and names what it can find.
"""

from __future__ import annotations

from collections.abc import Sequence

from evermail.campaigns.brand import Brand
from evermail.campaigns.check import (
    accessibility,
    contrast,
    images,
    inbox_line,
    links,
    merge_tags,
    official,
    present,
    sizes,
    token_life,
    unsubscribing,
)
from evermail.campaigns.check.amp_validator import AmpValidator
from evermail.campaigns.check.draft import Checker, Draft
from evermail.campaigns.check.finding import Finding, Severity
from evermail.campaigns.render import Parts

__all__ = ["AmpValidator", "Finding", "Severity", "check"]

CHECKERS: tuple[Checker, ...] = (
    present.find,
    official.find,
    sizes.find,
    merge_tags.find,
    links.find,
    unsubscribing.find,
    token_life.find,
    images.find,
    contrast.find,
    accessibility.find,
    inbox_line.find,
)


def check(
    parts: Parts,
    *,
    now_us: int,
    brand: Brand | None = None,
    send_at_us: int | None = None,
    token_keys: Sequence[str] = (),
    validator: AmpValidator | None = None,
) -> list[Finding]:
    """What is wrong with an email, as one recipient gets it: after the mail service has merged it.

    Times are in microseconds since the epoch; without `send_at_us` it is sent now. With `token_keys`, oldest
    first, it is seen that each token opens what it stands at. `validator` is kept by the caller, since
    starting one takes long. Without any, or without Node, what the official validator would say is not
    known: that is a finding. A second call takes a fraction of a second.
    """
    draft = Draft(
        parts=parts,
        send_at_us=now_us if send_at_us is None else send_at_us,
        brand=brand,
        token_keys=tuple(token_keys),
        validator=validator,
    )
    return [finding for find in CHECKERS for finding in find(draft)]
