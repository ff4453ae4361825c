"""A slot as the email's template reads it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from evermail.documents import Product
from evermail.money import format_price
from evermail.ranking import Ranked, Why


class RecommendedItem(msgspec.Struct, omit_defaults=True):
    """One slot. Money is text, ready to show; URLs are complete."""

    item_id: str
    title: str
    price: str
    image: str
    url: str
    reason: str
    was: str = ""


def present(
    ranked: Ranked, products: Mapping[str, Product], locale: str, *, bought: bool = False
) -> RecommendedItem:
    """The slot of an item that is among the products, `bought` before or not.

    Raises `ValueError` if its price cannot be written.
    """
    why = "You bought this before" if bought else reason(ranked, products)
    return item(products[ranked.item_id], why, locale)


def item(product: Product, reason: str, locale: str) -> RecommendedItem:
    """A slot with a product, at its price of now. Raises `ValueError` if that cannot be written."""
    price, was = product.price_now, ""
    if price < product.price:
        was = format_price(product.price, product.currency, locale)
    return RecommendedItem(
        item_id=product.id,
        title=product.title,
        price=format_price(price, product.currency, locale),
        was=was,
        image=product.image_url,
        url=product.url,
        reason=reason,
    )


def reason(ranked: Ranked, products: Mapping[str, Product]) -> str:
    """Why an item is shown, in words for the shopper. `products` may have the one behind the cause."""
    if ranked.why is Why.REMINDER:
        return "You looked at this"
    if ranked.why is Why.SEEN_TOGETHER:
        seed = products.get(ranked.because)
        return f"Seen with {seed.title}" if seed is not None else "Seen with your last picks"
    if ranked.why is Why.TRENDING_CATEGORY:
        return f"Popular in {ranked.because}"
    return "Popular right now" if ranked.why is Why.TRENDING else "From our range"
