"""Fills the slots of one open: looks products up, screens, selects, and looks further where it must."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from evermail.documents import Key, Product
from evermail.ranking import Ranked, Why
from evermail.shelf.opened import Opened
from evermail.shelf.policy import Rule
from evermail.shelf.popular import in_turn, popular
from evermail.shelf.presentation import RecommendedItem, present
from evermail.shelf.reading import Reading
from evermail.shelf.screening import Candidate, Out, Refused
from evermail.shelf.selection import Selection, select
from evermail.shelf.similarity import Similarity

CANDIDATES_PER_SLOT = 4
"""Of each ranking the products of this many candidates a slot are looked up at first, as some will be sold
out or unknown. If they cannot fill the slots well, a second read looks up as many more as may be."""

MAX_PRODUCTS = 200
"""Products that an open looks up, in all its reads. Where a rule boosts, they are looked up at once: the
boosted one may stand far down."""

MAX_NAMED = 50
"""Of these, so many because pins and `only` rules name them, and at first so many that are popular in the
categories which they name."""


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
    """Looks further down the rankings if slots are empty, or filled for want of anything better."""
    filling = _Filling(opened, slots, locale)
    likely = filling.worth_reading(opened.personal)
    general = filling.worth_reading(opened.general)
    there = filling.worth_reading(in_turn([popular([one]) for one in opened.listed]))
    step = MAX_PRODUCTS if opened.met.screen.boosts else slots * CANDIDATES_PER_SLOT
    first = in_turn([likely[:step], general[:step]])
    filling.look_up(read, [*_named(opened.met.screen.naming), *there[:MAX_NAMED], *first])
    items, selection = filling.choose(read)
    further = in_turn([likely[step:], general[step:], there[MAX_NAMED:]])
    if further and selection.strained:
        filling.look_up(read, further)
        items, selection = filling.choose(read)
    judged = {one.ranked.item_id for one in filling.candidates}
    judged |= {one.ranked.item_id for one in filling.refused}
    return Filled(
        items=items,
        selection=selection,
        candidates=filling.candidates,
        refused=filling.refused,
        products=filling.products,
        similarity=filling.similarity,
        not_looked_at=len({one.item_id for one in (*likely, *general)} - judged),
    )


def _named(naming: Sequence[Rule]) -> list[Ranked]:
    """Items that rules name, as no ranking may have them."""
    ids = dict.fromkeys(in_turn([rule.where.items or () for rule in naming]))
    return [Ranked(item_id, 0.0, Why.CATALOG) for item_id in islice(ids, MAX_NAMED)]


class _Filling:
    def __init__(self, opened: Opened, slots: int, locale: str) -> None:
        self._screen = opened.met.screen
        self._policy = opened.met.policy
        self._purchased = opened.met.profile.purchased if opened.met.profile is not None else {}
        self._slots = slots
        self._locale = locale
        self._judged = 0
        self._asked: dict[str, None] = {}
        self.products: dict[str, Product] = {}
        self._tellable: dict[str, Product] = {}
        self.candidates: list[Candidate] = []
        self.refused: list[Refused] = []
        self.similarity = Similarity(opened.rows if self._policy.diversity else {})

    def worth_reading(self, ranking: Sequence[Ranked]) -> list[Ranked]:
        """The ranking without what is out already."""
        if not self._screen.knows_before_reading:
            return list(ranking)
        worth = []
        for ranked in ranking:
            refused = self._screen.before_reading(ranked)
            if refused is None:
                worth.append(ranked)
            else:
                self.refused.append(refused)
        return worth

    def look_up(self, read: Reading, ranking: Sequence[Ranked]) -> None:
        """Reads the products of a part of the rankings, with those behind their causes, and judges it.

        What there is no room for any more is neither read nor judged.
        """
        known = len(self._asked)
        looked = [ranked for ranked in ranking if self._ask(ranked.item_id)]
        for ranked in looked:
            if ranked.why.personal:
                self._ask(ranked.because)
        ids = islice(self._asked, known, None)
        found = read.keys([Key(Product.COLLECTION, one) for one in ids]).values()
        new = {one.id: one for one in found if isinstance(one, Product)}
        self.products.update(new)
        self._tellable.update({one.id: one for one in new.values() if not self._screen.hides(one)})
        for ranked in looked:
            judged = self._screen.judge(ranked, self._judged, self.products.get(ranked.item_id))
            self._judged += 1
            if isinstance(judged, Candidate):
                self.candidates.append(judged)
            else:
                self.refused.append(judged)

    def _ask(self, item_id: str) -> bool:
        """Whether a product is among those that are looked up, if need be from now on."""
        if len(self._asked) < MAX_PRODUCTS:
            self._asked[item_id] = None
        return item_id in self._asked

    def choose(self, read: Reading) -> tuple[list[RecommendedItem], Selection]:
        """The slots with the best of what was looked up."""
        while True:
            selection = select(
                self.candidates,
                self._slots,
                similarity=self.similarity,
                diversity=self._policy.diversity,
                max_per_category=self._policy.max_per_category,
                pins=self._screen.pins,
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
