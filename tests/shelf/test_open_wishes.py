"""Who wants no email, who says what is wanted in one, and who was erased."""

from __future__ import annotations

import pytest
from open_support import Shop, seen
from shelf_support import NOW, profile, row

from evermail.documents import (
    Document,
    Erasure,
    Exposures,
    Feedback,
    Impression,
    Key,
    Opinion,
    Suppression,
    Verdict,
)
from evermail.erasure import first_version
from evermail.impressions import ONE_OPEN_US
from evermail.serving import Source


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
    shop = Shop(suppression("former"), seen("", id="former", moved_to="ann", renamed=True))
    assert shop.answer(shopper="former").source is Source.TRENDING


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
    shop = Shop(said("former", X=Verdict.NOT_FOR_ME), seen("", id="former", moved_to="ann", renamed=True))
    assert shop.shows(shopper="former")[0] == "Y"


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


# What cannot be read


@pytest.mark.parametrize("kind", [Suppression, Feedback, Erasure])
def test_what_may_say_that_somebody_is_not_to_be_known_counts_as_if_it_did(kind: type[Document]) -> None:
    shop = Shop()
    shop.store.unreadable = {Key(kind.COLLECTION, "ann")}
    answer = shop.answer()
    assert ([one.item_id for one in answer.items], answer.source) == (["P", "Q", "R"], Source.TRENDING)
    assert answer.to_store == []


@pytest.mark.parametrize("kind", [Exposures, Impression])
def test_what_says_no_such_thing_is_only_not_overwritten(kind: type[Document]) -> None:
    shop = Shop()
    shop.store.unreadable = {Key(kind.COLLECTION, "may:ann" if kind is Impression else "ann")}
    answer = shop.answer()
    assert (answer.source, answer.to_store) == (Source.PERSONAL, [])


def test_what_is_shown_after_an_erasure_is_newer_than_what_the_erasure_left() -> None:
    shop = Shop(erasure(NOW - 2 * ONE_OPEN_US))
    shop.put(profile("AB"))
    known = shop.store.documents[Key("erasures", "ann")]
    assert isinstance(known, Erasure)
    stored = shop.answer().to_store
    assert {type(one) for one in stored} == {Exposures, Impression}
    assert all(one.version >= first_version(known) for one in stored)
