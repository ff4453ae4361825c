"""Which products rules meet, and which words of theirs no product knows."""

from __future__ import annotations

from shelf_support import product, rule

from evermail.shelf.policy import Policy, Where
from evermail.shelf.reach import reach

CATALOG = [
    product("A", "Tea", brand="Lund & Loom", labels=("slow",)),
    product("B", "Tea", available=False),
    product("C", "Desk"),
]


def test_each_rule_meets_products_some_of_which_are_for_sale() -> None:
    tea, nothing = rule(where=Where(category=("Tea",)), hide=True), rule("X", pin=1)
    found = reach(Policy(rules=(tea, nothing)), CATALOG)
    assert found.products == 3
    assert [(one.rule, one.products, one.available) for one in found.met] == [(tea, 2, 1), (nothing, 0, 0)]


def test_words_that_no_product_has_are_told_with_what_may_be_meant() -> None:
    policy = Policy(
        rules=(
            rule(where=Where(brand=("lund&loom", "Lund & Loom"), label=("slwo",)), hide=True, line=7),
            rule("AX", pin=1, line=9),
        ),
        repurchase_after_days={"tea": 30, "Tea": 30, "Gardening": 9},
    )
    assert reach(policy, CATALOG).unknown == [
        "rule 'a rule', line 7: no product has the brand 'lund&loom'; did you mean 'Lund & Loom'?",
        "rule 'a rule', line 7: no product has the label 'slwo'; did you mean 'slow'?",
        "rule 'a rule', line 9: no product has the id 'X'",
        "repurchase_after_days: no product has the category 'tea'; did you mean 'Tea'?",
        "repurchase_after_days: no product has the category 'Gardening'",
    ]


def test_an_empty_catalog_meets_nothing() -> None:
    found = reach(Policy(rules=(rule("A", pin=1),)), [])
    assert (found.products, found.met[0].products) == (0, 0)
