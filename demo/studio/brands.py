"""Brands to try a template with, before there is a brand file of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from demo.catalog import BRAND, CURRENCY
from evermail.campaigns.brand import Brand, Fonts, Palette
from evermail.campaigns.brand_file import read_brand

SHOP = "https://shop.example"

LUND_AND_LOOM = Brand(
    name=BRAND,
    shop_url=SHOP,
    address="Harbour Yard 7, 1401 Copenhagen, Denmark",
    locale="en",
    currency=CURRENCY,
)

PRESETS = {
    "lund-and-loom": LUND_AND_LOOM,
    "nightjar": Brand(
        name="Nightjar",
        shop_url=SHOP,
        address="Nightjar Records, 12 Vinyl Row, Bristol BS1 5TY",
        locale="en_GB",
        currency="GBP",
        light=Palette(
            canvas="#f1f0f7",
            paper="#ffffff",
            ink="#1b1730",
            muted="#625d78",
            line="#e2dfee",
            accent="#5b2fd6",
            on_accent="#ffffff",
        ),
        dark=Palette(
            canvas="#0f0d1a",
            paper="#191628",
            ink="#f1effa",
            muted="#aaa5c0",
            line="#332e4a",
            accent="#b9a2ff",
            on_accent="#1b1730",
        ),
        fonts=Fonts(heading="Helvetica, Arial, sans-serif"),
    ),
    "salt-and-sun": Brand(
        name="Salt & Sun",
        shop_url=SHOP,
        address="Salt & Sun, Rua do Mar 3, 2750 Cascais, Portugal",
        locale="en",
        currency="EUR",
        light=Palette(
            canvas="#fdf3ea",
            paper="#fffdfa",
            ink="#3a1f14",
            muted="#7b5c4d",
            line="#f1dfd1",
            accent="#b5401b",
            on_accent="#ffffff",
        ),
        dark=Palette(
            canvas="#1a110d",
            paper="#251913",
            ink="#fbeee4",
            muted="#c2a696",
            line="#43302a",
            accent="#ffa67f",
            on_accent="#3a1f14",
        ),
    ),
}


def brands(files: Iterable[Path] = ()) -> dict[str, Brand]:
    """The brands to choose from, by key: those of files first. Raises `BrandRefused`."""
    given: dict[str, Brand] = {}
    for file in files:
        name = file.stem if file.stem not in given else f"{file.stem}-{len(given) + 1}"
        given[name] = read_brand(file)
    return {**given, **{key: brand for key, brand in PRESETS.items() if key not in given}}
