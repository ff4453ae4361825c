"""A product that is written as a feed, in either format, is read back as it was."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.catalog.product import CategoryLevel, check
from evermail.documents import Product
from tests.catalog.feeds import NOW, atom, read, rss, tsv

NOT_TEXT = ("C", "Z")
WORD = st.text(
    st.characters(exclude_categories=NOT_TEXT, exclude_characters="\ufffd"), min_size=1, max_size=12
)
WORDS = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
# What separates levels and types is in no name of one, and an address is none.
LEVEL = st.lists(
    st.text(
        st.characters(exclude_categories=NOT_TEXT, exclude_characters="\ufffd>,@%"), min_size=1, max_size=12
    ),
    min_size=1,
    max_size=4,
).map(" ".join)
IDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=1, max_size=60).filter(
    lambda text: text.isprintable() and text == text.strip() and "@" not in text and "%40" not in text
)
PATHS = st.text(
    st.characters(min_codepoint=33, max_codepoint=0xFFF, exclude_categories=NOT_TEXT), max_size=40
)
URLS = PATHS.map(lambda path: "https://shop.example/" + path.translate(dict.fromkeys(map(ord, '<>"\\'))))


@st.composite
def products(draw: st.DrawFn) -> Product:
    cents = draw(st.integers(2, 10**9))
    sale = draw(st.none() | st.integers(1, cents - 1))
    return Product(
        id=draw(IDS),
        version=0,
        updated_at=0,
        title=draw(WORDS),
        url=draw(URLS),
        image_url=draw(URLS),
        price=cents / 100,
        currency=draw(st.sampled_from(["EUR", "USD", "CZK"])),
        sale_price=None if sale is None else sale / 100,
        brand=draw(st.none() | WORDS),
        category=draw(st.none() | st.lists(LEVEL, min_size=1, max_size=3).map(" > ".join)),
        available=draw(st.booleans()),
        labels=tuple(draw(st.lists(WORDS, max_size=5, unique=True))),
    )


def attributes(product: Product) -> dict[str, str]:
    """A product by Google's names."""
    found = {
        "id": product.id,
        "title": product.title,
        "link": product.url,
        "image_link": product.image_url,
        "price": f"{product.price:.2f} {product.currency}",
        "sale_price": "" if product.sale_price is None else f"{product.sale_price:.2f} {product.currency}",
        "brand": product.brand or "",
        "product_type": product.category or "",
        "availability": "in_stock" if product.available else "out_of_stock",
        **{f"custom_label_{place}": label for place, label in enumerate(product.labels)},
    }
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize("write", [rss, atom, tsv])
@given(st.lists(products(), min_size=1, max_size=4))
def test_a_product_is_read_back_as_it_was(
    write: Callable[[list[dict[str, str]]], bytes], written: list[Product]
) -> None:
    items = read(write([attributes(product) for product in written]))
    results = [check(item, now_us=NOW, category=CategoryLevel.PATH) for item in items]
    assert [result.refused for result in results] == [None] * len(written)
    assert [result.product for result in results] == written
