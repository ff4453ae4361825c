"""What is read for one opened email, under its deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from evermail import clock, ranking
from evermail.documents import (
    Document,
    Erasure,
    Exposure,
    Exposures,
    Key,
    Neighbors,
    Product,
    Profile,
    Rules,
    Trending,
)
from evermail.ranking import Ranked
from evermail.shelf import exposures
from evermail.shelf.policy import Policy
from evermail.shelf.popular import popular
from evermail.shelf.screening import Screen
from evermail.stores import StoreError
from evermail.stores.cached import CachedReader
from evermail.trending import CATALOG, GLOBAL, category_scope

MAX_MOVES = 3
"""How often it is followed where a profile has moved: from a browser's former name to its new one, from there
to its user under a former name, and on to that one's new name."""

CACHE_US = {
    Trending.COLLECTION: 5 * clock.SECOND,
    Rules.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 30 * clock.SECOND,
    Neighbors.COLLECTION: 2 * clock.SECOND,
}
"""How long shared documents are remembered: so old may stock, prices and the shop's rules be at most, unless
the store does not answer. What is of one shopper never is: it is why the email is live."""

D = TypeVar("D", bound=Document)


class Reading:
    """The reads of one answer, under one deadline. What does not arrive in time counts as absent.

    `problem` is what the last of them failed with.
    """

    def __init__(self, reader: CachedReader, monotonic: Callable[[], float], deadline: float) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._deadline = deadline
        self.problem: Exception | None = None

    def one(self, kind: type[D], document_id: str) -> D | None:
        return self.many(kind, [document_id]).get(document_id)

    def many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        found = self.keys([Key(kind.COLLECTION, one) for one in ids])
        return {key.id: document for key, document in found.items() if isinstance(document, kind)}

    def keys(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """Documents of any kinds, in one read."""
        try:
            return self._reader.get_many(keys, timeout_s=self._left_s())
        except StoreError as problem:
            self.problem = problem
            return {}

    def surely(self, key: Key) -> Document | None:
        """A document, or None if it is known that there is none, which takes no read where it is remembered.
        Raises `StoreError` if the store does not say, and never has."""
        return self._reader.get_many([key], timeout_s=self._left_s()).get(key)

    def _left_s(self) -> float:
        return max(0.0, self._deadline - self._monotonic())


class Opened(msgspec.Struct):
    """Everything about one open but the products. `general` follows where the `personal` items end."""

    shopper: str
    """Under the name that is used now."""
    campaign: str
    now_us: int
    profile: Profile | None
    exposures: tuple[Exposure, ...]
    """As stored under that name, and no other: what a browser was shown does not become its user's."""
    exposures_version: int
    erased_at: int
    """The event time of the latest erasure under any of the shopper's names, 0 if there is none."""
    rows: dict[str, Neighbors]
    personal: list[Ranked]
    general: list[Ranked]
    rules: Rules | None
    screen: Screen

    @property
    def policy(self) -> Policy:
        return self.rules.policy if self.rules is not None else _NO_RULES

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
            self.exposures_version,
            self.erased_at,
            self.now_us,
        )


_NO_RULES = Policy()


def read_open(about_shopper: Reading, read: Reading, shopper: str, campaign: str, now_us: int) -> Opened:
    """Reads and scores for one open. `about_shopper` has the shorter deadline: what hangs there must leave
    time for `read`, which reads what goes to everybody."""
    profile, shown, erased_at = None, [], 0
    for _ in range(1 + MAX_MOVES):
        # In this order: exposures must not arrive where the erasure does not, should the read be divided.
        keys = [Key(kind.COLLECTION, shopper) for kind in (Profile, Erasure, Exposures)]
        answered = about_shopper.keys(keys)
        read_profile, erasure, read_exposures = (answered.get(key) for key in keys)
        profile = read_profile if isinstance(read_profile, Profile) else None
        if isinstance(erasure, Erasure):
            erased_at = max(erased_at, erasure.erased_at)
        if isinstance(read_exposures, Exposures):
            shown.append(read_exposures)
        if profile is None or not profile.moved_to:
            break
        shopper = profile.moved_to
    rows: dict[str, Neighbors] = {}
    personal: list[Ranked] = []
    lists: list[Trending] = []
    newest = None
    if profile is not None:
        recent = ranking.context(profile)
        newest = next(iter(recent), None)
        asked, lists = _read_about(about_shopper, profile, newest, now_us)
        rows = {item_id: asked[item_id] for item_id in recent if item_id in asked}
        # What was bought may be shown again after a while, which the screen decides.
        personal = ranking.personal(msgspec.structs.replace(profile, purchased={}), asked, now_us=now_us)
    shared = [*(Key(Trending.COLLECTION, scope) for scope in (GLOBAL, CATALOG)), _CURRENT_RULES]
    everywhere = read.keys(shared)
    lists += [found for key in shared if isinstance(found := everywhere.get(key), Trending)]
    general = popular(lists)
    current = everywhere.get(_CURRENT_RULES)
    if current is None:
        try:
            current = read.surely(_CURRENT_RULES)
        except StoreError as problem:
            # Rules may hide anything: while nobody knows them, no item is known to be right.
            read.problem = problem
            personal, general = [], []
    rules = current if isinstance(current, Rules) else None
    policy = rules.policy if rules is not None else _NO_RULES
    ignored = {}
    if profile is not None and profile.history:  # else there may be no consent to use what was shown
        merged = exposures.merged(shown, erased_at)
        ignored = exposures.ignored(merged, profile, policy.fatigue, campaign, now_us)
    own = next((one for one in shown if one.id == shopper), None)
    screen = Screen(policy, profile=profile, ignored=ignored, campaign=campaign, now_us=now_us)
    return Opened(
        shopper=shopper,
        campaign=campaign,
        now_us=now_us,
        profile=profile,
        exposures=own.campaigns if own is not None else (),
        exposures_version=own.version if own is not None else 0,
        erased_at=erased_at,
        rows=rows,
        personal=personal,
        general=general,
        rules=rules,
        screen=screen,
    )


_CURRENT_RULES = Key(Rules.COLLECTION, Rules.CURRENT)


def _read_about(
    read: Reading, profile: Profile, newest: str | None, now_us: int
) -> tuple[dict[str, Neighbors], list[Trending]]:
    """Rows of neighbours for a shopper, and what trends in the category of the newest item.

    Two reads: of the shopper's own items, then of what those lead to.
    """
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in ranking.first_rows(profile)]
    if newest is not None:
        keys.append(Key(Product.COLLECTION, newest))
    found = read.keys(keys)
    rows = _rows_of(found)
    product = found.get(Key(Product.COLLECTION, newest)) if newest is not None else None
    then = ranking.second_rows(profile, rows, now_us=now_us)
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in then]
    if isinstance(product, Product) and product.category:
        keys.append(Key(Trending.COLLECTION, category_scope(product.category)))
    found = read.keys(keys)
    return rows | _rows_of(found), [one for one in found.values() if isinstance(one, Trending)]


def _rows_of(found: Mapping[Key, Document]) -> dict[str, Neighbors]:
    return {key.id: one for key, one in found.items() if isinstance(one, Neighbors)}
