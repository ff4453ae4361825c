"""What the marketer has chosen, as the page's address says it: checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from evermail.campaigns.brand import Brand, Palette, contrast
from evermail.campaigns.dialects import DIALECTS

MODES = ("light", "dark")


class Unknown(Exception):
    """A choice that there is not. The message says which, and what there is."""


class Choice(msgspec.Struct, frozen=True):
    """All that an email depends on. `made` tells one making from the next."""

    template: str
    brand: Brand
    shopper: str
    service: str
    layout: Literal["grid", "carousel"]
    made: str


def choice_of(
    query: Mapping[str, str], templates: list[str], brands: Mapping[str, Brand], shoppers: list[str]
) -> Choice:
    """What a query asks for; the first of each where it says nothing. Raises `Unknown`."""
    brand = brands[_one("brand", query, list(brands))]
    layouts: tuple[Literal["grid", "carousel"], ...] = ("grid", "carousel")
    return Choice(
        template=_one("template", query, templates),
        brand=msgspec.structs.replace(
            brand, **{mode: _coloured(mode, getattr(brand, mode), query) for mode in MODES}
        ),
        shopper=_one("shopper", query, shoppers),
        service=_one("service", query, list(DIALECTS)),
        layout=layouts[layouts.index(_one("layout", query, list(layouts)))],  # type: ignore[arg-type]
        made=query.get("made", "")[:20],
    )


def contrasts(palette: Palette) -> list[dict[str, object]]:
    """Each text and its background, and how well one is told from the other (WCAG 2.2)."""
    return [
        {
            "text": text,
            "on": ground,
            "ratio": round(contrast(getattr(palette, text), getattr(palette, ground)), 2),
        }
        for text, ground in palette.text_pairs()
    ]


def _one(name: str, query: Mapping[str, str], known: list[str]) -> str:
    given = query.get(name) or known[0]
    if given not in known:
        raise Unknown(f"there is no {name} {given[:60]!r}; there are: {', '.join(known[:20])}")
    return given


def _coloured(mode: str, palette: Palette, query: Mapping[str, str]) -> Palette:
    """A palette with the colours that were changed on the page."""
    changed = {
        name: f"#{query[f'{mode}.{name}'].removeprefix('#')}"
        for name in palette.__struct_fields__
        if query.get(f"{mode}.{name}")
    }
    try:
        return msgspec.structs.replace(palette, **changed)
    except ValueError as problem:
        raise Unknown(str(problem)) from None
