"""One open shows one thing and counts once; experiments, those who want no email, and the last resort."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf_support import NOW, product, profile, row, rules, trending

from evermail import clock, impressions
from evermail.documents import (
    Campaign,
    Document,
    Erasure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Opinion,
    Profile,
    Suppression,
    Variant,
    Verdict,
)
from evermail.experiments import variant_of
from evermail.impressions import ONE_OPEN_US
from evermail.serving import Answer, NothingToShow, Recommender, Source
from evermail.shelf.policy import Rule, Where
from evermail.shelf.presentation import RecommendedItem
from evermail.stores import Outcome, StoreError, StoreUnavailable
from evermail.stores.base import WriteResult


class Store:
    """Keeps the highest version, as every store does."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self.documents = {one.key: one for one in documents}
        self.down = False
        self.calls = 0

    def get_many(self, keys: Any, *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.calls += 1
        if self.down:
            raise StoreUnavailable("down")
        return {key: self.documents[key] for key in keys if key in self.documents}

    def put_many(self, documents: list[Document]) -> list[WriteResult]:
        results = []
        for one in documents:
            stale = one.key in self.documents and self.documents[one.key].version >= one.version
            if not stale:
                self.documents[one.key] = one
            results.append(WriteResult(one.key, Outcome.STALE if stale else Outcome.WRITTEN))
        return results


class Shop:
    """Ann saw A, then B; A leads to X, Y and Z. P, Q and R are popular, and in Tea T and U."""

    def __init__(self, *documents: Document, **options: Any) -> None:
        self.now_us = NOW
        self.store = Store(
            (
                profile("AB"),
                row("A", {"X": 9.0, "Y": 8.0, "Z": 7.0}),
                trending("global", "PQR"),
                trending("category:Tea", "TU"),
                *(product(one, "Desk") for one in "ABPQRTUXYZ"),
                *documents,
            )
        )
        self.options = options
        self.recommender = self.another()

    def another(self) -> Recommender:
        """Another instance of the function, which remembers nothing yet."""
        return Recommender(self.store, clock=lambda: self.now_us, **self.options)  # type: ignore[arg-type]

    def answer(self, slots: int = 3, *, shopper: str = "ann", campaign: str = "may", **how: Any) -> Answer:
        """Opens the email, and stores what is to be stored."""
        answer = self.recommender.recommend(shopper, slots=slots, campaign=campaign, **how)
        self.store.put_many(answer.to_store)
        return answer

    def shows(self, slots: int = 3, **how: Any) -> str:
        return "".join(item.item_id for item in self.answer(slots, **how).items)

    def put(self, document: Document) -> None:
        self.store.documents[document.key] = document
        self.recommender = self.another()

    @property
    def impression(self) -> Impression:
        stored = self.store.documents[impressions.key("may", "ann")]
        assert isinstance(stored, Impression)
        return stored


def seen(items: str, **changes: Any) -> Profile:
    return msgspec.structs.replace(profile(items), **changes)


# One open


def test_within_a_minute_the_same_is_shown_though_others_have_moved_on() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(row("A", {"Q": 9.0, "R": 8.0, "P": 7.0}))
    shop.now_us += ONE_OPEN_US - 1
    assert shop.shows() == "XYZ"
    shop.now_us += 1
    assert shop.shows() == "QRP"


def test_three_opens_in_a_minute_are_one_impression() -> None:
    shop = Shop()
    for _ in range(3):
        shop.answer()
        shop.now_us += 20 * clock.SECOND - 1
    assert shop.impression.opens == 1
    assert [one.item_id for one in shop.impression.slots] == ["X", "Y", "Z"]
    shop.now_us += 3
    shop.answer()
    assert shop.impression.opens == 2


def test_opening_again_costs_one_read_and_no_write() -> None:
    shop = Shop()
    shop.answer()
    shop.store.calls = 0
    assert shop.answer().to_store == []
    assert shop.store.calls == 1


def test_an_event_of_the_shopper_moves_the_items_at_once() -> None:
    shop = Shop(row("C", {"P": 90.0}), product("C", "Desk"))
    assert shop.shows()[0] == "X"
    shop.store.documents[Key("profiles", "ann")] = seen("CAB", as_of=NOW + 1)
    assert shop.shows()[0] == "P"
    assert shop.impression.opens == 1
    assert shop.impression.slots[0].item_id == "P"


@pytest.mark.parametrize("gone", [product("Y", "Desk", available=False), None])
def test_what_sells_out_is_replaced_at_once(gone: Document | None) -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    if gone is None:
        del shop.store.documents[Key("products", "Y")]
        shop.recommender = shop.another()
    else:
        shop.put(gone)
    assert "Y" not in shop.shows()
    assert "Y" not in [one.item_id for one in shop.impression.slots]


def test_what_the_shop_hides_is_replaced_at_once() -> None:
    shop = Shop()
    shop.answer()
    shop.put(rules(Rule(name="Recall", where=Where(items=("X",)), hide=True)))
    assert "X" not in shop.shows()


def test_what_is_shown_again_has_the_price_of_now() -> None:
    shop = Shop()
    shop.answer()
    shop.put(product("X", "Desk", price=5.0))
    assert shop.answer().items[0].price == "€5.00"


def test_fewer_slots_show_the_first_of_them_and_more_follow_those_that_stand() -> None:
    shop = Shop()
    shop.answer(3)
    assert shop.shows(1) == "X"
    assert len(shop.impression.slots) == 3, "a picture of one slot must not make the others forget theirs"
    shop.put(row("A", {"P": 9.0, "Q": 8.0, "R": 7.0, "T": 6.0}))
    assert shop.shows(5) == "XYZPQ"
    assert [one.item_id for one in shop.impression.slots] == list("XYZPQ")
    assert shop.impression.opens == 1


# What could not be read


class Blind(Store):
    """Does not find anything out about shoppers."""

    blind = False

    def get_many(self, keys: Any, *, timeout_s: float | None = None) -> dict[Key, Document]:
        if self.blind and any(key.collection == "profiles" for key in keys):
            raise StoreUnavailable("slow")
        return super().get_many(keys, timeout_s=timeout_s)


def test_where_the_shopper_could_not_be_read_nothing_is_stored_or_overwritten() -> None:
    shop = Shop()
    shop.store = Blind(tuple(shop.store.documents.values()))
    shop.recommender = shop.another()
    shop.answer()
    before = shop.impression
    shop.now_us += 2 * ONE_OPEN_US
    shop.store.blind = True
    answer = shop.answer()
    assert (answer.source, answer.to_store) == (Source.TRENDING, [])
    assert shop.impression == before


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
    shop = Shop(of, *(seen("", id=name, moved_to="ann") for name in names))
    drawn = {name: variant_of(of, name).name for name in names}
    assert set(drawn.values()) == {"a", "b"}
    assert {
        name: shop.recommender.recommend(name, slots=1, campaign="may").variant for name in names
    } == drawn


def test_two_instances_that_answer_at_once_show_what_the_first_has_stored() -> None:
    shop = Shop()
    one, other = shop.another(), shop.another()
    first = one.recommend("ann", slots=2, campaign="may")
    shop.store.documents[Key("neighbors", "A")] = row("A", {"Q": 9.0})
    second = other.recommend("ann", slots=2, campaign="may")
    assert [item.item_id for item in second.items] == ["Q", "B"]
    shop.store.put_many(first.to_store)
    assert Outcome.STALE in {result.outcome for result in shop.store.put_many(second.to_store)}
    assert shop.shows(2) == "XY"


def test_a_prefetch_is_no_open_tires_nobody_and_decides_what_is_shown() -> None:
    shop = Shop()
    shop.answer(prefetch=True)
    assert (shop.impression.opens, shop.impression.prefetches) == (0, 1)
    assert not any(isinstance(one, Exposures) for one in shop.store.documents.values())
    assert shop.shows() == "XYZ"
    assert (shop.impression.opens, shop.impression.prefetches) == (1, 1)


def test_an_email_of_no_campaign_remembers_nothing() -> None:
    assert Shop().answer(campaign="").to_store == []


@given(
    st.lists(
        st.tuples(st.integers(0, 2 * ONE_OPEN_US), st.integers(1, 6), st.sampled_from("XYZBPQ")), max_size=12
    )
)
def test_whatever_happens_nothing_sold_out_is_shown_and_what_is_stored_is_what_was_shown(
    opens: list[tuple[int, int, str]],
) -> None:
    shop = Shop()
    for pause_us, slots, sold_out in opens:
        shop.now_us += pause_us
        before = shop.store.documents[Key("products", sold_out)]
        shop.put(product(sold_out, "Desk", available=False))
        shown = shop.shows(slots)
        assert sold_out not in shown
        assert [one.item_id for one in shop.impression.slots][: len(shown)] == list(shown)
        shop.put(before)


# Experiments


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


# Who wants no email, or to be forgotten


def suppression(shopper: str = "ann", *, lifted: bool = False) -> Suppression:
    return Suppression(id=shopper, version=1, updated_at=NOW, reason="unsubscribed", lifted=lifted)


def test_of_who_wants_no_email_nothing_is_used_or_stored() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(suppression())
    answer = shop.answer()
    assert (answer.source, answer.as_of, answer.to_store) == (Source.TRENDING, 0, [])
    assert [item.item_id for item in answer.items] == ["P", "Q", "R"]


def test_a_suppression_under_a_former_name_holds() -> None:
    shop = Shop(suppression("cookie"), seen("", id="cookie", moved_to="ann"))
    assert shop.answer(shopper="cookie").source is Source.TRENDING


def test_who_has_come_back_is_known_again() -> None:
    assert Shop(suppression(lifted=True)).shows() == "XYZ"


# What the shopper says of items


def said(shopper: str = "ann", **verdicts: Verdict) -> Feedback:
    opinions = {item: Opinion(verdict, NOW) for item, verdict in verdicts.items()}
    return Feedback(id=shopper, version=1, updated_at=NOW, opinions=opinions)


def test_what_a_shopper_does_not_want_is_gone_at_once() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(said(X=Verdict.NOT_FOR_ME, Q=Verdict.NOT_FOR_ME))
    assert shop.shows(8) == "YZBAPRTU"[: len(shop.shows(8))]
    assert "X" not in shop.shows(8)
    assert "Q" not in shop.shows(8)


def test_what_was_said_under_a_former_name_holds() -> None:
    shop = Shop(said("cookie", X=Verdict.NOT_FOR_ME), seen("", id="cookie", moved_to="ann"))
    assert shop.shows(shopper="cookie")[0] == "Y"


def test_more_like_an_item_brings_what_goes_with_it() -> None:
    shop = Shop(row("R", {"Q": 9.0}))
    assert "Q" not in shop.shows()
    shop.put(said(R=Verdict.MORE_LIKE_THIS))
    shop.now_us += ONE_OPEN_US
    assert "Q" in shop.shows()


def test_without_a_history_a_wish_is_not_used_and_a_refusal_holds() -> None:
    shop = Shop(said(R=Verdict.MORE_LIKE_THIS, P=Verdict.NOT_FOR_ME), row("R", {"Z": 9.0}))
    shop.put(seen(""))
    assert shop.shows() == "QR"


def erasure(at_us: int) -> Erasure:
    return Erasure(id="ann", version=1, updated_at=at_us, erased_at=at_us)


def test_of_who_was_erased_nothing_is_stored_until_there_is_a_history_again() -> None:
    shop = Shop(erasure(NOW - 1))
    del shop.store.documents[Key("profiles", "ann")]
    assert shop.answer().to_store == []
    shop.put(profile("AB"))
    assert shop.answer().to_store != []


def test_an_impression_that_a_late_write_brings_back_after_an_erasure_is_not_used() -> None:
    shop = Shop()
    shop.answer()
    shop.put(erasure(NOW + 1))
    shop.put(row("A", {"Q": 9.0}))
    shop.now_us += 2
    assert shop.shows(1) == "Q"


# What everybody may see, and the last resort


def test_who_asks_for_categories_that_are_none_makes_nobody_else_forget_anything() -> None:
    shop = Shop()
    shop.answer()
    for number in range(6_000):
        shop.recommender.popular(slots=1, category=f"made up {number}")
    shop.store.calls = 0
    shop.now_us += 1
    assert shop.answer(slots=2).source is Source.PERSONAL
    assert shop.store.calls == 1


def test_popular_is_the_same_for_everybody() -> None:
    shop = Shop()
    assert [one.item_id for one in shop.recommender.popular(slots=2).items] == ["P", "Q"]
    tea = shop.recommender.popular(slots=3, category="Tea")
    assert [one.item_id for one in tea.items] == ["T", "U", "P"]
    assert tea.source is Source.SEGMENT
    assert tea.to_store == []


LAST = [
    RecommendedItem(
        item_id=one,
        title=one,
        price="€1.00",
        image="https://shop.example/i",
        url="https://shop.example",
        reason="From our range",
    )
    for one in "LM"
]


def test_where_nothing_can_be_read_there_is_a_last_resort() -> None:
    shop = Shop(last_resort=LAST)
    shop.store.down = True
    for answer in (shop.answer(1), shop.recommender.popular(slots=1)):
        assert (answer.source, answer.to_store) == (Source.STATIC, [])
        assert [one.item_id for one in answer.items] == ["L"]
    shop.store.down = False
    assert shop.answer().source is Source.PERSONAL


def test_without_a_last_resort_there_is_nothing_to_show() -> None:
    shop = Shop()
    shop.store.down = True
    with pytest.raises(NothingToShow):
        shop.answer()
    with pytest.raises(NothingToShow):
        shop.recommender.popular(slots=1)
