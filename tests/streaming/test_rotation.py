"""Under a new pseudonym key everybody has a new name, and a past under the former one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from people_support import Shop, accepted, browser, erase, identify, says
from streaming_support import NOW, SECRET, Collected, Stream, config, event

from evermail.event_ids import MAX_IDS
from evermail.events import Consent, Event, Receipt
from evermail.pseudonyms import Pseudonymizer
from evermail.stores.sqlite import SqliteStore
from pipeline.keys import KeysUnavailable, LiteralKeys
from pipeline.rotation import FormerNames

KEYS = LiteralKeys({"k1": SECRET, "k2": SECRET[::-1]})
PSEUDONYMS = Pseudonymizer(KEYS.keys(), "k2")


def old(name: str, kind: str = "user") -> str:
    return PSEUDONYMS.pseudonym(kind, name, key_id="k1")


def new(name: str, kind: str = "user") -> str:
    return PSEUDONYMS.pseudonym(kind, name)


def before(event: Event) -> Event:
    """As decode gave it while there was one key."""
    return msgspec.structs.replace(
        event,
        user_id=event.user_id and old(event.user_id),
        client_id=event.client_id and old(event.client_id, "client"),
    )


def after(event: Event) -> Event:
    """As decode gives it now that there is another."""
    receipt = Receipt(
        user_aliases=PSEUDONYMS.aliases("user", event.user_id),
        client_aliases=PSEUDONYMS.aliases("client", event.client_id),
    )
    return msgspec.structs.replace(
        event,
        user_id=event.user_id and new(event.user_id),
        client_id=event.client_id and new(event.client_id, "client"),
        receipt=receipt,
    )


class Rotating(Shop):
    """A shop whose job is drained, and begins anew with another key."""

    def first(self, *events: Event) -> None:
        stream = Stream()
        for one in events:
            stream.arrives(before(one))
        self(stream, pseudonym_keys=LiteralKeys({"k1": SECRET}))

    def first_at_once(self, *events: Event) -> None:
        """As one bundle."""
        self(Stream().arrives(*map(before, events)), pseudonym_keys=LiteralKeys({"k1": SECRET}))

    def then(self, *events: Event, **changes: Any) -> None:
        stream = Stream()
        for one in events:
            stream.arrives(one if one.user_id == old("anna") else after(one))
        self(stream, pseudonym_keys=KEYS, **changes)


@pytest.fixture
def shop(collected: Collected, tmp_path: Path, every_bundle_counts: None) -> Rotating:
    return Rotating(collected, SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW))


def test_a_profile_moves_to_the_new_name_and_leaves_word(shop: Rotating) -> None:
    shop.first(event("A", at=-9))
    shop.then(event("B", at=-8), event("C", at=-7))
    assert shop.history(new("anna")) == "ABC"
    left = shop.profiles()[old("anna")]
    assert (left.moved_to, left.renamed) == (new("anna"), True)
    assert shop.history(old("anna")) == ""
    assert shop.counters["handovers_sent"] == shop.counters["handovers_taken"] == 1


def test_copies_from_before_are_known_by_the_former_name(shop: Rotating) -> None:
    one = event("A", at=-9)
    shop.first(one)
    shop.then(one, event("B", at=-8), one)
    assert len(accepted(shop)) == 2
    assert shop.out["refused"] == []
    assert shop.counters["duplicate"] == 2


def test_a_user_who_is_met_by_a_browser_first_keeps_the_profile(shop: Rotating) -> None:
    shop.first(event("A", at=-9))
    shop.then(browser("B", at=-8), identify("anna", at=-7), event("C", at=-6))
    assert shop.history(new("anna")) == "ABC"
    assert shop.history(old("anna")) == ""


def test_a_strangers_browser_goes_on_as_a_stranger(shop: Rotating) -> None:
    shop.first(browser("A", at=-9))
    shop.then(browser("B", at=-8))
    assert shop.history(new("c1", "client")) == "AB"
    left = shop.profiles()[old("c1", "client")]
    assert (left.moved_to, left.renamed) == (new("c1", "client"), True)


def test_a_linked_browser_feeds_its_user_whatever_that_is_called(shop: Rotating) -> None:
    shop.first(identify("anna", at=-9), browser("A", at=-8))
    shop.then(browser("B", at=-7), event("C", at=-6), browser("D", at=-5))
    assert shop.history(new("anna")) == "ABCD"
    assert shop.history(old("anna")) == ""
    shop.then(browser("E", at=-4))  # a new job again
    assert shop.history(new("anna")) == "ABCDE"


def test_a_refused_login_of_a_user_who_was_there_before_leaves_the_link(shop: Rotating) -> None:
    shop.first(identify("anna", at=-9))
    again = identify("anna", at=-6, consent=Consent(False))
    shop.then(again, browser("A", at=-5), event("B", at=-4))
    assert shop.history(new("anna")) == "AB"


def test_what_a_browser_did_under_its_former_name_moves_to_its_user(shop: Rotating) -> None:
    shop.first(browser("A", at=-9))
    shop.then(identify("anna", at=-8))
    assert shop.history(new("anna")) == "A"
    assert shop.history(new("c1", "client")) == shop.history(old("c1", "client")) == ""


@pytest.mark.parametrize("request_", [erase("anna", at=-7), erase("anna", cookie="c1", at=-7)])
def test_an_erasure_reaches_every_name(shop: Rotating, request_: Event) -> None:
    shop.first(identify("anna", at=-9), browser("A", at=-8))
    shop.then(event("B", at=-7.5), request_, browser("C", at=-7.4), event("D", at=-7.3))
    names = [new("anna"), old("anna")]
    if request_.client_id:
        names += [new("c1", "client"), old("c1", "client")]
    assert all(shop.history(name) == "" for name in names)
    assert {erasure.id for erasure in shop.out["erasures"]} == set(names)


def test_a_browsers_erasure_reaches_its_own_names_alone(shop: Rotating) -> None:
    shop.first(identify("anna", at=-9), browser("A", at=-8))
    shop.then(event("B", at=-7.5), erase(cookie="c1", at=-7))
    assert shop.history(new("anna")) == "AB"
    assert {erasure.id for erasure in shop.out["erasures"]} == {new("c1", "client"), old("c1", "client")}


def test_an_erasure_from_before_holds(shop: Rotating) -> None:
    shop.first(event("A", at=-9), erase("anna", at=-8))
    shop.then(event("B", at=-8.5), event("C", at=-7))
    assert shop.history(new("anna")) == "C"
    assert shop.counters["erased"] == 1


def test_a_refusal_from_before_holds(shop: Rotating) -> None:
    shop.first(says(False, at=-9))
    shop.then(event("A", at=-8))
    assert shop.history(new("anna")) == ""


def test_what_comes_under_the_former_name_alone_follows(shop: Rotating) -> None:
    replayed = before(event("C", at=-7))
    shop.first(event("A", at=-9))
    shop.then(event("B", at=-8), replayed)
    assert shop.history(new("anna")) == "ABC"


def test_it_is_kept_until_the_new_name_is_known(shop: Rotating) -> None:
    shop.first(event("A", at=-9))
    shop.then(before(event("B", at=-8)))
    assert shop.history(old("anna")) == "AB"
    shop.then(event("C", at=-7))
    assert (shop.history(old("anna")), shop.history(new("anna"))) == ("", "ABC")


def test_an_erasure_from_before_holds_for_every_job_to_come(shop: Rotating) -> None:
    shop.first(event("A", at=-9), erase("anna", at=-8))
    shop.then(event("B", at=-8.5))
    shop.then(event("C", at=-8.6))
    assert shop.history(new("anna")) == ""
    assert shop.counters["erased"] == 2


def test_who_never_had_a_former_name_has_one_document(shop: Rotating) -> None:
    shop.then(event("A", at=-9), browser("B", at=-8))
    assert set(shop.profiles()) == {new("anna"), new("c1", "client")}
    assert len(shop.out["profiles"]) == 2


def test_a_withdrawal_reaches_the_new_name_even_if_its_id_was_used_before(shop: Rotating) -> None:
    shop.first(event("A", at=-9, event_id="twice"))
    shop.then(event("B", at=-8), msgspec.structs.replace(says(False, at=-7), event_id="twice"))
    assert shop.history(new("anna")) == ""


def test_requests_of_a_time_whose_ids_were_let_go_reach_the_new_name(shop: Rotating) -> None:
    shop.first_at_once(*(event("A", at=number / 10 - 900) for number in range(MAX_IDS + 1)))
    shop.then(event("B", at=-800), says(False, at=-900))
    assert shop.history(new("anna")) == ""
    shop.then(event("C", at=-700), erase("anna", at=-900))
    assert {erasure.id for erasure in shop.out["erasures"]} == {new("anna"), old("anna")}


def test_all_of_a_long_past_goes_along(shop: Rotating) -> None:
    past = [event("A", at=number / 10 - 900) for number in range(MAX_IDS + 1)]
    shop.first_at_once(erase("anna", at=-901), *past)
    shop.then(event("B", at=-700))
    assert shop.profiles()[new("anna")].events == len(past) + 1


def test_a_link_survives_several_rotations(shop: Rotating) -> None:
    """Of three keys a job knows two: a browser may be linked to a name that is two keys old."""
    k3 = LiteralKeys({"k2": SECRET[::-1], "k3": SECRET[3:] + SECRET[:3]})
    names = Pseudonymizer(k3.keys(), "k3")

    def latest(event: Event) -> Event:
        user, client = event.user_id, event.client_id
        receipt = Receipt(
            user_aliases=names.aliases("user", user), client_aliases=names.aliases("client", client)
        )
        return msgspec.structs.replace(
            event,
            user_id=user and names.pseudonym("user", user),
            client_id=client and names.pseudonym("client", client),
            receipt=receipt,
        )

    shop.first(identify("anna", at=-9), browser("A", at=-8))
    shop.then(event("B", at=-7), browser("C", at=-6))
    stream = Stream().arrives(latest(browser("D", at=-5))).arrives(latest(event("E", at=-4)))
    shop(stream.arrives(latest(browser("F", at=-3))), pseudonym_keys=k3)
    assert shop.history(names.pseudonym("user", "anna")) == "ABCDEF"


def test_pairs_are_as_if_nothing_had_happened(shop: Rotating) -> None:
    shop.first(event("A", at=-9))
    shop.then(event("B", at=-8))
    assert shop.rows() == {("A", "B"): 1.0, ("B", "A"): 0.75}


def test_a_job_takes_the_former_and_the_current_key_and_no_more() -> None:
    keys = LiteralKeys({f"k{number}": SECRET for number in range(3)})
    with pytest.raises(KeysUnavailable, match="3 pseudonym keys"):
        FormerNames.of(config(pseudonym_keys=keys))


@pytest.mark.parametrize(
    ("name", "aliases", "former"),
    [
        (new("anna"), (), None),
        (new("anna"), (old("anna"),), old("anna")),
        (old("anna"), (), old("anna")),
        ("k0" + old("anna")[2:], (), "k0" + old("anna")[2:]),  # of a key that was dropped
        ("anna", (), None),
    ],
)
def test_former_names_are_told_from_current_ones(
    name: str, aliases: tuple[str, ...], former: str | None
) -> None:
    assert FormerNames.of(config(pseudonym_keys=KEYS)).on_the_way(name, aliases) == former
