"""What a shopper says of items in an email: this is not for me, or more like this. Pure.

One small document a shopper, made by whoever takes the feedback. A shopper may have been asked under several
names: of what is said of one item under any of them, the newest holds. What was said up to the second of an
erasure is neither used nor written again, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from evermail import clock
from evermail.documents import Feedback, Opinion, Verdict

MAX_OPINIONS = 200
"""Of one shopper, the newest."""

RETENTION_US = 365 * clock.DAY
"""After the last one."""


def given(
    stored: Feedback | None,
    shopper: str,
    item_id: str,
    verdict: Verdict,
    *,
    erased_at: int,
    now_us: int,
    first_version: int = 0,
) -> Feedback | None:
    """The document with this verdict too; None if the stored one has it, so that who says it again changes
    nothing, or if an erasure takes it. `erased_at` is the event time of the shopper's latest erasure, 0 if
    there is none, and `first_version` what it leaves room for (`evermail.erasure.first_version`).

    Of several documents made of the same stored one a store takes one alone: whoever made another finds it
    stale, and has to make it anew of what is stored then.
    """
    if now_us // clock.SECOND <= erased_at // clock.SECOND:
        return None
    before = stored.opinions if stored is not None else {}
    known = _since(before, erased_at)
    opinion = known.get(item_id)
    if opinion is not None and opinion.verdict is verdict and len(known) == len(before):
        return None
    opinions = {**known, item_id: Opinion(verdict, max(now_us, opinion.given_at + 1 if opinion else 0))}
    newest = sorted(opinions, key=lambda one: (opinions[one].given_at, one))[-MAX_OPINIONS:]
    return Feedback(
        id=shopper,
        version=max(_version_after(stored, now_us), first_version),
        updated_at=now_us,
        expire_at=now_us + RETENTION_US,
        opinions={one: opinions[one] for one in newest},
    )


def refused(feedback: Iterable[Feedback], erased_at: int = 0) -> set[str]:
    """Ids of the items never to be shown to this shopper again. `feedback` is what is stored under all names
    of one shopper, `erased_at` as in `given`."""
    return set(_with_verdict(feedback, erased_at, Verdict.NOT_FOR_ME))


def wanted(feedback: Iterable[Feedback], erased_at: int = 0) -> dict[str, int]:
    """The items of whose like the shopper wants more, and when that was said (microseconds). Only where the
    profile has a history: else there may be no consent to use it."""
    return _with_verdict(feedback, erased_at, Verdict.MORE_LIKE_THIS)


def _version_after(stored: Feedback | None, now_us: int) -> int:
    """The same for all who know the same; where there is none, higher than that of one that has expired."""
    return stored.version + 1 if stored is not None else now_us // clock.DAY * clock.DAY


def _with_verdict(feedback: Iterable[Feedback], erased_at: int, verdict: Verdict) -> dict[str, int]:
    newest: dict[str, Opinion] = {}
    for document in feedback:
        for item_id, opinion in _since(document.opinions, erased_at).items():
            known = newest.get(item_id)
            # Of two of one moment, the one that shows less.
            if known is None or (opinion.given_at, opinion.verdict) > (known.given_at, known.verdict):
                newest[item_id] = opinion
    return {item_id: opinion.given_at for item_id, opinion in newest.items() if opinion.verdict is verdict}


def _since(opinions: dict[str, Opinion], erased_at: int) -> dict[str, Opinion]:
    """Without what an erasure takes: all of its second, as everywhere."""
    second = erased_at // clock.SECOND
    return {one: opinion for one, opinion in opinions.items() if opinion.given_at // clock.SECOND > second}
