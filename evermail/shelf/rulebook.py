"""A shop's rules, arranged once so that an open need not try each of them on each product.

A set of rules is an int whose bit n stands for the n-th rule. For every word that a rule names there is the
set of rules that name it; the rules that a product meets are those that name its words or ask for none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evermail.documents import Product
    from evermail.shelf.policy import PriceRange, Rule, Texts


class RuleBook:
    """Answers like `Rule.in_force` and `Where.matches`, for all `rules` at once."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._items = _Condition([rule.where.items for rule in rules])
        self._categories = _Condition([rule.where.category for rule in rules])
        self._brands = _Condition([rule.where.brand for rule in rules])
        self._labels = _Condition([rule.where.label for rule in rules])
        self._prices = _Prices([rule.where.price for rule in rules])
        self.pins = _those([rule.pin is not None for rule in rules])
        self.boosts = _those([rule.boost is not None for rule in rules])
        self.burials = _those([rule.bury for rule in rules])
        self.hides = _those([rule.hide for rule in rules])
        self.onlys = _those([rule.only for rule in rules])
        bound = [(rule.campaigns, rule.start, rule.end) != (None, None, None) for rule in rules]
        self._always = _those([not one for one in bound])
        self._bound = [(1 << n, rules[n]) for n, one in enumerate(bound) if one]

    def in_force(self, now: datetime, campaign: str) -> int:
        """The set of rules that hold at an open."""
        return self._always | sum(bit for bit, rule in self._bound if rule.in_force(now, campaign))

    def meeting(self, product: Product) -> int:
        """The set of rules that are about a product."""
        if not self._rules:
            return 0
        found = self._items.of(product.id) & self._categories.of(product.category)
        found &= self._brands.of(product.brand) & self._labels.of(*product.labels)
        return found & self._prices.of(product.price_now)

    def rules(self, those: int) -> list[Rule]:
        """The rules of a set, in the order of the file."""
        return [self._rules[bit.bit_length() - 1] for bit in _bits(those)]

    def first(self, those: int) -> Rule:
        """The rule of a set, which must not be empty, that stands first in the file."""
        return self._rules[(those & -those).bit_length() - 1]


class _Condition:
    """Of one kind of words: which rules name each, and which ask for none."""

    def __init__(self, words: Sequence[Texts | None]) -> None:
        self._naming: dict[str | None, int] = {}
        for n, named in enumerate(words):
            for word in named or ():
                self._naming[word] = self._naming.get(word, 0) | 1 << n
        self._any = _those([named is None for named in words])

    def of(self, *words: str | None) -> int:
        found = self._any
        for word in words:
            found |= self._naming.get(word, 0)
        return found


class _Prices:
    """Which rules ask for a price: the same ones from each price that a rule names to the next."""

    def __init__(self, ranges: Sequence[PriceRange | None]) -> None:
        changes: dict[float, int] = {}
        there = 0
        for n, one in enumerate(ranges):
            least, below = (None, None) if one is None else (one.at_least, one.below)
            if least is not None and below is not None and least >= below:
                continue  # no price is so
            for price in (least, below):
                if price is not None:
                    changes[price] = changes.get(price, 0) ^ 1 << n
            if least is None:
                there |= 1 << n
        self._bounds = sorted(changes)
        self._from = [there]
        for price in self._bounds:
            there ^= changes[price]
            self._from.append(there)

    def of(self, price: float) -> int:
        return self._from[bisect_right(self._bounds, price)]


def _those(which: Sequence[bool]) -> int:
    return sum(1 << n for n, one in enumerate(which) if one)


def _bits(those: int) -> Iterator[int]:
    while those:
        bit = those & -those
        yield bit
        those ^= bit
