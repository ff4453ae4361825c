"""What is read for one opened email, under its deadline.

At most five reads, and one more for each move of the profile: what is the shopper's own, with what everybody
gets; rows of neighbours, twice; products, twice (`filling.py`). Only the first is made in any case: the
others are for what is not remembered. A document that cannot be read takes some more, to find out which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

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
from evermail.shelf.policy import Policy, Rule
from evermail.shelf.popular import in_turn, popular
from evermail.shelf.screening import Screen
from evermail.stores import StoreError
from evermail.stores.cached import CachedReader
from evermail.trending import CATALOG, GLOBAL, category_scope

MAX_MOVES = 3
"""How often it is followed where a profile has moved: from a browser's former name to its new one, from there
to its user under a former name, and on to that one's new name."""

CACHE_US = {
    Rules.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 30 * clock.SECOND,
    Trending.COLLECTION: 10 * clock.MINUTE,
    Neighbors.COLLECTION: 10 * clock.MINUTE,
}
"""How long shared documents are remembered: so old may stock, prices and the shop's rules be at most, unless
the store does not answer. What is of one shopper never is: it is why the email is live.

The job writes a row of neighbours or a trending list at most once in five minutes (`--neighbors_flush_s`),
and one that hardly changed only after ten more. Ten minutes old they are here only where nobody has asked:"""

RENEW_US = {
    Rules.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 15 * clock.SECOND,
    Trending.COLLECTION: 15 * clock.SECOND,
    Neighbors.COLLECTION: 30 * clock.SECOND,
}
"""From this age on, what is in use is read anew, beside what has to be read anyway."""

ABSENT_US = {
    Trending.COLLECTION: 5 * clock.SECOND,
    Neighbors.COLLECTION: 5 * clock.SECOND,
}
"""How long it is remembered that there is none: the first row of an item, or list of a shop, changes most."""

MAX_LISTS = 10
"""Of the categories that pins and `only` rules name, the trending lists of so many are read."""


class Reading:
    """The reads of one answer, under one deadline. What does not arrive in time counts as absent.

    `problem` is what the last of them failed with.
    """

    def __init__(self, reader: CachedReader, monotonic: Callable[[], float], deadline: float) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._deadline = deadline
        self.problem: Exception | None = None

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
    listed: list[Trending]
    """What trends in the categories that rules name."""
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
    time for `read`, which reads what goes to everybody.

    What everybody gets is asked for in the first read as well, with what is the shopper's own; `read` then
    finds it remembered, unless that read came to nothing. The like goes for the lists that rules name.
    """
    profile, shown, erased_at = None, [], 0
    for _ in range(1 + MAX_MOVES):
        # In this order: exposures must not arrive where the erasure does not, should the read be divided.
        own = [Key(kind.COLLECTION, shopper) for kind in (Profile, Erasure, Exposures)]
        answered = about_shopper.keys([*own, *_EVERYWHERE])
        read_profile, erasure, read_exposures = (answered.get(key) for key in own)
        profile = read_profile if isinstance(read_profile, Profile) else None
        if isinstance(erasure, Erasure):
            erased_at = max(erased_at, erasure.erased_at)
        if isinstance(read_exposures, Exposures):
            shown.append(read_exposures)
        if profile is None or not profile.moved_to:
            break
        shopper = profile.moved_to
    everywhere = read.keys(_EVERYWHERE)
    current, known = everywhere.get(_CURRENT_RULES), True
    if current is None:
        try:
            current = read.surely(_CURRENT_RULES)
        except StoreError as problem:
            # Rules may hide anything: while nobody knows them, no item is known to be right.
            read.problem, known = problem, False
    rules = current if isinstance(current, Rules) else None
    policy = rules.policy if rules is not None else _NO_RULES
    ignored = {}
    if profile is not None and profile.history:  # else there may be no consent to use what was shown
        merged = exposures.merged(shown, erased_at)
        ignored = exposures.ignored(merged, profile, policy.fatigue, campaign, now_us)
    screen = Screen(policy, profile=profile, ignored=ignored, campaign=campaign, now_us=now_us)
    scopes = [Key(Trending.COLLECTION, scope) for scope in _scopes(screen.naming)]
    rows: dict[str, Neighbors] = {}
    personal: list[Ranked] = []
    lists: list[Trending] = []
    if profile is not None and known:
        asked, lists = _read_about(about_shopper, profile, scopes, now_us)
        rows = {item_id: asked[item_id] for item_id in ranking.context(profile) if item_id in asked}
        # What was bought may be shown again after a while, which the screen decides.
        personal = ranking.personal(msgspec.structs.replace(profile, purchased={}), asked, now_us=now_us)
    lists += _lists_of(everywhere, _EVERYWHERE)
    stored = next((one for one in shown if one.id == shopper), None)
    return Opened(
        shopper=shopper,
        campaign=campaign,
        now_us=now_us,
        profile=profile,
        exposures=stored.campaigns if stored is not None else (),
        exposures_version=stored.version if stored is not None else 0,
        erased_at=erased_at,
        rows=rows,
        personal=personal,
        general=popular(lists) if known else [],
        listed=_lists_of(read.keys(scopes), scopes),
        rules=rules,
        screen=screen,
    )


_CURRENT_RULES = Key(Rules.COLLECTION, Rules.CURRENT)

_EVERYWHERE = (_CURRENT_RULES, *(Key(Trending.COLLECTION, scope) for scope in (GLOBAL, CATALOG)))


def _read_about(
    read: Reading, profile: Profile, scopes: Sequence[Key], now_us: int
) -> tuple[dict[str, Neighbors], list[Trending]]:
    """Rows of neighbours for a shopper, and what trends in the category of the newest item.

    Two reads: of the shopper's own items, then of what those lead to. The first brings the lists of `scopes`
    as well, for whoever asks for them then.
    """
    newest = next(iter(ranking.context(profile)), None)
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in ranking.first_rows(profile)]
    if newest is not None:
        keys.append(Key(Product.COLLECTION, newest))
    found = read.keys([*keys, *scopes])
    rows = _rows_of(found)
    product = found.get(Key(Product.COLLECTION, newest)) if newest is not None else None
    then = ranking.second_rows(profile, rows, now_us=now_us)
    keys = [Key(Neighbors.COLLECTION, row_id) for row_id in then]
    about = [category_scope(product.category)] if isinstance(product, Product) and product.category else []
    categories = [Key(Trending.COLLECTION, scope) for scope in about]
    found = read.keys([*keys, *categories])
    return rows | _rows_of(found), _lists_of(found, categories)


def _scopes(naming: Sequence[Rule]) -> list[str]:
    """Where to find items of the categories that rules name, unless they name items."""
    categories = [rule.where.category or () for rule in naming if rule.where.items is None]
    return [category_scope(one) for one in islice(dict.fromkeys(in_turn(categories)), MAX_LISTS)]


def _lists_of(found: Mapping[Key, Document], keys: Sequence[Key]) -> list[Trending]:
    return [one for key in keys if isinstance(one := found.get(key), Trending)]


def _rows_of(found: Mapping[Key, Document]) -> dict[str, Neighbors]:
    return {key.id: one for key, one in found.items() if isinstance(one, Neighbors)}
