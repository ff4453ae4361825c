"""What tests of carts share: what shoppers do with one, streams of it, and what is announced."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import msgspec
from streaming_support import NOW, Collected, Stream, accepted, config, pipeline, run

from evermail import carts
from evermail.clock import MINUTE, SECOND
from evermail.events import Accepted, Consent, Receipt
from pipeline.carts import AnnounceFn, WatchCarts

GAP_US = 10 * MINUTE
GAP = GAP_US / SECOND
LATENESS = 2 * 3600.0
"""Of windows, in seconds: what the shoppers accept in these tests, and as long again for the way."""

FAR = 20_000.0
"""Later than any visit of these tests may still change."""


class Visits(Stream):
    """Its watermark goes on in steps in which not more than one visit of a shopper ends, as a clock does: the
    local runner holds no watermark back for a timer (Beam 2.77), so a step that leads far beyond one makes
    what follows from it late."""

    def watermark(self, at: float) -> Stream:
        while self._watermark_s < at - GAP and self._watermark_s >= -2 * GAP:
            super().watermark(self._watermark_s + GAP)
        return super().watermark(at)


def watch(told: Stream, **changes: Any) -> list[dict[str, Any]]:
    """Runs a stream of accepted events through the transform; the messages it makes."""
    collected, p = Collected(), pipeline()
    settings = config(**{"cart_gap_us": GAP_US, **changes})
    p | told.source() | WatchCarts(settings) | collected.into("messages")
    run(p)
    return [msgspec.json.decode(message.data) for message in collected["messages"]]


def add(items: Any = "A", *, at: float = 0.0, **fields: Any) -> Accepted:
    return accepted(items, at=at, name="add_to_cart", **fields)


def bought(items: str = "A", *, at: float = 0.0, **fields: Any) -> Accepted:
    return accepted(items, at=at, name="purchase", **fields)


def login(at: float, user: str = "anna", *, browser: str = "browser", **receipt: int) -> Accepted:
    return accepted("", at=at, name="identify", shopper=user, client_id=browser, receipt=Receipt(**receipt))


def erasure(at: float, **fields: Any) -> Accepted:
    return accepted("", at=at, name="erase_user", **fields)


def withdrawal(at: float, **fields: Any) -> Accepted:
    return accepted("", at=at, name="update_consent", consent=Consent(personalization=False), **fields)


def quantities(message: dict[str, Any]) -> dict[str, int]:
    return {item["item_id"]: item["quantity"] for item in message["items"]}


def stream() -> Stream:
    return Visits().watermark(-1)


def ended_visit(
    begin: float, end: float, of: Accepted | None = None
) -> tuple[str, tuple[int, int, carts.Visit]]:
    """Anna's, from and to seconds from NOW, with something in the cart."""
    part = dict(carts.visits(of or add()))["anna"]
    return "anna", (NOW + round(begin * SECOND), NOW + round(end * SECOND), part)


def announcements(told: Stream) -> int:
    """How many carts are announced of ended visits."""
    collected = Collected()
    p = pipeline()
    (
        p
        | told.watermark(FAR).source()
        | beam.ParDo(AnnounceFn(config(cart_gap_us=GAP_US)))
        | collected.into("carts")
    )
    run(p)
    return len(collected["carts"])


def visits_of(told: list[Accepted]) -> list[list[carts.Visit]]:
    """The parts of each visit of who did all this."""
    own = [part for one in told for shopper, part in carts.visits(one) if shopper == one.shopper]
    parts = sorted(own, key=lambda part: part.last_at)
    visits: list[list[carts.Visit]] = []
    for part in parts:
        if visits and part.last_at < visits[-1][-1].last_at + GAP_US:
            visits[-1].append(part)
        else:
            visits.append([part])
    return visits
