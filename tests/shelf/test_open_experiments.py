"""What an experiment shows to whom."""

from __future__ import annotations

from typing import Any

from open_support import Shop, Store, seen
from shelf_support import NOW

from evermail.documents import (
    Campaign,
    Document,
    Key,
    Variant,
)
from evermail.experiments import variant_of
from evermail.serving import Source
from evermail.stores import StoreError


def campaign(*variants: Variant, holdout: float = 0.0, category: str = "") -> Campaign:
    return Campaign(
        id="may",
        version=1,
        updated_at=NOW,
        name="May",
        template="recommended_for_you",
        holdout=holdout,
        variants=variants,
        category=category,
    )


def test_nobody_is_shown_what_suits_them_while_the_experiment_is_not_known() -> None:
    class NoCampaigns(Store):
        def get_many(self, keys: Any, *, timeout_s: float | None = None) -> dict[Key, Document]:
            if any(key.collection == "campaigns" for key in keys):
                raise StoreError("cannot be read")
            return super().get_many(keys, timeout_s=timeout_s)

    shop = Shop(campaign(holdout=1.0))
    shop.store = NoCampaigns(tuple(shop.store.documents.values()))
    shop.recommender = shop.another()
    answer = shop.answer()
    assert (answer.source, answer.to_store) == (Source.TRENDING, [])


def test_the_experiment_goes_by_the_name_in_the_email_whatever_the_shopper_is_called_since() -> None:
    of = campaign(Variant("a"), Variant("b"))
    names = [f"cookie-{n}" for n in range(20)]
    shop = Shop(of, *(seen("", id=name, moved_to="ann", renamed=True) for name in names))
    drawn = {name: variant_of(of, name).name for name in names}
    assert set(drawn.values()) == {"a", "b"}
    assert {
        name: shop.recommender.recommend(name, slots=1, campaign="may").variant for name in names
    } == drawn


def test_the_holdout_sees_what_is_popular_and_its_impression_says_so() -> None:
    shop = Shop(campaign(holdout=1.0))
    answer = shop.answer()
    assert (answer.source, answer.variant) == (Source.TRENDING, "holdout")
    assert [item.item_id for item in answer.items] == ["P", "Q", "R"]
    assert shop.impression.variant == "holdout"


def test_a_variant_is_recorded_and_has_its_own_variety() -> None:
    of = campaign(Variant("as ever"), Variant("varied", diversity=1.0))
    shop = Shop(of)
    names = {shopper: variant_of(of, shopper).name for shopper in ("ann", *(f"s{n}" for n in range(20)))}
    assert set(names.values()) == {"as ever", "varied"}
    for shopper, name in names.items():
        shop.put(seen("AB", id=shopper))
        opened, _, _ = shop.recommender.open(shopper, slots=3, campaign="may")
        assert opened.met.policy.diversity == (1.0 if name == "varied" else 0.0)
        assert shop.answer(shopper=shopper).variant == name


def test_another_variant_shows_its_own_at_once() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(campaign(holdout=1.0))
    assert shop.shows() == "PQR"


def test_a_campaign_about_a_category_begins_with_it_for_a_stranger() -> None:
    shop = Shop(campaign(category="Tea"))
    answer = shop.answer(shopper="stranger")
    assert [item.item_id for item in answer.items] == ["T", "U", "P"]
    assert answer.source is Source.SEGMENT
    assert shop.shows() == "XYZ"
