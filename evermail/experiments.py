"""Who sees what in a campaign's experiment: by hash, so the same at every open and on every machine.

The holdout is drawn apart from the variants: to change its size moves nobody from one variant to another.
"""

from __future__ import annotations

from hashlib import blake2b

from evermail.documents import Campaign, Variant

HOLDOUT = Variant("holdout", personal=False)
NO_EXPERIMENT = Variant("")


def variant_of(campaign: Campaign | None, shopper: str) -> Variant:
    """What this shopper sees. The share of each variant is its weight over the sum of weights."""
    if campaign is None:
        return NO_EXPERIMENT
    if _draw("holdout", campaign.id, shopper) < campaign.holdout:
        return HOLDOUT
    at = _draw("variant", campaign.id, shopper) * sum(variant.weight for variant in campaign.variants)
    chosen = NO_EXPERIMENT
    for variant in campaign.variants:
        if variant.weight <= 0.0:
            continue
        chosen = variant  # the last one also where rounding has left a rest
        at -= variant.weight
        if at < 0.0:
            break
    return chosen


def _draw(what: str, campaign: str, shopper: str) -> float:
    """Evenly from 0 to 1, the same for the same names."""
    digest = blake2b(f"{what}\0{campaign}\0{shopper}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / (1 << 64)
