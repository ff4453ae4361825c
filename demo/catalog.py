"""The demo shop's range: a small homeware store, made up for this purpose."""

from __future__ import annotations

from evermail.documents import Neighbor, Product, Trending
from evermail.trending import CATALOG

BRAND = "Lund & Loom"
CURRENCY = "EUR"

# category: (title, price, price before, 0 if not reduced)
RANGE: dict[str, list[tuple[str, float, float]]] = {
    "Lighting": [
        ("Dune table lamp", 89.0, 0),
        ("Orbit pendant", 149.0, 0),
        ("Stem reading light", 119.0, 139.0),
        ("Halo wall sconce", 75.0, 0),
        ("Lantern no. 3", 59.0, 0),
        ("Paper moon shade", 39.0, 49.0),
        ("Arc floor lamp", 219.0, 0),
        ("Glow candle jar", 18.0, 0),
    ],
    "Kitchen": [
        ("Ridge pour-over set", 54.0, 0),
        ("Stoneware mug, pair", 28.0, 0),
        ("Oak serving board", 42.0, 0),
        ("Copper kettle", 96.0, 120.0),
        ("Enamel casserole", 129.0, 0),
        ("Linen apron", 35.0, 0),
        ("Spice mill", 32.0, 0),
        ("Salt cellar", 16.0, 0),
    ],
    "Textiles": [
        ("Washed linen duvet", 159.0, 0),
        ("Merino throw", 118.0, 148.0),
        ("Waffle towel", 24.0, 0),
        ("Bouclé cushion", 45.0, 0),
        ("Wool rug, sand", 289.0, 0),
        ("Cotton bathrobe", 79.0, 0),
        ("Quilted bedspread", 139.0, 0),
        ("Striped tea towel", 12.0, 0),
    ],
    "Living": [
        ("Ash side table", 179.0, 0),
        ("Lounge chair", 449.0, 520.0),
        ("Magazine rack", 64.0, 0),
        ("Wall shelf, long", 99.0, 0),
        ("Felt storage basket", 38.0, 0),
        ("Round mirror", 129.0, 0),
        ("Pouf, terracotta", 95.0, 0),
        ("Mantel clock", 72.0, 0),
    ],
    "Garden": [
        ("Terracotta planter", 29.0, 0),
        ("Zinc watering can", 36.0, 0),
        ("Folding bistro chair", 85.0, 0),
        ("Herb scissors", 19.0, 0),
        ("Fire bowl", 199.0, 239.0),
        ("Bird feeder", 27.0, 0),
        ("Garden lantern", 49.0, 0),
        ("Hammock", 89.0, 0),
    ],
    "Desk": [
        ("Walnut desk tray", 46.0, 0),
        ("Brass pen", 58.0, 0),
        ("Linen notebook", 17.0, 0),
        ("Cork board", 39.0, 0),
        ("Desk lamp, mini", 65.0, 0),
        ("Card holder", 34.0, 0),
        ("Monitor stand", 84.0, 99.0),
        ("Paper clip dish", 14.0, 0),
    ],
}


def item_id(category: str, number: int) -> str:
    return f"{category.lower()}-{number + 1}"


def products(base_url: str) -> list[Product]:
    """The range as documents; pages and pictures are at `base_url`."""
    found = []
    for category, lines in RANGE.items():
        for number, (title, price, before) in enumerate(lines):
            one = item_id(category, number)
            found.append(
                Product(
                    id=one,
                    version=1,
                    updated_at=1,
                    title=title,
                    url=f"{base_url}/p/{one}",
                    image_url=f"{base_url}/pictures/{one}.webp",
                    price=before or price,
                    sale_price=price if before else None,
                    currency=CURRENCY,
                    brand=BRAND,
                    category=category,
                )
            )
    return found


def front_page(range_: list[Product], count: int = 60) -> Trending:
    """What the shop shows first, for shoppers and shops without any history: one of each category in turn."""
    by_category: dict[str | None, list[Product]] = {}
    for product in range_:
        by_category.setdefault(product.category, []).append(product)
    depth = max((len(group) for group in by_category.values()), default=0)
    turns = [group[at] for at in range(depth) for group in by_category.values() if at < len(group)]
    items = [Neighbor(product.id, 1.0) for product in turns[:count]]
    return Trending(id=CATALOG, version=1, updated_at=1, as_of=1, items=items)
