"""Who looked at, or erased, which person: one line for each access, marked `"audit": true`, so that a log
sink can keep these apart, and longer than the others.

A line names the caller by the name that goes with the secret, and the person by a digest of the current
pseudonym: who has an identifier and the keys can find its lines, as can who may list the names in the store.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b

from evermail.person import Name


class Outcome(StrEnum):
    DONE = "done"
    INCOMPLETE = "incomplete"
    """A part could not be confirmed: the caller was told to repeat it."""
    FAILED = "failed"
    REFUSED = "refused"
    """The caller is known, and what was asked makes no sense."""
    UNAUTHORIZED = "unauthorized"


NOBODY = ""
"""The caller who did not say, or not truly, who it is."""


def record(
    *,
    caller: str,
    request_id: str,
    outcome: Outcome,
    action: str = "",
    subjects: Sequence[Name] = (),
    counts: Mapping[str, int] | None = None,
) -> None:
    """Writes one line. `subjects` are the names under the current key, of which only digests are written;
    `counts` are documents by collection."""
    fields = {
        "audit": True,
        "caller": caller,
        "action": action,
        "subjects": [subject(name) for name in subjects],
        "request_id": request_id,
        "outcome": outcome,
        "documents": dict(counts or {}),
    }
    level = logging.INFO if outcome is Outcome.DONE else logging.WARNING
    _logger.log(level, "privacy %s: %s", action or "request", outcome, extra={"fields": fields})


def subject(name: Name) -> str:
    """What a person is called in the audit log."""
    return blake2b(f"audit\0{name.kind}\0{name.pseudonym}".encode(), digest_size=16).hexdigest()


_logger = logging.getLogger("evermail.functions.audit")
"""Below the logger of requests, whose handler writes the line."""
