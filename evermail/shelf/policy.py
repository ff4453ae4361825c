"""What a shop says about its slots: its merchandisers' rules, and how much variety there is to be.

The structs are the form of the file (rules_file.py reads it) and of the stored document alike. A newer
document may have more fields than an older reader knows: unknown ones are refused where the file is read.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, field

from evermail import clock
from evermail.shelf.rulebook import RuleBook

if TYPE_CHECKING:
    from evermail.documents import Product

MAX_SLOT = 20
"""The most slots an email has."""

MAX_RULES = 200
"""What people can still keep in order. An open hardly feels how many there are (`rulebook.py`)."""

Text = Annotated[str, Meta(min_length=1, max_length=200)]


class PriceRange(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices as they are asked for now, offers included, in the currency of the product."""

    at_least: Annotated[float, Meta(ge=0, description="This price and higher ones.")] | None = field(
        name="from", default=None
    )
    below: Annotated[float, Meta(gt=0, description="Lower prices than this.")] | None = None

    def holds(self, price: float) -> bool:
        return not (
            (self.at_least is not None and price < self.at_least)
            or (self.below is not None and price >= self.below)
        )


Texts = Annotated[tuple[Text, ...], Meta(min_length=1, max_length=100)]
"""Not more, as an open looks up what rules name: what belongs together in larger numbers gets a label."""


class Where(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which products a rule is about: those that meet every condition, each by any of its values."""

    items: Annotated[Texts, Meta(description="Item ids.")] | None = None
    category: Annotated[Texts, Meta(description="Categories, as the catalog writes them.")] | None = None
    brand: Annotated[Texts, Meta(description="Brands, as the catalog writes them.")] | None = None
    label: Annotated[Texts, Meta(description="Values of custom_label_0 to custom_label_4.")] | None = None
    price: PriceRange | None = None

    def matches(self, product: Product) -> bool:
        return (
            (self.items is None or product.id in self.items)
            and (self.category is None or product.category in self.category)
            and (self.brand is None or product.brand in self.brand)
            and (self.label is None or any(label in self.label for label in product.labels))
            and (self.price is None or self.price.holds(product.price_now))
        )


class Action(StrEnum):
    """What a rule does, under the names that the file has for it."""

    PIN = "pin"
    BOOST = "boost"
    BURY = "bury"
    HIDE = "hide"
    ONLY = "only"


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One wish of a merchandiser: exactly one action."""

    name: Annotated[Text, Meta(description="What explanations call this rule.")]
    where: Where
    pin: Annotated[int, Meta(ge=1, le=MAX_SLOT, description="Show the best of them in this slot.")] | None = (
        None
    )
    boost: (
        Annotated[float, Meta(ge=1, le=100, description="Multiply their scores by this, 1 or more.")] | None
    ) = None
    bury: Annotated[bool, Meta(description="Show them only where a slot would stay empty.")] = False
    hide: Annotated[bool, Meta(description="Never show them.")] = False
    only: Annotated[bool, Meta(description="Show nothing else.")] = False
    campaigns: Annotated[Texts, Meta(description="Campaigns it is for; by default all.")] | None = None
    start: Annotated[datetime, Meta(tz=True, description="From this moment or day on.")] | None = field(
        name="from", default=None
    )
    end: (
        Annotated[datetime, Meta(tz=True, description="Until this moment, or to the end of this day.")] | None
    ) = field(name="until", default=None)
    line: int = 0
    """Where it begins in its file, which the reader adds."""

    @property
    def actions(self) -> list[Action]:
        """What it does: one, in a rule that is right."""
        return [action for action in Action if getattr(self, action.value) not in (None, False)]

    def in_force(self, now: datetime, campaign: str) -> bool:
        return (
            (self.campaigns is None or campaign in self.campaigns)
            and (self.start is None or self.start <= now)
            and (self.end is None or now < self.end)
        )

    def __str__(self) -> str:
        return f"rule {self.name!r}, line {self.line}" if self.line else f"rule {self.name!r}"


Days = Annotated[int, Meta(ge=0, le=3650)]


class Fatigue(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a shopper has seen enough of an item: it goes behind all others, but stays."""

    campaigns: Annotated[
        int, Meta(ge=0, le=20, description="After being shown in so many campaigns; 0: never.")
    ] = 3
    days: Annotated[int, Meta(ge=1, le=60, description="Campaigns of so many days count.")] = 30


class Policy(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    """All of a shop's file. The defaults are those of a shop that has none."""

    diversity: Annotated[
        float,
        Meta(
            ge=0, le=1, description="0: the likeliest items only; 1: as different from each other as can be."
        ),
    ] = 0.0
    """1 - lambda of maximal marginal relevance (selection.py). Variety costs hits: 0.05 takes 1.2 points of
    HR@20 on the sessions of Serenade and of RecSys 2015, whose items have no categories. So there is none
    unless a shop asks for it, and a shop without a file shows what `evermail evaluate` measures."""
    max_per_category: (
        Annotated[
            int, Meta(ge=1, le=MAX_SLOT, description="Slots for one category, if others can fill the rest.")
        ]
        | None
    ) = None
    repurchase_after_days: Annotated[
        dict[Text, Days],
        Meta(
            max_length=1_000,
            description="By category. What is bought in any other is never shown to its buyer again.",
        ),
    ] = {}
    fatigue: Fatigue = Fatigue()
    timezone: Annotated[Text, Meta(description="Where the days of `from` and `until` begin and end.")] = "UTC"
    rules: Annotated[tuple[Rule, ...], Meta(max_length=MAX_RULES)] = ()

    @cached_property
    def book(self) -> RuleBook:
        """The rules, arranged at the first open that asks: an instance reads them anew every few seconds."""
        return RuleBook(self.rules)

    def with_diversity(self, diversity: float) -> Policy:
        """The same but for that, and with the rules as they are arranged already."""
        other = msgspec.structs.replace(self, diversity=diversity)
        other.__dict__["book"] = self.book
        return other

    def may_be_shown_again(self, category: str | None, bought_us: int, now_us: int) -> bool:
        """Whether an item that was bought then may be shown to its buyer now."""
        days = self.repurchase_after_days.get(category) if category is not None else None
        return days is not None and now_us - bought_us >= days * clock.DAY

    def out_in_any_case(self, bought_us: int, now_us: int) -> bool:
        """Whether an item bought then must not be shown, whatever its category is."""
        return self._shortest_window_us is None or now_us - bought_us < self._shortest_window_us

    @cached_property
    def _shortest_window_us(self) -> int | None:
        """Of all categories, as every item that a shopper has bought is compared with it."""
        days = min(self.repurchase_after_days.values(), default=None)
        return days * clock.DAY if days is not None else None
