"""Simulated shoppers: visits with a taste, from a seed.

Each shopper likes two categories. A visit looks at a few items, mostly of those, with a habit of going from
an item to its companions; some are put into the cart, some of those are bought.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from demo.catalog import CURRENCY
from demo.schedule import Planned
from evermail import clock
from evermail.documents import Product

EVENTS_PER_SHOPPER = 8
VIEWS = (2, 6)
COMPANION, OFF_TASTE, TO_CART, BUYS, REMOVES = 0.55, 0.15, 0.3, 0.35, 0.15
PAUSE_US = (300_000, 4_000_000)


def visit(
    shopper: str, likes: list[str], range_: list[Product], rng: random.Random
) -> Iterator[tuple[str, Product]]:
    """The (event name, product) pairs of one visit."""
    cart = []
    at: Product | None = None
    for _ in range(rng.randint(*VIEWS)):
        at = _next(at, likes, range_, rng)
        yield "view_item", at
        if rng.random() < TO_CART:
            cart.append(at)
            yield "add_to_cart", at
    if cart and rng.random() < REMOVES:
        yield "remove_from_cart", cart.pop()
    if cart and rng.random() < BUYS:
        for product in cart:
            yield "purchase", product


def events(range_: list[Product], *, count: int, rate: float, rng: random.Random) -> list[Planned]:
    """`count` events of many overlapping visits, `rate` a second on average."""
    categories = sorted({product.category or "" for product in range_})
    shoppers = max(1, count // EVENTS_PER_SHOPPER)
    span_us = count / rate * clock.SECOND
    planned: list[tuple[float, str, str, Product]] = []
    while len(planned) < count:
        shopper = f"shopper-{rng.randrange(shoppers)}"
        likes = random.Random(shopper).sample(categories, min(2, len(categories)))  # noqa: S311
        at = rng.random() * span_us
        for name, product in visit(shopper, likes, range_, rng):
            planned.append((at, shopper, name, product))
            at += rng.randint(*PAUSE_US)
    planned.sort(key=lambda one: one[:3])
    planned = planned[:count]
    # Visits that began near the end run over it: pull all into the span, order and proportions kept.
    stretch = span_us / max(planned[-1][0], 1)
    return [
        Planned(round(at * stretch), round(at * stretch), wire(f"sim-{number}", name, shopper, product))
        for number, (at, shopper, name, product) in enumerate(planned)
    ]


def wire(event_id: str, name: str, shopper: str, product: Product) -> dict[str, object]:
    """The wire form of an event, without its time."""
    price = product.price if product.sale_price is None else product.sale_price
    item = {"item_id": product.id, "price": price, "item_category": product.category}
    return {
        "event_id": event_id,
        "event_name": name,
        "client_id": f"browser-of-{shopper}",
        "user_id": shopper,
        "items": [item],
        "currency": CURRENCY,
        "value": price,
        "source": "web",
    }


def _next(at: Product | None, likes: list[str], range_: list[Product], rng: random.Random) -> Product:
    if at is not None and rng.random() < COMPANION:
        near = [one for one in range_ if one.category == at.category and one.id != at.id]
        start = random.Random(at.id).randrange(len(near))  # noqa: S311 - each item has fixed companions
        return near[(start + rng.randrange(2)) % len(near)]
    pool = range_ if rng.random() < OFF_TASTE else [one for one in range_ if one.category in likes]
    return rng.choice(pool)
