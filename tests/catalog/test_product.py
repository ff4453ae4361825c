"""Items that become products, those that do not, and why."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import events
from evermail.catalog.findings import Code, Refused, Remark
from evermail.catalog.item import Item
from evermail.catalog.product import CategoryLevel, check, duplicate, why_no_id
from evermail.documents import Product
from evermail.money import format_price
from tests.catalog.feeds import NOW, lamp


def checked(**changes: str) -> Product:
    """The product of a lamp with these changes, which nothing is said against."""
    result = check(Item(3, 1, lamp(**changes)), now_us=NOW)
    assert result.product is not None, result.refused
    assert result.remarks == []
    return result.product


def refused(**changes: str) -> Refused:
    result = check(Item(3, 1, lamp(**changes)), now_us=NOW)
    assert result.product is None
    assert result.refused is not None
    return result.refused


def remarked(**changes: str) -> tuple[Product, Remark, str]:
    """The product, and the only remark on it: its code and attribute."""
    result = check(Item(3, 1, lamp(**changes)), now_us=NOW)
    assert result.product is not None
    [remark] = result.remarks
    assert remark.message.isprintable()
    assert (remark.line, remark.position, remark.id) == (3, 1, "LAMP-1")
    return result.product, remark.code, remark.attribute


def test_an_item_becomes_a_product() -> None:
    assert checked(sale_price="69,00 EUR", google_product_category="2271") == Product(
        id="LAMP-1",
        version=0,
        updated_at=0,
        title="Dune table lamp",
        url="https://shop.example/p/LAMP-1",
        image_url="https://img.shop.example/LAMP-1.jpg",
        price=89.0,
        sale_price=69.0,
        currency="EUR",
        brand="Lund & Loom",
        category="Lighting",
        available=True,
    )


# Refusals: an example of each code that one item can get


@pytest.mark.parametrize(
    ("changes", "code", "attribute", "message"),
    [
        ({"id": ""}, Code.MISSING_ATTRIBUTE, "id", "id is missing"),
        ({"title": ""}, Code.MISSING_ATTRIBUTE, "title", "title is missing"),
        ({"link": ""}, Code.MISSING_ATTRIBUTE, "link", "link is missing"),
        ({"image_link": ""}, Code.MISSING_ATTRIBUTE, "image_link", "image_link is missing"),
        ({"price": ""}, Code.MISSING_ATTRIBUTE, "price", "price is missing"),
        ({"availability": ""}, Code.MISSING_ATTRIBUTE, "availability", "availability is missing"),
        ({"id": "x" * 129}, Code.INVALID_ID, "id", "id has 129 characters"),
        ({"id": "A\x00B"}, Code.INVALID_ID, "id", "id has control characters"),
        ({"id": "jane@example.com"}, Code.INVALID_ID, "id", "id contains an email address"),
        ({"id": "K\ufffdHL"}, Code.INVALID_ID, "id", "is the encoding of the feed right?"),
        ({"title": "T\ufffdpfe"}, Code.INVALID_TEXT, "title", "is the encoding of the feed right?"),
        ({"title": "Lamp\x07"}, Code.INVALID_TEXT, "title", "title has control characters"),
        ({"link": "ftp://shop.example/1"}, Code.INVALID_URL, "link", "not an http or https URL"),
        ({"link": "javascript:alert(1)"}, Code.INVALID_URL, "link", "not an http or https URL"),
        ({"link": "shop.example/1"}, Code.INVALID_URL, "link", "not an http or https URL"),
        ({"link": "https:///1"}, Code.INVALID_URL, "link", "with a host"),
        ({"link": "https://[1/"}, Code.INVALID_URL, "link", "is not a URL"),
        ({"link": "https://shop.example:port/"}, Code.INVALID_URL, "link", "is not a URL"),
        ({"link": "https://shop.example/a b"}, Code.INVALID_URL, "link", "write them as %20"),
        ({"link": 'https://shop.example/"onerror'}, Code.INVALID_URL, "link", "a URL cannot have"),
        ({"link": "https://shop.example\\@evil.example"}, Code.INVALID_URL, "link", "a URL cannot have"),
        ({"link": "https://me:pw@shop.example/"}, Code.INVALID_URL, "link", "has a user or a password"),
        ({"image_link": "data:image/png;base64,"}, Code.INVALID_URL, "image_link", "image_link 'data:"),
        ({"image_link": "https://a.example/" + "x" * 2000}, Code.INVALID_URL, "image_link", "2,000"),
        ({"price": "89.00"}, Code.INVALID_PRICE, "price", "price '89.00' names no currency"),
        ({"price": "1.299 EUR"}, Code.INVALID_PRICE, "price", "can mean"),
        (
            {"availability": "sold"},
            Code.INVALID_AVAILABILITY,
            "availability",
            "'sold' is not one of: in_stock",
        ),
    ],
)
def test_an_item_that_cannot_be_shown_is_refused(
    changes: dict[str, str], code: Code, attribute: str, message: str
) -> None:
    refusal = refused(**changes)
    assert (refusal.code, refusal.attribute) == (code, attribute)
    assert message in refusal.message
    assert refusal.message.isprintable()
    assert len(refusal.message) < 200
    assert (refusal.line, refusal.position) == (3, 1)


def test_a_line_that_could_not_be_read_is_refused_by_what_is_known_of_it() -> None:
    refusal = check(Item(7, 4, {"id": "A"}, "too many columns"), now_us=NOW).refused
    assert refusal == Refused(
        line=7, position=4, id="A", code=Code.MALFORMED_ITEM, attribute="", message="too many columns"
    )


def test_a_second_item_of_an_id_is_a_duplicate() -> None:
    refusal = duplicate(Item(9, 2, lamp("A")))
    assert (refusal.code, refusal.id, refusal.line) == (Code.DUPLICATE_ID, "A", 9)


@pytest.mark.parametrize("item_id", ["A", "ü-1", "a/b", "x" * 128, "50% off", "size@2.5mm", "__A__"])
def test_ids_of_many_kinds_are_taken(item_id: str) -> None:
    assert checked(id=item_id, link="https://a.example", image_link="https://a.example").id == item_id


@given(st.text(max_size=140))
def test_an_id_that_is_taken_is_one_that_events_may_have(item_id: str) -> None:
    if why_no_id(item_id):
        return
    event = {
        "event_id": "e",
        "event_name": "view_item",
        "event_time": "2026-11-24T03:00:00Z",
        "client_id": "c",
        "items": [{"item_id": item_id}],
    }
    parsed = events.parse(msgspec.json.encode(event), now_us=NOW, version="test")
    assert isinstance(parsed, events.Event)


# What is taken as it is meant


@pytest.mark.parametrize(
    ("text", "available"),
    [
        ("in_stock", True),
        ("in stock", True),
        ("In Stock", True),
        ("in-stock", True),
        ("preorder", True),
        ("backorder", True),
        ("limited_availability", True),
        ("out_of_stock", False),
        ("out of stock", False),
    ],
)
def test_availability_says_whether_it_can_be_bought(text: str, available: bool) -> None:
    assert checked(availability=text).available is available


def test_a_title_is_one_line() -> None:
    assert checked(title="Dune\r\n   table\tlamp").title == "Dune table lamp"


def test_urls_are_kept_as_they_are() -> None:
    url = "HTTPS://Shop.Example/Töpfe/%C3%BC?a=1&b={x}|y#z"
    assert checked(link=url).url == url


def test_a_price_is_one_that_an_email_can_show() -> None:
    product = checked(price="1.234,5 EUR")
    assert format_price(product.price, product.currency, "en") == "€1,234.50"


# Sale prices


@pytest.mark.parametrize("period", ["2026-11-24T00:00Z/2026-11-25T00:00Z", ""])
def test_a_sale_that_is_on_counts(period: str) -> None:
    assert checked(sale_price="69.00 EUR", sale_price_effective_date=period).sale_price == 69.0


def test_a_sale_at_another_time_does_not_count() -> None:
    product = checked(sale_price="69.00 EUR", sale_price_effective_date="2026-12-01/2026-12-24")
    assert product.sale_price is None


def test_a_sale_price_that_is_the_price_is_no_sale() -> None:
    assert checked(sale_price="89.00 EUR").sale_price is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sale_price": "cheap"},
        {"sale_price": "69.00 USD"},
        {"sale_price": "99.00 EUR"},
        {"sale_price": "69.00 EUR", "sale_price_effective_date": "this week"},
    ],
)
def test_a_doubtful_sale_price_is_left_out_and_told(changes: dict[str, str]) -> None:
    product, code, attribute = remarked(**changes)
    assert (product.price, product.sale_price) == (89.0, None)
    assert (code, attribute) == (Remark.LEFT_OUT, "sale_price")


# Categories


@pytest.mark.parametrize(
    ("level", "category"),
    [
        (CategoryLevel.FIRST, "Home"),
        (CategoryLevel.LAST, "Maxi dresses"),
        (CategoryLevel.PATH, "Home > Women > Maxi dresses"),
    ],
)
def test_a_category_is_the_level_that_the_events_use(level: CategoryLevel, category: str) -> None:
    item = Item(1, 1, lamp(product_type="Home >Women>  Maxi\ndresses"))
    product = check(item, now_us=NOW, category=level).product
    assert product is not None
    assert product.category == category


@pytest.mark.parametrize(
    ("changes", "category"),
    [
        ({"product_type": "Lamps, Gifts"}, "Lamps"),
        ({"product_type": "", "google_product_category": "Arts, Crafts > Glue"}, "Arts, Crafts"),
        ({"product_type": "", "google_product_category": "2271"}, None),
        ({"product_type": "2024"}, "2024"),
        ({"product_type": "Lamps", "google_product_category": "Home"}, "Lamps"),
        ({"product_type": " > "}, None),
        ({"product_type": ""}, None),
    ],
)
def test_a_category_is_the_shop_s_own_before_google_s(changes: dict[str, str], category: str | None) -> None:
    assert checked(**changes).category == category


@pytest.mark.parametrize("text", ["x" * 257, "Lamps\x00", "L\ufffdmps", "gifts for jane@example.com"])
def test_a_category_that_no_event_can_have_is_left_out_and_told(text: str) -> None:
    product, code, attribute = remarked(product_type=text)
    assert product.category is None
    assert (code, attribute) == (Remark.LEFT_OUT, "product_type")


# Titles and brands


def test_a_long_title_is_shortened_and_told() -> None:
    product, code, attribute = remarked(title="x" * 151)
    assert product.title == "x" * 149 + "…"
    assert (code, attribute) == (Remark.SHORTENED, "title")
    assert checked(title="x" * 150).title == "x" * 150


def test_a_brand_is_shortened_or_left_out_and_told() -> None:
    assert remarked(brand="x" * 71)[0].brand == "x" * 69 + "…"
    product, code, attribute = remarked(brand="L\x00nd")
    assert product.brand is None
    assert (code, attribute) == (Remark.LEFT_OUT, "brand")
    assert checked(brand="").brand is None


# Labels


def test_the_labels_of_a_product_are_those_that_it_has_each_once() -> None:
    labels = {"custom_label_0": "slow  seller", "custom_label_2": "gift", "custom_label_4": "gift"}
    assert checked(**labels, custom_label_3="").labels == ("slow seller", "gift")
    assert checked().labels == ()


def test_a_label_is_shortened_or_left_out_and_told() -> None:
    assert remarked(custom_label_1="x" * 101)[0].labels == ("x" * 99 + "…",)
    product, code, attribute = remarked(custom_label_0="gi\x00ft", custom_label_1="slow")
    assert product.labels == ("slow",)
    assert (code, attribute) == (Remark.LEFT_OUT, "custom_label_0")
