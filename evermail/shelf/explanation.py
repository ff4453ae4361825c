"""Says of every item that was in question for an email why it is in, or why it is out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from evermail import clock
from evermail.documents import Product
from evermail.ranking import Ranked, Why
from evermail.shelf.filling import Filled
from evermail.shelf.met import Met
from evermail.shelf.opened import Opened
from evermail.shelf.policy import Rule
from evermail.shelf.presentation import RecommendedItem
from evermail.shelf.screening import Candidate, Out, Refused
from evermail.shelf.selection import Placed, best_of_each
from evermail.shelf.waiting import waiting

PINNED = "pinned"
"""The code of an item that stands where a rule wants it. Others have that of `Why`, or of `Out`."""


_SOURCES = {
    Why.SEEN_TOGETHER: "personal",
    Why.REMINDER: "personal",
    Why.TRENDING_CATEGORY: "category",
    Why.TRENDING: "trending",
    Why.CATALOG: "catalog",
}


class Explained(msgspec.Struct, omit_defaults=True):
    """One item: a stable `code`, and `why` in words. What there is of its score follows.

    `source` is the ranking that it comes from, and `score` is that ranking's: of personal items a
    probability, of others a weighted count. `boost` multiplies it; `relevance` is the product as
    a share of the highest score in its group, and `similarity` what speaks against it, times the policy's
    diversity.
    """

    item_id: str
    code: str
    why: str
    source: str
    slot: int | None = None
    title: str | None = None
    category: str | None = None
    score: float | None = None
    boost: float = 1.0
    relevance: float | None = None
    similarity: float | None = None
    ignored_by_campaigns: int = 0


class Explanation(msgspec.Struct):
    """One open: who, for which campaign and when, what is in, what is out, and what came of the rules."""

    shopper: str
    known: bool
    campaign: str
    at: str
    slots: int
    diversity: float
    rules: str
    shown: list[Explained]
    out: list[Explained]
    not_looked_at: int
    notes: list[str]


def explain(opened: Opened, filled: Filled, slots: int, products: Mapping[str, Product]) -> Explanation:
    """The explanation of slots that were filled. `products` may have more than were looked up, for titles."""
    rules = opened.met.rules
    explaining = _Explaining(opened, filled, products)
    return Explanation(
        shopper=opened.met.shopper,
        known=opened.met.profile is not None,
        campaign=opened.met.campaign,
        at=clock.to_rfc3339(opened.met.now_us),
        slots=slots,
        diversity=opened.met.policy.diversity,
        rules=f"{rules.file} of {clock.to_rfc3339(rules.updated_at)}" if rules is not None else "",
        shown=explaining.shown(),
        out=explaining.out(),
        not_looked_at=filled.not_looked_at,
        notes=[
            *_of_shopper(opened.met),
            *(explaining.missed(rule, slots) for rule in filled.selection.missed_pins),
            *waiting(opened.met.policy, clock.to_datetime(opened.met.now_us), opened.met.campaign),
        ],
    )


def _of_shopper(met: Met) -> Iterator[str]:
    if met.suppressed:
        yield "This shopper wants no email: what is known is not used for one any more."
    if met.variant.name:
        what = "" if met.variant.personal else ", which shows what is popular"
        yield f"This shopper is in {met.variant.name!r} of the campaign{what}."


class _Explaining:
    def __init__(self, opened: Opened, filled: Filled, products: Mapping[str, Product]) -> None:
        self._opened = opened
        self._filled = filled
        self._products = products
        self._placed = filled.selection.placed
        self._of_category = Counter(one.candidate.product.category for one in self._placed)

    def shown(self) -> list[Explained]:
        shown = zip(self._placed, self._filled.items, strict=True)
        return [self._shown(slot, placed, item) for slot, (placed, item) in enumerate(shown, start=1)]

    def out(self) -> list[Explained]:
        """Every item that has no slot, once, as far as possible in the order of the rankings."""
        found: dict[str, Explained] = {}
        shown = {one.candidate.ranked.item_id for one in self._placed}
        order = {
            ranked.item_id: place
            for place, ranked in reversed(list(enumerate([*self._opened.personal, *self._opened.general])))
        }
        for refused in self._filled.refused:
            found.setdefault(refused.ranked.item_id, self._refused(refused))
        for candidate in best_of_each(self._filled.candidates):
            found.setdefault(candidate.ranked.item_id, self._passed_over(candidate))
        left = [one for one in found.values() if one.item_id not in shown]
        return sorted(left, key=lambda one: order.get(one.item_id, len(order)))

    def missed(self, rule: Rule, slots: int) -> str:
        """Why a pin pins nothing."""
        slot = rule.pin or 0
        if slot > slots:
            return f"{rule} pins to slot {slot}, and this email has {slots}"
        # Where slots stay empty, what is pinned moves up
        pins = (one.pin for one in self._placed if one.pin is not None)
        if (other := next((pin for pin in pins if pin.pin == slot), None)) is not None:
            return f"{rule} pins to slot {slot}, where {other} has pinned already"
        refused = {one.ranked.item_id: self._refused(one).why for one in self._filled.refused}
        why = [f"{one} is out: {refused[one]}" for one in rule.where.items or () if one in refused]
        return f"{rule} finds nothing to pin to slot {slot}" + "".join(f"; {one}" for one in why)

    def _shown(self, slot: int, placed: Placed, item: RecommendedItem) -> Explained:
        candidate = placed.candidate
        ranked = candidate.ranked
        code, why = str(ranked.why), [item.reason]
        bought_us = self._purchased.get(ranked.item_id)
        if placed.pin is not None:
            code, why = PINNED, [f"pinned by {placed.pin}"]
        if bought_us is not None:
            why.append(f"bought on {_day(bought_us)}, long enough ago")
        why += [f"boosted by {rule}" for rule in candidate.rules if rule.boost is not None and not placed.pin]
        if placed.pin is None:
            why += self._for_want_of_others(candidate, placed.over_cap)
        return self._explained(ranked, code, "; ".join(why), slot=slot, candidate=candidate, placed=placed)

    def _for_want_of_others(self, candidate: Candidate, over_cap: bool) -> Iterable[str]:
        if candidate.buried:
            yield "buried, but nothing else is left"
        if candidate.ignored:
            yield f"{_ignored(candidate)}, but nothing else is left"
        if over_cap:
            yield f"more of {candidate.product.category} than there should be, but nothing as fresh is left"

    def _refused(self, refused: Refused) -> Explained:
        product = self._products.get(refused.ranked.item_id)
        match refused.out:
            case Out.BOUGHT:
                why = f"bought on {_day(refused.bought_us)}{self._until(refused, product)}"
            case Out.NOT_WANTED:
                why = "the shopper does not want to see it"
            case Out.UNKNOWN:
                why = "not in the catalog"
            case Out.SOLD_OUT:
                why = "sold out"
            case Out.HIDDEN:
                why = f"hidden by {refused.rule}"
            case Out.NOT_ASKED_FOR:
                why = f"not what {refused.rule} asks for"
            case _:
                why = "its price cannot be written"
        return self._explained(refused.ranked, str(refused.out), why)

    def _passed_over(self, candidate: Candidate) -> Explained:
        out, why = self._why_passed_over(candidate)
        return self._explained(candidate.ranked, str(out), why, candidate=candidate)

    def _why_passed_over(self, candidate: Candidate) -> tuple[Out, str]:
        category = candidate.product.category
        cap = self._opened.met.policy.max_per_category
        if candidate.buried:
            burying = next(rule for rule in candidate.rules if rule.bury)
            return Out.BURIED, f"buried by {burying}"
        if candidate.ignored:
            return Out.TIRED, _ignored(candidate)
        if cap is not None and category is not None and self._of_category[category] >= cap:
            return Out.CAPPED, f"{category} has {_number(self._of_category[category], 'slot')} already"
        score = candidate.boost * candidate.ranked.score
        rivals = (one.candidate for one in self._placed if one.pin is None)
        if any(one.group == candidate.group and one.boost * one.ranked.score < score for one in rivals):
            similar = max(
                (one.candidate for one in self._placed),
                key=lambda one: self._filled.similarity.between(candidate.product, one.product),
            )
            return Out.TOO_SIMILAR, f"too similar to {similar.product.title}"
        return Out.OUTRANKED, "others come first"

    def _until(self, refused: Refused, product: Product | None) -> str:
        category = product.category if product is not None else None
        days = self._opened.met.policy.repurchase_after_days.get(category) if category is not None else None
        return f"; again from {_day(refused.bought_us + days * clock.DAY)}" if days is not None else ""

    @property
    def _purchased(self) -> Mapping[str, int]:
        return self._opened.met.profile.purchased if self._opened.met.profile is not None else {}

    def _explained(
        self,
        ranked: Ranked,
        code: str,
        why: str,
        *,
        slot: int | None = None,
        candidate: Candidate | None = None,
        placed: Placed | None = None,
    ) -> Explained:
        product = self._products.get(ranked.item_id)
        by_score = placed is not None and placed.pin is None
        return Explained(
            item_id=ranked.item_id,
            code=code,
            why=why,
            source=_SOURCES[ranked.why],
            slot=slot,
            title=product.title if product is not None else None,
            category=product.category if product is not None else None,
            score=ranked.score,
            boost=candidate.boost if candidate is not None else 1.0,
            relevance=placed.relevance if placed is not None and by_score else None,
            similarity=placed.similarity if placed is not None and by_score else None,
            ignored_by_campaigns=candidate.ignored if candidate is not None else 0,
        )


def _ignored(candidate: Candidate) -> str:
    return f"shown in {_number(candidate.ignored, 'campaign')} since it was last looked at"


def _number(number: int, of: str) -> str:
    return f"{number:,} {of}" if number == 1 else f"{number:,} {of}s"


def _day(time_us: int) -> str:
    return clock.to_rfc3339(time_us)[:10]
