"""Who opens an email, as far as the first read tells: whom to rank for, under which rules.

One read, and one more for each move of the profile. What everybody gets is asked for in it as well, with what
is the shopper's own: `read` then finds it remembered, unless that read came to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from evermail import feedback, impressions
from evermail.documents import (
    MAX_MOVES,
    Campaign,
    Document,
    Erasure,
    Exposure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Profile,
    Rules,
    Seen,
    Suppression,
    Trending,
    Variant,
    Verdict,
)
from evermail.erasure import first_version
from evermail.experiments import HOLDOUT, NO_EXPERIMENT, variant_of
from evermail.shelf import exposures
from evermail.shelf.policy import Policy
from evermail.shelf.reading import Reading
from evermail.shelf.screening import Screen
from evermail.stores import StoreError
from evermail.trending import CATALOG, GLOBAL, category_scope

_CURRENT_RULES = Key(Rules.COLLECTION, Rules.CURRENT)
_LISTS = tuple(Key(Trending.COLLECTION, scope) for scope in (GLOBAL, CATALOG))
_NO_RULES = Policy()


class Met(msgspec.Struct):
    """Everything about one open but what is ranked."""

    shopper: str
    """Under the name that is used now; empty where it is anybody."""
    campaign: str
    now_us: int
    profile: Profile | None
    """None also for who wants no email: what is known is not used for one any more."""
    exposures: tuple[Exposure, ...]
    """As stored under that name, and no other: what a browser was shown does not become its user's."""
    exposures_version: int
    erased_at: int
    """The event time of the latest erasure under any of the shopper's names, 0 if there is none."""
    first_version: int
    """The lowest version of what is stored since."""
    suppressed: bool
    impression: Impression | None
    """What this campaign showed last."""
    variant: Variant
    rules: Rules | None
    policy: Policy
    known: bool
    """Whether it is known what the rules are. They may hide anything: otherwise no item is known to be
    right."""
    certain: bool
    """Whether all was read that is stored of the shopper and the campaign. Otherwise nobody knows whether
    anything may be stored, and what would be overwritten."""
    screen: Screen
    lists: list[Trending]
    """What everybody gets."""

    @property
    def as_of(self) -> int:
        return self.profile.as_of if self.profile is not None else 0

    @property
    def may_be_remembered(self) -> bool:
        """Whether it may be stored what this campaign shows."""
        if not self.certain:
            return False
        gone = self.erased_at > 0 and (self.profile is None or not self.profile.history)
        return bool(self.shopper and self.campaign) and not self.suppressed and not gone

    def to_remember(self, item_ids: Sequence[str]) -> Exposures | None:
        """What the store should know once these items were shown; None if it knows already. Of a shopper of
        whom there is no history, be it for want of consent, nothing is kept here either."""
        if self.profile is None or not self.profile.history or not self.campaign:
            return None
        return exposures.remembering(
            self.exposures,
            self.shopper,
            self.campaign,
            item_ids,
            max(self.exposures_version, self.first_version),
            self.erased_at,
            self.now_us,
        )


def meet(about_shopper: Reading, read: Reading, shopper: str, campaign: str, now_us: int) -> Met:
    """Reads who opens an email. `about_shopper` has the shorter deadline: what hangs there must leave time
    for `read`, which reads what goes to everybody."""
    own_campaign = Key(Campaign.COLLECTION, campaign)
    shared = [_CURRENT_RULES, *([own_campaign] if campaign else ()), *_LISTS]
    names, addressed, certain = _Names(campaign), shopper, True
    for _ in range(1 + MAX_MOVES if shopper else 0):
        own = names.keys(shopper)
        found, surely = about_shopper.known([*own, *shared])
        certain = certain and surely.issuperset(own)
        moved_to = names.take(shopper, found, surely)
        if moved_to is None:
            break
        shopper = moved_to
    everywhere = read.keys(shared)
    current, known = _surely(read, everywhere, _CURRENT_RULES)
    rules = current if isinstance(current, Rules) else None
    experiment, drawn = _surely(read, everywhere, own_campaign) if campaign else (None, True)
    about = experiment if isinstance(experiment, Campaign) else None
    # By the name that the email has: it stays, whatever the shopper is called since. And while nobody knows
    # who belongs to the holdout, it is not opened.
    variant = variant_of(about, addressed) if addressed and drawn else NO_EXPERIMENT if drawn else HOLDOUT
    policy = rules.policy if rules is not None else _NO_RULES
    if variant.diversity is not None:
        policy = policy.with_diversity(variant.diversity)
    lists = [one for key in _LISTS if isinstance(one := everywhere.get(key), Trending)]
    if about is not None and about.category:
        key = Key(Trending.COLLECTION, category_scope(about.category))
        lists = [*(one for one in read.keys([key]).values() if isinstance(one, Trending)), *lists]
    profile = None if names.suppressed or names.may_object else names.profile
    ignored = {}
    if profile is not None and profile.history:  # else there may be no consent to use any of this
        profile = _with_wishes(profile, feedback.wanted(names.feedback, names.erased_at))
        merged = exposures.merged(names.shown, names.erased_at)
        ignored = exposures.ignored(merged, profile, policy.fatigue, campaign, now_us)
    stored = next((one for one in names.shown if one.id == shopper), None)
    return Met(
        shopper=shopper,
        campaign=campaign,
        now_us=now_us,
        profile=profile,
        exposures=stored.campaigns if stored is not None else (),
        exposures_version=stored.version if stored is not None else 0,
        erased_at=names.erased_at,
        first_version=names.first_version,
        suppressed=names.suppressed,
        # Who has left is shown what everybody is: a click must not lead to what was shown before.
        impression=None if names.suppressed else names.last_shown,
        variant=variant,
        rules=rules,
        policy=policy,
        known=known,
        certain=certain and drawn,
        screen=Screen(
            policy,
            profile=profile,
            ignored=ignored,
            refused=feedback.refused(names.feedback, names.erased_at),
            campaign=campaign,
            now_us=now_us,
        ),
        lists=lists,
    )


def _with_wishes(profile: Profile, wanted: Mapping[str, int]) -> Profile:
    """Who wants more like an item counts as having come to it when that was said."""
    if not wanted:
        return profile
    wishes = [Seen(item_id, given_at, Verdict.MORE_LIKE_THIS) for item_id, given_at in wanted.items()]
    history = sorted([*profile.history, *wishes], key=lambda one: (-one.event_time, one.item_id))
    return msgspec.structs.replace(profile, history=history)


class _Names:
    """What is stored under the names of one shopper, one after the other."""

    def __init__(self, campaign: str) -> None:
        self._campaign = campaign
        self.profile: Profile | None = None
        self.shown: list[Exposures] = []
        self.feedback: list[Feedback] = []
        self.erased_at = 0
        self.suppressed = False
        self.may_object = False
        """What cannot be read may say that this shopper is not to be known, or wants none of these items."""
        self.first_version = 0
        self.impression: Impression | None = None

    def keys(self, shopper: str) -> list[Key]:
        """In this order: exposures must not arrive where the erasure does not, should the read be divided."""
        own = [Key(kind.COLLECTION, shopper) for kind in (Profile, Erasure, Suppression, Exposures, Feedback)]
        return [*own, impressions.key(self._campaign, shopper)] if self._campaign else own

    def take(self, shopper: str, found: dict[Key, Document], surely: set[Key]) -> str | None:
        """The new name of the shopper, if there is one. A browser's user is not it: whoever holds a browser
        can say that it is anybody's."""
        profile, erasure, suppression, shown, said, *last = [found.get(key) for key in self.keys(shopper)]
        objections = [Key(kind.COLLECTION, shopper) for kind in (Erasure, Suppression, Feedback)]
        self.may_object = self.may_object or not surely.issuperset(objections)
        self.profile = profile if isinstance(profile, Profile) else None
        if isinstance(erasure, Erasure):
            self.erased_at = max(self.erased_at, erasure.erased_at)
            self.first_version = max(self.first_version, first_version(erasure))
        if isinstance(shown, Exposures):
            self.shown.append(shown)
        if isinstance(suppression, Suppression) and not suppression.lifted:
            self.suppressed = True
        if isinstance(said, Feedback):
            self.feedback.append(said)
        self.impression = next((one for one in last if isinstance(one, Impression)), None)
        known = self.profile
        return known.moved_to if known is not None and known.renamed else None

    @property
    def last_shown(self) -> Impression | None:
        """What this campaign showed, unless that was erased and a late write has brought it back."""
        known = self.impression
        return known if known is not None and known.updated_at > self.erased_at else None


def _surely(read: Reading, found: dict[Key, Document], key: Key) -> tuple[Document | None, bool]:
    """A document, if there is one, and whether that is known."""
    if key in found:
        return found[key], True
    try:
        return read.surely(key), True
    except StoreError as problem:
        read.problem = problem
        return None, False
