"""Fills the slots of one open: looks products up, screens, selects, and looks further where it must."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from evermail.documents import Key, Product, Trending
from evermail.ranking import Ranked, Why
from evermail.shelf.opened import Opened, Reading
from evermail.shelf.policy import Rule
from evermail.shelf.popular import popular
from evermail.shelf.presentation import RecommendedItem, present
from evermail.shelf.screening import Candidate, Out, Refused
from evermail.shelf.selection import Selection, select
from evermail.shelf.similarity import Similarity
from evermail.trending import category_scope

CANDIDATES_PER_SLOT = 4
"""Products are looked up for this many candidates a slot at once, as some will be sold out or unknown."""

MAX_LOOK_UPS = 5
"""How often more candidates are looked up when too few of the first can fill the slots well. Where rules
boost items, as many are looked up at once: the boosted one may stand far down."""

NAMED_LOOK_UPS = 10
"""Of the items that a pin names, so many are looked up beside the candidates; of those that an `only` rule
names, as many as of a ranking if that is more. Of categories that either names, so many lists are read."""


class Filled(msgspec.Struct):
    """How the slots were filled: the `items` of the `selection`, and all that was in question beside them."""

    items: list[RecommendedItem]
    selection: Selection
    candidates: list[Candidate]
    refused: list[Refused]
    products: dict[str, Product]
    similarity: Similarity
    not_looked_at: int
    """Candidates too far down in their rankings."""


def fill(opened: Opened, read: Reading, slots: int, locale: str) -> Filled:
    """Looks further down the rankings while slots are empty, or filled for want of anything better."""
    filling = _Filling(opened, slots, locale)
    likely = filling.worth_reading(opened.personal)
    general = filling.worth_reading(opened.general)
    step, end = slots * CANDIDATES_PER_SLOT, 0
    named = [one for rule in opened.screen.naming for one in _named(rule, step)]
    scopes = [scope for rule in opened.screen.naming for scope in _scopes(rule)]
    most = step * MAX_LOOK_UPS
    longest = min(max(len(likely), len(general)), most)
    if opened.screen.boosts:
        step *= MAX_LOOK_UPS
    while True:
        start, end = end, end + step
        ranked = [*likely[start:end], *general[start:end]]
        if start:
            filling.look_up(read, ranked)
        else:
            listed = filling.look_up(read, [*ranked, *named], scopes)
            if listed:
                share = max(slots, most // len(listed))
                popular_there = [one for each in listed for one in popular([each])[:share]]
                filling.look_up(read, filling.worth_reading(popular_there))
        items, selection = filling.choose(read)
        if end >= longest or not selection.strained:
            break
    judged = {one.ranked.item_id for one in filling.candidates}
    judged |= {one.ranked.item_id for one in filling.refused}
    return Filled(
        items=items,
        selection=selection,
        candidates=filling.candidates,
        refused=filling.refused,
        products=filling.products,
        similarity=filling.similarity,
        not_looked_at=len({one.item_id for one in (*likely[end:], *general[end:])} - judged),
    )


def _named(rule: Rule, step: int) -> list[Ranked]:
    """Items that a rule names, as no ranking may have them."""
    most = max(step, NAMED_LOOK_UPS) if rule.only else NAMED_LOOK_UPS
    return [Ranked(item_id, 0.0, Why.CATALOG) for item_id in (rule.where.items or ())[:most]]


def _scopes(rule: Rule) -> Iterator[str]:
    """Where to find items of the categories that a rule names, unless it names items."""
    if rule.where.items is None:
        yield from map(category_scope, (rule.where.category or ())[:NAMED_LOOK_UPS])


class _Filling:
    def __init__(self, opened: Opened, slots: int, locale: str) -> None:
        self._opened = opened
        self._policy = opened.policy
        self._purchased = opened.profile.purchased if opened.profile is not None else {}
        self._slots = slots
        self._locale = locale
        self._judged = 0
        self.products: dict[str, Product] = {}
        self._tellable: dict[str, Product] = {}
        self.candidates: list[Candidate] = []
        self.refused: list[Refused] = []
        self.similarity = Similarity(opened.rows if self._policy.diversity else {})

    def worth_reading(self, ranking: Sequence[Ranked]) -> list[Ranked]:
        """The ranking without what is out already."""
        worth = []
        for ranked in ranking:
            refused = self._opened.screen.before_reading(ranked)
            if refused is None:
                worth.append(ranked)
            else:
                self.refused.append(refused)
        return worth

    def look_up(self, read: Reading, ranking: Sequence[Ranked], scopes: Sequence[str] = ()) -> list[Trending]:
        """Reads the products of a part of the rankings, with those behind their causes, and judges it.

        Returns the lists of the scopes, which the same read brings.
        """
        causes = (ranked.because for ranked in ranking if ranked.why.personal)
        ids = dict.fromkeys([*(ranked.item_id for ranked in ranking), *causes])
        keys = [Key(Product.COLLECTION, one) for one in ids if one not in self.products]
        lists = [Key(Trending.COLLECTION, scope) for scope in dict.fromkeys(scopes)]
        found = read.keys([*keys, *lists])
        new = {one.id: one for one in found.values() if isinstance(one, Product)}
        self.products.update(new)
        self._tellable.update({one.id: one for one in new.values() if not self._opened.screen.hides(one)})
        for ranked in ranking:
            judged = self._opened.screen.judge(ranked, self._judged, self.products.get(ranked.item_id))
            self._judged += 1
            if isinstance(judged, Candidate):
                self.candidates.append(judged)
            else:
                self.refused.append(judged)
        return [one for key in lists if isinstance(one := found.get(key), Trending)]

    def choose(self, read: Reading) -> tuple[list[RecommendedItem], Selection]:
        """The slots with the best of what was looked up."""
        while True:
            selection = select(
                self.candidates,
                self._slots,
                similarity=self.similarity,
                diversity=self._policy.diversity,
                max_per_category=self._policy.max_per_category,
                pins=self._opened.screen.pins,
            )
            items: list[RecommendedItem] = []
            unwritable: set[str] = set()
            for placed in selection.placed:
                ranked = placed.candidate.ranked
                bought = ranked.item_id in self._purchased
                try:
                    items.append(present(ranked, self._tellable, self._locale, bought=bought))
                except ValueError as problem:  # a price that cannot be written must not cost the answer
                    read.problem = problem
                    unwritable.add(ranked.item_id)
                    self.refused.append(Refused(ranked, Out.NO_PRICE))
            if not unwritable:
                return items, selection
            self.candidates = [one for one in self.candidates if one.ranked.item_id not in unwritable]
