"""What may be shown to a shopper at all, and how the shop's rules and earlier campaigns change its place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec

from evermail import clock
from evermail.documents import Product, Profile
from evermail.ranking import Ranked, Why
from evermail.shelf.policy import Policy, Rule


class Out(StrEnum):
    """Why an item is not in a slot. The first are for good, the others leave the place to a better one."""

    BOUGHT = "bought"
    NOT_WANTED = "not_wanted"
    """The shopper has said so."""
    UNKNOWN = "unknown"
    SOLD_OUT = "sold_out"
    HIDDEN = "hidden"
    NOT_ASKED_FOR = "not_asked_for"
    NO_PRICE = "no_price"
    BURIED = "buried"
    TIRED = "tired"
    CAPPED = "capped"
    TOO_SIMILAR = "too_similar"
    OUTRANKED = "outranked"


class Refused(msgspec.Struct, frozen=True, gc=False):
    """An item that must not be shown; `rule` is the one that says so, `bought_us` when it was bought."""

    ranked: Ranked
    out: Out
    rule: Rule | None = None
    bought_us: int = 0


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An item that may be shown. `place` is where it stands in its ranking, which decides among equals."""

    ranked: Ranked
    place: int
    product: Product
    boost: float = 1.0
    buried: bool = False
    ignored: int = 0
    """In how many campaigns it was shown to no avail, if they are as many as the policy bears; else 0."""
    rules: tuple[Rule, ...] = ()
    """Those that boost or bury it."""
    pins: tuple[Rule, ...] = ()
    """Those that may pin it."""

    @property
    def group(self) -> tuple[bool, int, int]:
        """Groups fill the slots one after the other, the lowest first: scores compare within one only."""
        return self.buried, self.ignored, _TIERS[self.ranked.why]


_TIERS = {why: 0 if why.personal else place for place, why in enumerate(Why)}


class Screen:
    """Judges items for one open. `ignored` says in how many campaigns an item was shown to no avail,
    `refused` which items the shopper does not want."""

    def __init__(
        self,
        policy: Policy,
        *,
        profile: Profile | None,
        ignored: Mapping[str, int],
        refused: Collection[str] = (),
        campaign: str,
        now_us: int,
    ) -> None:
        self._policy = policy
        self._refused = refused
        self._purchased = profile.purchased if profile is not None else {}
        self._ignored = ignored
        self._now_us = now_us
        self._book = book = policy.book
        force = book.in_force(clock.to_datetime(now_us), campaign)
        self._pins = force & book.pins
        self._hides = force & book.hides
        self._onlys = force & book.onlys
        self._moves = force & (book.boosts | book.burials)
        self._meeting: dict[str, int] = {}
        self.pins = book.rules(self._pins)
        self.naming = book.rules(self._pins | self._onlys)
        self.boosts = bool(force & book.boosts)

    def hides(self, product: Product) -> bool:
        return bool(self._met(product) & self._hides)

    @property
    def knows_before_reading(self) -> bool:
        """Whether anything can be said against an item without its product."""
        return bool(self._purchased or self._refused)

    def before_reading(self, ranked: Ranked) -> Refused | None:
        """What can be said against an item without its product, so that it need not be read."""
        if ranked.item_id in self._refused:
            return Refused(ranked, Out.NOT_WANTED)
        bought_us = self._purchased.get(ranked.item_id)
        if bought_us is not None and self._policy.out_in_any_case(bought_us, self._now_us):
            return Refused(ranked, Out.BOUGHT, bought_us=bought_us)
        return None

    def judge(self, ranked: Ranked, place: int, product: Product | None) -> Candidate | Refused:
        """The item as a candidate, or what is against it. `product` is None where the catalog has none."""
        if product is None:
            return Refused(ranked, Out.UNKNOWN)
        if (refused := self.before_reading(ranked)) is not None:
            return refused
        bought_us = self._purchased.get(ranked.item_id)
        if bought_us is not None and not self._policy.may_be_shown_again(
            product.category, bought_us, self._now_us
        ):
            return Refused(ranked, Out.BOUGHT, bought_us=bought_us)
        if not product.available:
            return Refused(ranked, Out.SOLD_OUT)
        met = self._met(product)
        if against := met & self._hides | self._onlys & ~met:
            rule = self._book.first(against)
            return Refused(ranked, Out.HIDDEN if rule.hide else Out.NOT_ASKED_FOR, rule)
        bears = self._policy.fatigue.campaigns
        ignored = self._ignored.get(ranked.item_id, 0)
        boost, buried = 1.0, False
        rules = tuple(self._book.rules(met & self._moves))
        for rule in rules:
            boost *= rule.boost or 1.0
            buried = buried or rule.bury
        return Candidate(
            ranked,
            place,
            product,
            boost=boost,
            buried=buried,
            ignored=ignored if bears and ignored >= bears else 0,
            rules=rules,
            pins=tuple(self._book.rules(met & self._pins)),
        )

    def _met(self, product: Product) -> int:
        """The set of rules that are about a product, found once an open."""
        met = self._meeting.get(product.id)
        if met is None:
            met = self._meeting[product.id] = self._book.meeting(product)
        return met
