"""What earlier campaigns have shown to a shopper, so that the same items do not stand in every email.

An item counts as ignored by each campaign that showed it later than the shopper last touched it. It is one
small document a shopper, read beside the profile. Two opens at the same moment may each write what the other
does not know: that loses one campaign's word on some items, which is less than a transaction would cost.

An erasure deletes the document, but a write that was under way may bring it back, and those of browsers have
other names. So readers go by the `Erasure` as well: what was shown up to its second is neither used nor
written again, wherever it stands.

A withdrawal of consent takes out what was shown before it. A function that has read the document before, and
writes it after, comes too late: versions are far apart there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from evermail import clock
from evermail.documents import Exposure, Exposures, Profile
from evermail.shelf.policy import Fatigue

MAX_CAMPAIGNS = 20
MAX_ITEMS = 20
"""Of one campaign, however often its email is opened and shows something new."""

RETENTION_US = 60 * clock.DAY
"""As many days as `Fatigue.days` may have."""

UNDER_WAY_US = clock.HOUR
"""What a function has read before a withdrawal was stored is refused after it, even if the function's clock
is so far ahead, or the withdrawal has waited for the store for so long."""


def merged(documents: Iterable[Exposures], erased_at: int) -> tuple[Exposure, ...]:
    """What is known under several names of one shopper since the erasure, the newest campaign first."""
    by_campaign: dict[str, Exposure] = {}
    for exposure in sorted(one for document in documents for one in _since(document.campaigns, erased_at)):
        known = by_campaign.get(exposure.campaign)
        if known is not None:
            items = tuple(dict.fromkeys(known.item_ids + exposure.item_ids))[:MAX_ITEMS]
            exposure = Exposure(exposure.campaign, known.shown_at, items)
        by_campaign[exposure.campaign] = exposure
    return _newest_first(by_campaign.values())


def ignored(
    exposures: Iterable[Exposure], profile: Profile, fatigue: Fatigue, campaign: str, now_us: int
) -> dict[str, int]:
    """In how many other campaigns of the last days each item was shown without being touched since."""
    touched: dict[str, int] = {}
    for seen in profile.history:
        touched[seen.item_id] = max(seen.event_time, touched.get(seen.item_id, 0))
    since = now_us - fatigue.days * clock.DAY
    return Counter(
        item_id
        for exposure in exposures
        if exposure.campaign != campaign and exposure.shown_at >= since
        for item_id in exposure.item_ids
        if touched.get(item_id, -1) < exposure.shown_at
    )


def remembering(
    stored: Sequence[Exposure],
    shopper: str,
    campaign: str,
    item_ids: Iterable[str],
    version: int,
    erased_at: int,
    now_us: int,
) -> Exposures | None:
    """The document that knows of this open too, and of nothing from before the erasure. None if the stored
    one is so already: a repeated open costs no write.

    `stored` and `version` are those of the document so far: nothing and 0 if there is none.
    """
    known = _since(stored, erased_at)
    before = next((one for one in known if one.campaign == campaign), Exposure(campaign, now_us, ()))
    items = tuple(dict.fromkeys((*before.item_ids, *item_ids)))[:MAX_ITEMS]
    if items == before.item_ids and len(known) == len(stored):
        return None
    others = (one for one in known if one.campaign != campaign and one.shown_at > now_us - RETENTION_US)
    return Exposures(
        id=shopper,
        version=max(version + 1, now_us),
        updated_at=now_us,
        expire_at=now_us + RETENTION_US,
        campaigns=_newest_first([*others, Exposure(campaign, before.shown_at, items)]),
    )


def withdrawn(shopper: str, until_second: int, now_us: int) -> Exposures:
    """The word that nothing shown up to this second may be kept, for `without_withdrawn`: how things stood
    then, with nothing shown."""
    return Exposures(id=shopper, version=until_second * clock.SECOND, updated_at=now_us)


def without_withdrawn(stored: Exposures | None, word: Exposures) -> Exposures | None:
    """The document to be stored after a withdrawal, of which `word` tells: what was shown later stays. None
    if the stored one is so already. Where there is none, an empty one keeps out a write that is under way."""
    campaigns, version = (stored.campaigns, stored.version) if stored is not None else ((), 0)
    kept = _newest_first(_since(campaigns, word.version))
    if stored is not None and len(kept) == len(campaigns):
        return None
    last_us = kept[0].shown_at if kept else word.updated_at
    return Exposures(
        id=word.id,
        version=max(version, word.updated_at) + UNDER_WAY_US,
        updated_at=word.updated_at,
        expire_at=last_us + RETENTION_US,
        campaigns=kept,
    )


def _since(exposures: Iterable[Exposure], erased_at: int) -> list[Exposure]:
    """Without what an erasure or a withdrawal takes: all of its second, as everywhere."""
    return [one for one in exposures if one.shown_at // clock.SECOND > erased_at // clock.SECOND]


def _newest_first(exposures: Iterable[Exposure]) -> tuple[Exposure, ...]:
    return tuple(sorted(exposures, key=lambda one: (-one.shown_at, one.campaign))[:MAX_CAMPAIGNS])
