"""What may be shown at all: nothing that was bought, is sold out or hidden, whatever rules say."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from shelf_support import NOW, product, profile, rule

from evermail import clock
from evermail.documents import Product
from evermail.ranking import Ranked, Why
from evermail.shelf.policy import Fatigue, Policy, PriceRange, Rule, Where
from evermail.shelf.screening import Candidate, Out, Refused, Screen

X = Ranked("X", 1.0, Why.SEEN_TOGETHER, "A")
TEA = product("X", "Tea", brand="Lund", labels=("slow", "gift"), price=20.0, sale_price=15.0)


def screen(
    *rules: Rule,
    bought_days_ago: int | None = None,
    ignored: int = 0,
    campaign: str = "spring",
    **policy: Any,
) -> Screen:
    bought = {} if bought_days_ago is None else {"X": bought_days_ago}
    return Screen(
        Policy(rules=rules, **policy),
        profile=profile("A", bought),
        ignored={"X": ignored},
        campaign=campaign,
        now_us=NOW,
    )


def judged(of: Screen, item: Product | None = TEA) -> Candidate | Refused:
    return of.judge(X, 0, item)


def refusal(of: Screen, item: Product | None = TEA) -> Out | None:
    found = judged(of, item)
    return found.out if isinstance(found, Refused) else None


# Out for good


def test_what_the_catalog_does_not_have_or_has_sold_out_of_is_out() -> None:
    assert refusal(screen(), None) is Out.UNKNOWN
    assert refusal(screen(), product("X", available=False)) is Out.SOLD_OUT
    assert refusal(screen()) is None


@pytest.mark.parametrize(
    ("days_ago", "windows", "out"),
    [
        (0, {}, True),
        (3000, {}, True),
        (3000, {"Desk": 30}, True),
        (29, {"Tea": 30}, True),
        (30, {"Tea": 30}, False),
        (31, {"Tea": 30, "Desk": 90}, False),
        (31, {"Tea": 90, "Desk": 30}, True),
        (0, {"Tea": 0}, False),
    ],
)
def test_what_was_bought_is_out_until_its_category_may_be_bought_again(
    days_ago: int, windows: dict[str, int], out: bool
) -> None:
    of = screen(bought_days_ago=days_ago, repurchase_after_days=windows)
    assert (refusal(of) is Out.BOUGHT) is out
    if out:
        found = judged(of)
        assert isinstance(found, Refused)
        assert found.bought_us == NOW - days_ago * clock.DAY
    else:
        assert of.before_reading(X) is None, "it has to be looked up for its category"


def test_what_was_bought_and_has_no_category_is_out_for_ever() -> None:
    of = screen(bought_days_ago=3000, repurchase_after_days={"Tea": 1})
    assert refusal(of, product("X")) is Out.BOUGHT


def test_what_is_out_whatever_it_is_need_not_be_looked_up() -> None:
    for of in (screen(bought_days_ago=5), screen(bought_days_ago=5, repurchase_after_days={"Tea": 6})):
        found = of.before_reading(X)
        assert found is not None
        assert found.out is Out.BOUGHT


# Rules


def test_a_rule_hides_what_it_is_about() -> None:
    hiding = rule(where=Where(label=("slow",)), hide=True)
    found = judged(screen(hiding))
    assert isinstance(found, Refused)
    assert (found.out, found.rule) == (Out.HIDDEN, hiding)
    assert refusal(screen(hiding), product("X")) is None


def test_where_there_are_only_rules_an_item_has_to_be_meant_by_each() -> None:
    tea, gifts = (
        rule(where=Where(category=("Tea",)), only=True),
        rule(where=Where(label=("gift",)), only=True),
    )
    assert refusal(screen(tea, gifts)) is None
    assert refusal(screen(tea, gifts), product("X", "Tea")) is Out.NOT_ASKED_FOR
    assert refusal(screen(tea), product("X", "Desk")) is Out.NOT_ASKED_FOR


def test_boosts_multiply_and_a_burial_is_noted() -> None:
    rules = (
        rule("X", boost=2.0),
        rule(where=Where(brand=("Lund",)), boost=1.5),
        rule("Y", boost=9.0),
        rule("X", bury=True),
    )
    found = judged(screen(*rules))
    assert isinstance(found, Candidate)
    assert (found.boost, found.buried, found.rules) == (3.0, True, (rules[0], rules[1], rules[3]))


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        (Where(items=("W", "X")), True),
        (Where(items=("W",)), False),
        (Where(category=("Desk", "Tea")), True),
        (Where(category=("Te",)), False),
        (Where(brand=("Lund",)), True),
        (Where(brand=("lund",)), False),
        (Where(label=("gift",)), True),
        (Where(label=("sale",)), False),
        (Where(price=PriceRange(at_least=15.0)), True),
        (Where(price=PriceRange(at_least=15.01)), False),
        (Where(price=PriceRange(below=15.0)), False),
        (Where(price=PriceRange(at_least=10, below=15.01)), True),
        (Where(category=("Tea",), price=PriceRange(below=5)), False),
        (Where(category=("Tea",), label=("slow",), brand=("Lund",)), True),
    ],
)
def test_a_rule_is_about_what_meets_all_of_its_conditions(where: Where, meant: bool) -> None:
    assert where.matches(TEA) is meant
    assert (refusal(screen(rule(where=where, hide=True))) is Out.HIDDEN) is meant


def test_a_rule_holds_in_its_campaigns_and_its_time_only() -> None:
    now, hour = clock.to_datetime(NOW), timedelta(hours=1)
    for fields, holds in (
        ({"campaigns": ("spring", "autumn")}, True),
        ({"campaigns": ("autumn",)}, False),
        ({"start": now}, True),
        ({"start": now + hour}, False),
        ({"end": now + hour}, True),
        ({"end": now}, False),
        ({"start": now - hour, "end": now + hour}, True),
    ):
        assert (refusal(screen(rule("X", hide=True, **fields))) is Out.HIDDEN) is holds, fields


class Windows(dict[str, int]):
    """Days by category, which count how often they are gone through."""

    gone_through = 0

    def values(self) -> Any:
        self.gone_through += 1
        return super().values()


def test_however_much_was_bought_the_windows_of_categories_are_gone_through_once() -> None:
    windows = Windows(Tea=30, Lamps=3, Desks=10)
    policy = Policy(repurchase_after_days=windows)
    out = [policy.out_in_any_case(NOW - days * clock.DAY, NOW) for days in range(100)]
    assert out == [days < 3 for days in range(100)]
    assert windows.gone_through == 1


# What shoppers are tired of


@pytest.mark.parametrize(("ignored", "counted"), [(0, 0), (1, 0), (2, 2), (7, 7)])
def test_an_item_goes_back_when_it_was_ignored_often_enough(ignored: int, counted: int) -> None:
    found = judged(screen(ignored=ignored, fatigue=Fatigue(campaigns=2)))
    assert isinstance(found, Candidate)
    assert found.ignored == counted


def test_where_there_is_no_fatigue_none_goes_back() -> None:
    found = judged(screen(ignored=9, fatigue=Fatigue(campaigns=0)))
    assert isinstance(found, Candidate)
    assert found.ignored == 0
