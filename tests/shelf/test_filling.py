"""An answered open under a shop's rules: documents in, slots and what is to be remembered out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from shelf_support import NOW, product, profile, row, rule, rules, trending

from evermail import clock
from evermail.documents import Document, Erasure, Exposure, Exposures, Key, Profile
from evermail.serving import Answer, NothingToShow, Recommender, Source
from evermail.shelf.policy import PriceRange, Where


class FakeStore:
    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = {document.key: document for document in documents}
        self.reads: list[list[Key]] = []

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.reads.append(list(keys))
        return {key: self.documents[key] for key in keys if key in self.documents}


class Shop:
    def __init__(self, *documents: Document) -> None:
        self.store = FakeStore(documents)
        self.recommender = Recommender(self.store, clock=lambda: NOW)  # type: ignore[arg-type]

    def answer(self, slots: int = 3, campaign: str = "may", shopper: str = "ann") -> Answer:
        return self.recommender.recommend(shopper, slots=slots, campaign=campaign)

    def shows(self, slots: int = 3, campaign: str = "may") -> str:
        return "".join(item.item_id for item in self.answer(slots, campaign).items)


def shop(*documents: Document) -> Shop:
    """Ann saw A, then B; A leads to X, Y and Z. P, Q and R are popular."""
    return Shop(
        profile("AB"),
        row("A", {"X": 9.0, "Y": 8.0, "Z": 7.0}),
        trending("global", "PQR"),
        *(product(one, "Tea") for one in "AXY"),
        *(product(one, "Desk") for one in "BZ"),
        *(product(one, "Garden") for one in "PQR"),
        *documents,
    )


def remembered(answer: Answer) -> Exposures | None:
    """What the store is to know of what was shown, for later campaigns."""
    return next((one for one in answer.to_store if isinstance(one, Exposures)), None)


def exposed(*campaigns: tuple[str, str], shopper: str = "ann") -> Exposures:
    listed = tuple(Exposure(name, NOW - clock.HOUR, tuple(items)) for name, items in campaigns)
    return Exposures(id=shopper, version=3, updated_at=NOW, campaigns=listed)


def moved(shopper: str) -> Profile:
    """What stands under a name that Ann had under an older key."""
    left = profile("")
    left.id, left.moved_to, left.renamed = shopper, "ann", True
    return left


def erased(shopper: str = "ann", hours_ago: float = 0.5) -> Erasure:
    at = NOW - round(hours_ago * clock.HOUR)
    return Erasure(id=shopper, version=1, updated_at=NOW, erased_at=at)


# Rules


def test_without_rules_the_likeliest_are_shown() -> None:
    assert shop().shows(4) == "XYZB"


def test_a_pin_brings_an_item_that_nothing_else_would() -> None:
    of = shop(rules(rule("W", pin=2)), product("W"))
    answer = of.answer(3)
    assert [item.item_id for item in answer.items] == ["X", "W", "Y"]
    assert answer.items[1].reason == "From our range"
    assert answer.source is Source.PERSONAL


def test_a_pin_of_what_is_sold_out_is_skipped() -> None:
    assert shop(rules(rule("W", pin=1)), product("W", available=False)).shows(2) == "XY"
    assert shop(rules(rule("WZ", pin=1)), product("W", available=False)).shows(2) == "ZX"


def test_a_boost_finds_its_item_far_down_and_costs_one_look_up() -> None:
    far = "".join(chr(0x4E00 + n) for n in range(60))
    of = Shop(
        trending("global", far),
        *(product(one, price=float(n + 1)) for n, one in enumerate(far)),
        rules(rule(where=Where(price=PriceRange(at_least=40, below=41)), boost=50)),
    )
    assert of.shows(3)[0] == far[39]
    looked_up = [len(keys) for keys in of.store.reads if keys[0].collection == "products"]
    assert looked_up == [len(far)]


def test_for_a_cap_further_candidates_are_looked_up() -> None:
    tea = "".join(chr(0x4E00 + n) for n in range(20))
    of = Shop(
        trending("global", f"{tea}PQ"),
        *(product(one, "Tea") for one in tea),
        product("P", "Desk"),
        product("Q", "Garden"),
        rules(max_per_category=1),
    )
    assert of.shows(3) == f"{tea[0]}PQ"


def test_rules_hold_in_their_campaign_and_change_within_seconds() -> None:
    of = shop(rules(rule("X", hide=True, campaigns=("june",))))
    assert (of.shows(2, "may"), of.shows(2, "june")) == ("XY", "YZ")


def test_what_may_be_bought_again_is_and_says_so() -> None:
    of = shop(rules(repurchase_after_days={"Tea": 30}))
    of.store.documents[Key("profiles", "ann")] = profile("AB", {"X": 31, "Y": 29})
    answer = of.answer(4)
    assert [(item.item_id, item.reason) for item in answer.items[:2]] == [
        ("X", "You bought this before"),
        ("Z", "Seen with Kettle A"),
    ]
    assert "Y" not in [item.item_id for item in answer.items]


# What earlier campaigns showed


def test_what_three_campaigns_have_shown_to_no_avail_goes_behind_what_is_popular() -> None:
    of = shop(exposed(("jan", "XYZB"), ("feb", "XYZ"), ("mar", "X")))
    assert of.shows(5) == "YZBAP"
    assert of.shows(8) == "YZBAPQRX"


def test_opening_an_email_again_does_not_change_what_it_shows() -> None:
    of = shop(exposed(("jan", "X"), ("feb", "X"), ("may", "X")))
    assert of.shows(1, "may") == "X"
    assert of.shows(1, "june") == "Y"


def test_after_some_campaigns_all_that_there_is_takes_turns() -> None:
    of = shop()
    seen = []
    for number in range(15):
        answer = of.answer(2, f"c{number}")
        of.store.documents.update({one.key: one for one in answer.to_store})
        seen.append("".join(item.item_id for item in answer.items))
    assert seen == ["XY"] * 3 + ["ZB"] * 3 + ["AP"] * 3 + ["QR"] * 3 + ["XY", "ZB", "AP"]


def test_it_is_read_with_the_profile_under_every_name_that_leads_there() -> None:
    of = shop(exposed(("jan", "X"), ("feb", "X")), exposed(("mar", "X"), shopper="cookie"))
    of.store.documents[Key("profiles", "cookie")] = moved("cookie")
    answer = of.answer(1, shopper="cookie")
    assert answer.items[0].item_id == "Y"
    kinds = "profiles", "erasures", "suppressions", "exposures"
    for read, who in zip(of.store.reads, ("cookie", "ann"), strict=False):
        assert read[:4] == [Key(kind, who) for kind in kinds]
    assert remembered(answer) is not None
    assert remembered(answer).id == "ann"
    assert [one.campaign for one in remembered(answer).campaigns] == ["may", "feb", "jan"], (
        "not the browser's"
    )


def test_what_was_shown_is_to_be_remembered_once() -> None:
    of = shop()
    answer = of.answer(2)
    assert remembered(answer).campaigns == (Exposure("may", NOW, ("X", "Y")),)
    of.store.documents.update({one.key: one for one in answer.to_store})
    assert remembered(of.answer(2)) is None


def test_of_whom_nothing_may_be_known_nothing_is_remembered() -> None:
    assert remembered(shop().answer(2, shopper="stranger")) is None
    of = shop()
    of.store.documents[Key("profiles", "ann")] = profile("")
    assert remembered(of.answer(2)) is None
    assert remembered(shop().answer(2, campaign="")) is None


THRICE = ("jan", "X"), ("feb", "X"), ("mar", "X")
"""Enough for X to stand behind everything."""


def test_what_was_shown_under_a_former_name_does_not_outlive_an_erasure_under_the_new_one() -> None:
    of = shop(moved("former"), exposed(*THRICE, shopper="former"))
    assert of.answer(1, shopper="former").items[0].item_id == "Y"
    of.store.documents[Key("erasures", "ann")] = erased()
    answer = of.answer(1, shopper="former")
    assert answer.items[0].item_id == "X"
    assert remembered(answer) is not None
    assert remembered(answer).campaigns == (Exposure("may", NOW, ("X",)),)


def test_an_erasure_under_a_former_name_holds_under_the_new_one() -> None:
    of = shop(moved("former"), exposed(*THRICE), erased("former"))
    assert of.answer(1, shopper="former").items[0].item_id == "X"


def test_what_a_late_write_brings_back_after_an_erasure_is_not_used_and_goes_at_the_next_open() -> None:
    of = shop(exposed(*THRICE, ("may", "X")), erased())
    answer = of.answer(1)
    assert answer.items[0].item_id == "X"
    assert remembered(answer) is not None
    assert remembered(answer).campaigns == (Exposure("may", NOW, ("X",)),)
    assert remembered(answer).version > 3, "or the store would keep what it has"
    of.store.documents[remembered(answer).key] = remembered(answer)
    assert remembered(of.answer(1)) is None


def test_what_was_shown_since_an_erasure_counts() -> None:
    assert shop(exposed(*THRICE), erased(hours_ago=2)).shows(1) == "Y"


def test_without_a_history_what_was_shown_is_not_used() -> None:
    of = shop(exposed(("jan", "P"), ("feb", "P"), ("mar", "P")))
    of.store.documents[Key("profiles", "ann")] = profile("")
    answer = of.answer(3)
    assert "".join(item.item_id for item in answer.items) == "PQR"
    assert remembered(answer) is None


# Whatever the rules say

letters = "ABCDEFGH"
item_sets = st.text(letters, max_size=6)
wheres = st.one_of(
    st.text(letters, min_size=1, max_size=3).map(lambda text: Where(items=tuple(text))),
    st.sampled_from([Where(category=("Tea",)), Where(price=PriceRange(below=50)), Where(label=("no",))]),
)
actions = st.sampled_from(
    [{"pin": 1}, {"pin": 2}, {"boost": 9.0}, {"bury": True}, {"hide": True}, {"only": True}]
)
rule_lists = st.lists(
    st.builds(lambda where, action: rule(where=where, **action), wheres, actions), max_size=4
)


@given(
    seen=item_sets,
    bought=st.dictionaries(st.sampled_from(letters), st.integers(0, 60)),
    neighbors=st.dictionaries(st.sampled_from(letters), st.floats(0.1, 9)),
    listed=item_sets,
    sold_out=st.sets(st.sampled_from(letters)),
    shop_rules=rule_lists,
    policy=st.fixed_dictionaries(
        {
            "diversity": st.sampled_from([0.0, 0.1, 1.0]),
            "max_per_category": st.sampled_from([None, 1]),
            "repurchase_after_days": st.sampled_from([{}, {"Tea": 30}]),
        }
    ),
    shown=st.lists(st.tuples(st.sampled_from(["may", "june", "july"]), item_sets), max_size=3),
    slots=st.integers(1, 5),
)
def test_nothing_bought_sold_out_or_hidden_is_ever_shown_nor_anything_twice(
    seen: str,
    bought: dict[str, int],
    neighbors: dict[str, float],
    listed: str,
    sold_out: set[str],
    shop_rules: list[Any],
    policy: dict[str, Any],
    shown: list[tuple[str, str]],
    slots: int,
) -> None:
    catalog = {
        one: product(
            one,
            "Tea" if one < "E" else "Desk",
            available=one not in sold_out,
            price=10.0 + n * 15,
            labels=("no",) if one in "BF" else (),
        )
        for n, one in enumerate(letters)
    }
    documents = [
        profile(seen, bought),
        *(row(one, neighbors) for one in seen),
        trending("global", listed),
        exposed(*shown),
        rules(*shop_rules, **policy),
        *catalog.values(),
    ]
    try:
        answers = [Shop(*documents).answer(slots), Shop(*reversed(documents)).answer(slots)]
    except NothingToShow:
        return
    assert answers[0] == answers[1], "the same documents give the same answer"
    items = [item.item_id for item in answers[0].items]
    assert 1 <= len(items) == len(set(items)) <= slots
    for item_id in items:
        item = catalog[item_id]
        assert item.available
        again = (
            item.category == "Tea"
            and "Tea" in policy["repurchase_after_days"]
            and bought.get(item_id, 0) >= 30
        )
        assert item_id not in bought or again
        for each in shop_rules:
            assert not (each.hide and each.where.matches(item))
            assert not each.only or each.where.matches(item)
