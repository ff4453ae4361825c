"""Replays a file of real events. Formats: `rees46`, the CSV of https://rees46.com/en/datasets.

Event times are moved to the present: order and gaps are kept, divided by the speed, since windows and decay
live in event time. The speed is such that the file takes as long as publishing it at the rate asked for.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from demo.schedule import Planned
from evermail import clock
from evermail.documents import Product

FORMATS = ("rees46",)

_NAMES = {
    "view": "view_item",
    "cart": "add_to_cart",
    "remove_from_cart": "remove_from_cart",
    "purchase": "purchase",
}
_COLUMNS = {"event_time", "event_type", "product_id", "category_id", "price", "user_id"}


class ReplayError(Exception):
    """A file cannot be replayed; the message names the file, the line and the remedy."""


def read_rees46(path: Path, *, rate: float, limit: int | None = None) -> tuple[list[Planned], list[Product]]:
    """Events to publish at a steady `rate` a second, and the products that their columns describe.

    Raises `ReplayError`.
    """
    rows = list(_rows(path, limit))
    if not rows:
        raise ReplayError(f"{path}: no events")
    times = _spread([moment for _, moment, _ in rows])
    step_us = clock.SECOND / rate
    speed = max(times[-1] - times[0], 1) / (len(rows) * step_us)
    published = [round(number * step_us) for number in range(len(rows))]
    happened = [round((time - times[0]) / speed) for time in times]
    # A shop's traffic comes in waves, the rate does not: events of a lull are published late, never early.
    lead_us = max(event - publication for event, publication in zip(happened, published, strict=True))
    products: dict[str, Product] = {}
    events = []
    for (number, _, row), publication, event in zip(rows, published, happened, strict=True):
        events.append(Planned(publication, event - lead_us, _event(row, number)))
        product = _product(row)
        products[product.id] = product
    return events, list(products.values())


def _rows(path: Path, limit: int | None) -> Iterator[tuple[int, int, dict[str, str]]]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            missing = _COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise ReplayError(
                    f"{path}: not in rees46 format, columns missing: {', '.join(sorted(missing))}"
                )
            for row in reader:
                if limit is not None and reader.line_num > limit + 1:
                    return
                try:
                    moment = clock.from_datetime(
                        datetime.fromisoformat(row["event_time"].replace(" UTC", "+00:00"))
                    )
                    float(row["price"] or 0)
                    if row["event_type"] not in _NAMES:
                        raise ValueError(f"event_type {row['event_type']!r}")
                except (TypeError, ValueError) as error:
                    raise ReplayError(f"{path}, line {reader.line_num}: cannot read {error}") from None
                yield reader.line_num, moment, row
    except (OSError, UnicodeDecodeError) as error:
        raise ReplayError(f"{path}: {error}") from None


def _spread(times: list[int]) -> list[int]:
    """Times in the order of the file, which has whole seconds: events of one second share it evenly."""
    spread: list[int] = []
    at = 0
    while at < len(times):
        end = at
        while end < len(times) and times[end] == times[at]:
            end += 1
        spread += [times[at] + index * clock.SECOND // (end - at) for index in range(end - at)]
        at = end
    return sorted(spread)


def _event(row: dict[str, str], number: int) -> dict[str, Any]:
    item: dict[str, Any] = {"item_id": row["product_id"], "price": float(row["price"] or 0)}
    item["item_category"] = _category(row)
    return {
        "event_id": f"rees46-{number}",
        "event_name": _NAMES[row["event_type"]],
        "client_id": row.get("user_session") or None,
        "user_id": row["user_id"],
        "items": [item],
        "currency": "USD",
        "source": "replay",
    }


def _product(row: dict[str, str]) -> Product:
    brand, category = row.get("brand") or None, _category(row)
    kind = category.rsplit(".", 1)[-1].replace("_", " ") if not category.isdigit() else "product"
    title = f"{(brand or '').title()} {kind} {row['product_id']}".strip()
    url = f"https://shop.example/p/{quote(row['product_id'])}"
    return Product(
        id=row["product_id"],
        version=1,
        updated_at=1,
        title=title[0].upper() + title[1:],
        url=url,
        image_url=f"{url}.png",
        price=float(row["price"] or 0),
        currency="USD",
        brand=brand,
        category=category,
    )


def _category(row: dict[str, str]) -> str:
    return row.get("category_code") or row["category_id"]
