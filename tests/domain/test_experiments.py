"""Who sees what: always the same, in the shares that were asked for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.documents import Campaign, Variant
from evermail.experiments import HOLDOUT, NO_EXPERIMENT, variant_of

SHOPPERS = [f"k1.{number:022}" for number in range(20_000)]
A, B, C = Variant("a"), Variant("b", 3.0), Variant("c", 0.0)


def campaign(*variants: Variant, holdout: float = 0.0, id: str = "advent") -> Campaign:
    return Campaign(
        id=id, version=1, updated_at=1, name="n", template="t", holdout=holdout, variants=variants
    )


def shares(of: Campaign) -> dict[str, float]:
    counted = Counter(variant_of(of, shopper).name for shopper in SHOPPERS)
    return {name: number / len(SHOPPERS) for name, number in counted.items()}


def test_shares_are_those_asked_for() -> None:
    assert shares(campaign(A, B, C, holdout=0.1)) == pytest.approx(
        {"holdout": 0.1, "a": 0.225, "b": 0.675}, abs=0.015
    )


def test_without_an_experiment_everybody_sees_the_same() -> None:
    assert {variant_of(campaign(), one) for one in SHOPPERS[:100]} == {NO_EXPERIMENT}
    assert variant_of(None, "a") is NO_EXPERIMENT
    assert {variant_of(campaign(C), one) for one in SHOPPERS[:100]} == {NO_EXPERIMENT}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_larger_holdout_takes_in_the_smaller_and_moves_nobody_else(one: float, other: float) -> None:
    smaller, larger = sorted((one, other))
    for shopper in SHOPPERS[:50]:
        before = variant_of(campaign(A, B, holdout=smaller), shopper)
        after = variant_of(campaign(A, B, holdout=larger), shopper)
        assert after in (before, HOLDOUT)
        if before is HOLDOUT:
            assert after is HOLDOUT


def test_campaigns_draw_apart_from_each_other() -> None:
    first, second = campaign(holdout=0.5), campaign(holdout=0.5, id="spring")
    both = sum(variant_of(first, one) is variant_of(second, one) is HOLDOUT for one in SHOPPERS)
    assert both / len(SHOPPERS) == pytest.approx(0.25, abs=0.015)


def test_the_draw_is_the_same_on_every_machine() -> None:
    drawn = [variant_of(campaign(A, Variant("b"), holdout=0.3), one).name for one in SHOPPERS[:12]]
    assert drawn == ["holdout", *"bbaababbb", "holdout", "a"]
