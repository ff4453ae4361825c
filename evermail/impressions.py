"""What a campaign has shown to a shopper: so that one open counts once and shows one thing everywhere.

An email is often loaded several times within seconds: by a provider's proxy, for each of its pictures, by a
reader who goes back to it. For `ONE_OPEN_US` that is one open with the same items, unless the shopper does
something meanwhile, or one of the items can no longer be shown.

Of two functions that answer at once and do not know of each other, the first to write decides: both give the
document the same version, and the store keeps the first. The other one shows what is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from evermail import clock
from evermail.documents import Impression, Key, Shown

ONE_OPEN_US = clock.MINUTE

RETENTION_US = 90 * clock.DAY


def key(campaign: str, shopper: str) -> Key:
    return Key(Impression.COLLECTION, f"{campaign}:{shopper}")


def stands(impression: Impression | None, *, as_of: int, variant: str, now_us: int) -> bool:
    """Whether what was shown is to be shown again, as far as the shopper is concerned: `as_of` is the time of
    the newest event known now."""
    return (
        impression is not None
        and now_us - max(impression.opened_at, impression.prefetched_at) < ONE_OPEN_US
        and impression.as_of == as_of
        and impression.variant == variant
    )


def after(
    previous: Impression | None,
    *,
    campaign: str,
    shopper: str,
    variant: str,
    source: str,
    slots: Sequence[Shown],
    as_of: int,
    prefetch: bool,
    now_us: int,
    first_version: int = 0,
) -> Impression | None:
    """The document once these slots were shown, None if it says so already. `previous` is the stored one, and
    `first_version` the lowest that the store takes."""
    shown = list(slots)
    opens, prefetches, opened_at, prefetched_at = 0, 0, 0, 0
    if previous is not None:
        opens, prefetches = previous.opens, previous.prefetches
        opened_at, prefetched_at = previous.opened_at, previous.prefetched_at
    if prefetch:
        if another := now_us - prefetched_at >= ONE_OPEN_US:
            prefetches, prefetched_at = prefetches + 1, now_us
    elif another := now_us - opened_at >= ONE_OPEN_US:
        opens, opened_at = opens + 1, now_us
    if previous is not None and not another:
        as_before = previous.slots, previous.source, previous.as_of, previous.variant
        if as_before == (shown, source, as_of, variant):
            return None
    # The same for all who know of none, yet higher than that of one that has expired, which a store may hold
    # for long: it was written a whole span ago.
    version = now_us // RETENTION_US * RETENTION_US if previous is None else previous.version + 1
    return Impression(
        id=key(campaign, shopper).id,
        version=max(first_version, version),
        updated_at=now_us,
        expire_at=now_us + RETENTION_US,
        shopper=shopper,
        campaign=campaign,
        variant=variant,
        source=source,
        slots=shown,
        as_of=as_of,
        opens=opens,
        prefetches=prefetches,
        opened_at=opened_at,
        prefetched_at=prefetched_at,
    )
