"""Fills the slots of one open: looks products up, screens, selects, and looks further where it must."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from evermail.documents import Product
from evermail.ranking import Ranked, Why
from evermail.shelf.opened import Opened, Reading
from evermail.shelf.presentation import RecommendedItem, present
from evermail.shelf.screening import Candidate, Out, Refused
from evermail.shelf.selection import Selection, select
from evermail.shelf.similarity import Similarity

CANDIDATES_PER_SLOT = 4
"""Products are looked up for this many candidates a slot at once, as some will be sold out or unknown."""

MAX_LOOK_UPS = 5
"""How often more candidates are looked up when too few of the first can fill the slots well. Where rules
boost items, as many are looked up at once: the boosted one may stand far down."""

PIN_LOOK_UPS = 10
"""Of the items that a pin names, so many are looked up beside the candidates."""


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
    pinned = [
        Ranked(item_id, 0.0, Why.CATALOG)
        for rule in opened.screen.pins
        for item_id in (rule.where.items or ())[:PIN_LOOK_UPS]
    ]
    step, end = slots * CANDIDATES_PER_SLOT, 0
    longest = min(max(len(likely), len(general)), step * MAX_LOOK_UPS)
    if opened.screen.boosts:
        step *= MAX_LOOK_UPS
    while True:
        start, end = end, end + step
        filling.look_up(read, [*likely[start:end], *general[start:end], *(() if start else pinned)])
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


class _Filling:
    def __init__(self, opened: Opened, slots: int, locale: str) -> None:
        self._opened = opened
        self._policy = opened.policy
        self._purchased = opened.profile.purchased if opened.profile is not None else {}
        self._slots = slots
        self._locale = locale
        self._judged = 0
        self.products: dict[str, Product] = {}
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

    def look_up(self, read: Reading, ranking: Sequence[Ranked]) -> None:
        """Reads the products of a part of the rankings, with those behind their causes, and judges it."""
        causes = (ranked.because for ranked in ranking if ranked.why.personal)
        ids = dict.fromkeys([*(ranked.item_id for ranked in ranking), *causes])
        self.products.update(read.many(Product, [one for one in ids if one not in self.products]))
        for ranked in ranking:
            judged = self._opened.screen.judge(ranked, self._judged, self.products.get(ranked.item_id))
            self._judged += 1
            if isinstance(judged, Candidate):
                self.candidates.append(judged)
            else:
                self.refused.append(judged)

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
                    items.append(present(ranked, self.products, self._locale, bought=bought))
                except ValueError as problem:  # a price that cannot be written must not cost the answer
                    read.problem = problem
                    unwritable.add(ranked.item_id)
                    self.refused.append(Refused(ranked, Out.NO_PRICE))
            if not unwritable:
                return items, selection
            self.candidates = [one for one in self.candidates if one.ranked.item_id not in unwritable]
