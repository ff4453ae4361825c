"""Where a click leads."""

from __future__ import annotations

import pytest
from open_support import Shop
from shelf_support import NOW, product, profile, row, rules, trending

from evermail import clock
from evermail.documents import Key, Suppression
from evermail.shelf.followed import Followed, is_web_address
from evermail.shelf.policy import Rule, Where


def follow(shop: Shop, slot: int = 0, item_id: str = "", shopper: str = "ann") -> Followed | None:
    return shop.recommender.follow(shopper, campaign="may", slot=slot, item_id=item_id)


def leads_to(shop: Shop, slot: int = 0, item_id: str = "") -> str:
    followed = follow(shop, slot, item_id)
    assert followed is not None
    assert followed.url == f"https://shop.example/{followed.item_id}"
    return followed.item_id


def test_leads_to_exactly_what_was_shown_however_much_has_moved_since() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(row("A", {"Q": 9.0, "R": 8.0}))
    shop.put(profile("Q"))
    shop.now_us += 20 * clock.DAY
    assert [leads_to(shop, slot) for slot in (1, 2, 3)] == ["X", "Y", "Z"]


def test_an_item_that_is_named_is_led_to_whatever_stands_in_the_slots() -> None:
    shop = Shop()
    shop.answer()
    assert leads_to(shop, item_id="R") == "R"


def test_what_is_sold_out_leads_to_the_best_that_was_not_shown() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(product("X", "Desk", available=False))
    followed = follow(shop, 1)
    assert followed == Followed("X", "B", "https://shop.example/B")
    assert followed.replaced


@pytest.mark.parametrize("slot", [1, 2])
def test_what_has_left_the_catalog_leads_elsewhere(slot: int) -> None:
    shop = Shop()
    shop.answer()
    shown = "XYZ"[slot - 1]
    del shop.store.documents[Key("products", shown)]
    shop.recommender = shop.another()
    assert leads_to(shop, slot) not in "XYZ"


def test_what_the_shop_hides_since_leads_elsewhere() -> None:
    shop = Shop()
    shop.answer()
    shop.put(rules(Rule(name="Recall", where=Where(items=("X",)), hide=True)))
    assert leads_to(shop, 1) not in "XYZ"


def test_what_was_bought_since_is_still_what_was_shown() -> None:
    shop = Shop()
    shop.answer()
    shop.put(profile("AB", bought={"X": 0}))
    assert leads_to(shop, 1) == "X"


def test_a_slot_that_was_never_opened_leads_to_what_it_would_show() -> None:
    shop = Shop()
    assert [leads_to(shop, slot) for slot in (1, 2, 3)] == ["X", "Y", "Z"]


def test_an_address_that_is_none_is_not_led_to() -> None:
    shop = Shop(product("X", "Desk", url="javascript:alert(1)"))
    shop.answer()
    assert leads_to(shop, 1) not in "XYZ"


def test_where_nothing_can_be_read_nothing_is_known() -> None:
    shop = Shop()
    shop.answer()
    shop.store.down = True
    shop.recommender = shop.another()
    assert follow(shop, 1) is None
    assert follow(shop, item_id="X") is None


def test_who_wants_no_email_any_more_is_led_to_what_the_pictures_show_since() -> None:
    shop = Shop()
    shop.answer()
    assert leads_to(shop, 2) == "Y"
    shop.put(Suppression(id="ann", version=1, updated_at=NOW, reason="unsubscribed"))
    assert leads_to(shop, 2) == shop.answer().items[1].item_id == "Q"


def test_a_stranger_is_led_to_what_is_popular() -> None:
    shop = Shop(trending("catalog", "AB"))
    followed = follow(shop, 2, shopper="stranger")
    assert followed is not None
    assert followed.item_id == "Q"


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil.example", "/kettle", "data:text/html,x", "", "https://", "http://[::1"],
)
def test_only_addresses_of_the_web_are_led_to(url: str) -> None:
    assert not is_web_address(url)
    assert is_web_address("https://shop.example/kettle?a=b#c")
