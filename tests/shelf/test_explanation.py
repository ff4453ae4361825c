"""Every item that was in question is explained: why it is in, or why it is out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf_support import NOW, product, profile, row, rule, rules, trending

from evermail import clock
from evermail.documents import Document, Exposure, Exposures, Key, Product
from evermail.serving import Recommender
from evermail.shelf.explanation import Explanation, explain
from evermail.shelf.policy import Fatigue, Where


class FakeStore:
    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = {document.key: document for document in documents}

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        return {key: self.documents[key] for key in keys if key in self.documents}


def explained(*documents: Document, slots: int = 2, campaign: str = "may") -> Explanation:
    store = FakeStore(documents)
    recommender = Recommender(store, clock=lambda: NOW)  # type: ignore[arg-type]
    opened, filled, problem = recommender.open("ann", slots=slots, campaign=campaign)
    assert problem is None
    products = {one.id: one for one in documents if isinstance(one, Product)}
    return explain(opened, filled, slots, products)


def shop(*documents: Document, bought: dict[str, int] | None = None) -> list[Document]:
    """Ann saw A, which leads to the others, B most."""
    return [
        profile("A", bought),
        row("A", {item_id: 9.0 - n for n, item_id in enumerate("BCDEF")}),
        product("A", "Tea"),
        *documents,
        *(product(one, "Tea") for one in "BCDEF" if one not in {document.id for document in documents}),
    ]


def out(found: Explanation) -> dict[str, tuple[str, str]]:
    return {one.item_id: (one.code, one.why) for one in found.out}


def test_what_is_shown_says_why_with_its_parts() -> None:
    found = explained(*shop(rules(rule("C", boost=4.0, line=3), diversity=0.5)))
    first, second = found.shown
    assert (first.slot, first.item_id, first.code, first.boost) == (1, "C", "seen_together", 4.0)
    assert first.why == "Seen with Kettle A; boosted by rule 'a rule', line 3"
    assert second.item_id == "B"
    assert second.relevance == 1.0
    assert second.similarity == 1.0, "of the same category, and led to by the same item"
    assert first.score is not None
    assert second.score is not None
    assert first.relevance == pytest.approx(4.0 * first.score / second.score)


def test_what_must_not_be_shown_says_why() -> None:
    found = explained(
        *shop(
            rules(
                rule("E", hide=True, name="no lamps", line=12),
                rule(where=Where(category=("Tea",)), only=True),
            ),
            product("C", "Tea", available=False),
            product("F", "Desk"),
            bought={"B": 3},
        )
    )
    assert [one.item_id for one in found.shown] == ["D", "A"]
    bought_on = clock.to_rfc3339(NOW - 3 * clock.DAY)[:10]
    assert out(found) == {
        "B": ("bought", f"bought on {bought_on}"),
        "C": ("sold_out", "sold out"),
        "E": ("hidden", "hidden by rule 'no lamps', line 12"),
        "F": ("not_asked_for", "not what rule 'a rule' asks for"),
    }


def test_what_may_be_bought_again_says_from_when() -> None:
    found = explained(*shop(rules(repurchase_after_days={"Tea": 30}), bought={"B": 3, "C": 30}))
    again = clock.to_rfc3339(NOW + 27 * clock.DAY)[:10]
    assert out(found)["B"][1].endswith(f"; again from {again}")
    assert found.shown[0].item_id == "C"
    bought_on = clock.to_rfc3339(NOW - 30 * clock.DAY)[:10]
    assert found.shown[0].why == f"You bought this before; bought on {bought_on}, long enough ago"


def test_the_reason_is_the_one_that_the_email_gives() -> None:
    found = explained(*shop(rules(rule("A", hide=True))))
    assert [one.why for one in found.shown] == ["Seen with your last picks"] * 2, "A is not to be seen"


def test_what_was_passed_over_says_for_what() -> None:
    shown = Exposures(
        id="ann",
        version=1,
        updated_at=NOW,
        campaigns=tuple(Exposure(name, NOW - clock.HOUR, ("B",)) for name in ("jan", "feb", "mar")),
    )
    found = explained(
        *shop(
            shown,
            rules(rule("C", bury=True, line=2, name="slow"), max_per_category=1, diversity=0.0),
            product("F", "Desk"),
        )
    )
    assert [one.item_id for one in found.shown] == ["D", "F"]
    assert out(found) == {
        "A": ("capped", "Tea has 1 slot already"),
        "B": ("tired", "shown in 3 campaigns since it was last looked at"),
        "C": ("buried", "buried by rule 'slow', line 2"),
        "E": ("capped", "Tea has 1 slot already"),
    }


def test_one_campaign_is_told_as_one() -> None:
    shown = Exposures(
        id="ann", version=1, updated_at=NOW, campaigns=(Exposure("jan", NOW - clock.HOUR, ("B",)),)
    )
    found = explained(*shop(shown, rules(fatigue=Fatigue(campaigns=1))))
    assert out(found)["B"][1] == "shown in 1 campaign since it was last looked at"


def test_it_says_from_which_ranking_an_item_comes() -> None:
    documents = trending("category:Tea", "P"), trending("global", "Q"), trending("catalog", "R")
    found = explained(*shop(*documents, product("P"), product("Q"), product("R")), slots=9)
    sources = {one.item_id: one.source for one in found.shown}
    assert sources == dict.fromkeys("ABCDEF", "personal") | {"P": "category", "Q": "trending", "R": "catalog"}


def test_what_is_too_similar_says_to_what() -> None:
    documents = shop(
        rules(diversity=0.5), product("D", "Desk"), *(product(one) for one in "EF"), row("Z", {"D": 5.0})
    )
    found = explained(*documents)
    assert [one.item_id for one in found.shown] == ["B", "D"]
    assert out(found)["C"] == ("too_similar", "too similar to Kettle B")
    assert out(found)["F"] == ("outranked", "others come first")


def test_what_is_there_for_want_of_others_says_so() -> None:
    found = explained(*shop(rules(rule("ADEF", hide=True), rule("B", bury=True), max_per_category=1)))
    assert [one.item_id for one in found.shown] == ["C", "B"]
    assert "buried, but nothing else is left" in found.shown[1].why


def test_pins_say_what_they_do_and_why_they_do_not() -> None:
    pins = (
        rule("C", pin=2, name="hero", line=4),
        rule("D", pin=2, name="second", line=6),
        rule("E", pin=9, name="far", line=8),
        rule("F", pin=1, name="gone", line=10),
        rule(where=Where(brand=("none",)), pin=1, name="empty", line=12),
    )
    found = explained(*shop(rules(*pins), product("F", available=False)))
    assert (found.shown[1].code, found.shown[1].why) == ("pinned", "pinned by rule 'hero', line 4")
    assert found.notes == [
        "rule 'second', line 6 pins to slot 2, where rule 'hero', line 4 has pinned already",
        "rule 'far', line 8 pins to slot 9, and this email has 2",
        "rule 'gone', line 10 finds nothing to pin to slot 1; F is out: sold out",
        "rule 'empty', line 12 finds nothing to pin to slot 1",
    ]


def test_a_pin_is_known_by_its_slot_although_it_moved_up() -> None:
    pins = (
        rule("Z", pin=2, name="gone", line=4),
        rule("B", pin=4, name="last", line=6),
        rule("B", pin=4, name="second", line=8),
    )
    found = explained(trending("global", "A"), rules(*pins), *map(product, "AB"), slots=4)
    assert [(one.slot, one.item_id) for one in found.shown] == [(1, "A"), (2, "B")]
    assert found.notes == [
        "rule 'gone', line 4 finds nothing to pin to slot 2; Z is out: not in the catalog",
        "rule 'second', line 8 pins to slot 4, where rule 'last', line 6 has pinned already",
    ]


def test_rules_of_the_campaign_say_when_it_is_not_their_time() -> None:
    day = timedelta(days=1)
    now = clock.to_datetime(NOW)
    found = explained(
        *shop(
            rules(
                rule("C", pin=2, name="later", line=4, campaigns=("may",), start=now + day),
                rule("D", hide=True, name="over", line=6, end=now - day),
                rule("E", pin=1, name="of another", line=8, campaigns=("june",), start=now + day),
            )
        )
    )
    begins, ended = (f"{moment:%Y-%m-%d %H:%M}" for moment in (now + day, now - day))
    assert found.notes == [f"rule 'later', line 4: begins {begins}", f"rule 'over', line 6: ended {ended}"]


def test_a_stranger_is_told_as_one_and_an_empty_shop_too() -> None:
    found = explained(trending("global", "P"), product("P"))
    assert (found.known, [one.why for one in found.shown]) == (False, ["Popular right now"])
    assert [one.source for one in found.shown] == ["trending"]
    assert explained().shown == []


letters = "ABCDEFGH"


@given(
    seen=st.text(letters, max_size=4),
    bought=st.dictionaries(st.sampled_from(letters), st.integers(0, 60), max_size=3),
    listed=st.text(letters, max_size=8),
    sold_out=st.sets(st.sampled_from(letters)),
    hidden=st.text(letters, min_size=1, max_size=2),
    pinned=st.text(letters, min_size=1, max_size=2),
    slots=st.integers(1, 4),
)
def test_every_item_in_question_is_explained_once(
    seen: str, bought: dict[str, int], listed: str, sold_out: set[str], hidden: str, pinned: str, slots: int
) -> None:
    documents: list[Any] = [
        profile(seen, bought),
        *(row(one, {"C": 5.0, "D": 4.0, "E": 3.0}) for one in seen),
        trending("global", listed),
        rules(rule(hidden, hide=True), rule(pinned, pin=1)),
        *(product(one, "Tea", available=one not in sold_out) for one in letters),
    ]
    found = explained(*documents, slots=slots)
    told = [one.item_id for one in (*found.shown, *found.out)]
    assert len(told) == len(set(told))
    in_question = {*listed, *seen, *pinned, *("CDE" if seen else "")}
    assert set(told) <= in_question
    assert len(told) + found.not_looked_at == len(in_question)
    assert [one.slot for one in found.shown] == list(range(1, len(found.shown) + 1))
    assert all(one.why for one in (*found.shown, *found.out))


# Of an item in several rankings


def test_it_is_told_by_the_ranking_in_which_it_stands_best() -> None:
    found = explained(*shop(trending("category:Tea", "F")))
    assert next(one for one in found.out if one.item_id == "F").source == "personal"


def test_what_is_too_similar_is_so_also_where_it_is_popular() -> None:
    found = explained(
        *shop(
            rules(diversity=0.5),
            product("D", "Desk"),
            *(product(one) for one in "EF"),
            row("Z", {"D": 5.0}),
            trending("global", "C"),
        )
    )
    assert [one.item_id for one in found.shown] == ["B", "D"]
    assert out(found)["C"] == ("too_similar", "too similar to Kettle B")


def test_what_a_pin_names_and_does_not_pin_is_told_by_its_own_ranking() -> None:
    found = explained(*shop(rules(rule("BF", pin=1))))
    assert next(one for one in found.out if one.item_id == "F").source == "personal"
