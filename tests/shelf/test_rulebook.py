"""The arranged rules say of every product and every moment what each rule would say for itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from shelf_support import NOW, product

from evermail import clock
from evermail.documents import Product
from evermail.shelf.policy import Policy, PriceRange, Rule, Where

words = st.sampled_from("ABCD")
some_words = st.none() | st.lists(words, min_size=1, max_size=3).map(tuple)
prices = st.sampled_from([0.0, 5.0, 9.99, 10.0, 20.0])
wheres = st.builds(
    Where,
    items=some_words,
    category=some_words,
    brand=some_words,
    label=some_words,
    price=st.none() | st.builds(PriceRange, at_least=st.none() | prices, below=st.none() | prices),
)
moments = st.none() | st.integers(-2, 2).map(lambda hours: clock.to_datetime(NOW) + timedelta(hours=hours))
rule_lists = st.lists(
    st.builds(
        Rule,
        name=words,
        where=wheres,
        campaigns=st.sampled_from([None, ("may",), ("june", "july")]),
        start=moments,
        end=moments,
        boost=st.none() | st.just(2.0),
        hide=st.booleans(),
    ),
    max_size=8,
).map(tuple)
products = st.builds(
    lambda item_id, category, price, **fields: product(item_id, category, price=price, **fields),
    words,
    st.none() | words,
    prices,
    brand=st.none() | words,
    labels=st.lists(words, max_size=3).map(tuple),
    sale_price=st.none() | prices,
)


@given(rule_lists, products)
def test_a_product_meets_the_rules_that_are_about_it(rules: tuple[Rule, ...], item: Product) -> None:
    book = Policy(rules=rules).book
    assert book.rules(book.meeting(item)) == [rule for rule in rules if rule.where.matches(item)]


@given(st.lists(st.builds(PriceRange, at_least=st.none() | prices, below=st.none() | prices)), prices)
def test_a_product_meets_the_prices_that_hold_what_it_costs(ranges: list[PriceRange], price: float) -> None:
    book = Policy(rules=tuple(Rule(name="a", where=Where(price=one), hide=True) for one in ranges)).book
    met = book.rules(book.meeting(product("A", price=price)))
    assert [rule.where.price for rule in met] == [one for one in ranges if one.holds(price)]


@given(rule_lists, st.sampled_from(["may", "june", ""]), st.integers(-3, 3))
def test_those_are_in_force_that_say_so(rules: tuple[Rule, ...], campaign: str, hours: int) -> None:
    book = Policy(rules=rules).book
    now = clock.to_datetime(NOW) + timedelta(hours=hours)
    assert book.rules(book.in_force(now, campaign)) == [
        rule for rule in rules if rule.in_force(now, campaign)
    ]


@given(rule_lists)
def test_rules_are_found_by_what_they_do_the_first_of_the_file_first(rules: tuple[Rule, ...]) -> None:
    book = Policy(rules=rules).book
    hiding: list[Any] = [rule for rule in rules if rule.hide]
    assert book.rules(book.hides) == hiding
    assert book.rules(book.boosts) == [rule for rule in rules if rule.boost is not None]
    if hiding:
        assert book.first(book.hides) is hiding[0]


def test_a_policy_is_arranged_once_and_stays_what_it_is() -> None:
    policy, same = (Policy(rules=(Rule(name="a", where=Where(items=("A",)), hide=True),)) for _ in range(2))
    assert policy.book is policy.book
    assert policy == same
