"""A visitor's email: sent once, opened all the time.

The AMP document is rendered when the email is sent and never again. Each look asks the recommendations
function, as a mail client does, and fills the document with the answer. A click is timed from the moment it
was posted to the look whose answer is based on it.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from demo.amp_preview import NoAnswer, preview
from demo.catalog import BRAND, CURRENCY
from demo.endpoints import as_of
from demo.stack import CAMPAIGN
from evermail import clock
from evermail.campaigns import Brand, Context, EmailRecipient, Tokens, render
from evermail.serving import RecommendedItem

TEMPLATE = "recommended_for_you"
ENDPOINT = "https://live.shop.example"
"""Where the email says its functions are. AMP asks for https; here the page's server asks in its place."""

PICTURES = "https://shop.example/pictures/"
"""Where the email says the snapshot's pictures are: https again, and read from the demo's shop."""

_SLOT = re.compile(re.escape(ENDPOINT) + r"/slot_(image|click)\?t=[^&\"]*&amp;(n|i)=([^&\"]+)")
"""A picture of a slot, the link round it, or that of an item of the snapshot."""

GIVE_UP_S = 60.0
"""A click that has not shown for this long is no longer waited for."""

Ask = Callable[[], dict[str, Any] | None]


@dataclass(frozen=True)
class View:
    """The email as it looks now. `version` changes when what it shows does."""

    html: str
    version: str
    answer: dict[str, Any] | None


@dataclass(frozen=True)
class _Click:
    event_time: int
    begun: float


class Mailbox:
    """One shopper's email. Thread-safe: several windows may have it open."""

    def __init__(
        self,
        tokens: Tokens,
        ask: Ask,
        shop_url: str,
        *,
        clock: clock.Clock = clock.now_us,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._elapsed = ask, elapsed
        self._shop_url, self._pictures = shop_url, f"{shop_url}/pictures/"
        self._lock = threading.Lock()
        self._clicks: list[_Click] = []
        self._view: View | None = None
        self.latency_s: float | None = None
        """How long the newest click that arrived took to reach the email."""
        self.sent_at = clock()
        answer = ask()
        self._sent = answer["items"] if answer else []
        self.parts = render(
            TEMPLATE,
            Context(
                campaign=CAMPAIGN,
                brand=Brand(
                    name=BRAND,
                    shop_url=shop_url,
                    address="Harbour Yard 7, 1401 Copenhagen, Denmark",
                    locale="en",
                    currency=CURRENCY,
                ),
                recipient=EmailRecipient(tokens),
                endpoint=ENDPOINT,
                sent_at=self.sent_at,
                items=[self._as_sent(item) for item in self._sent],
            ),
        )

    @property
    def fallback(self) -> str:
        """The HTML part, for a browser, with what its slots would show now."""
        with self._lock:
            answer = self._view.answer if self._view else None
        return self._readable(self.parts.html, answer["items"] if answer else self._sent)

    @property
    def waiting(self) -> bool:
        """A click is on its way."""
        with self._lock:
            now = self._elapsed()
            self._clicks = [click for click in self._clicks if now - click.begun < GIVE_UP_S]
            return bool(self._clicks)

    def expect(self, event_time: int, begun: float) -> None:
        """A click of this event time (microseconds) was posted at `begun`, a reading of the stop-watch."""
        with self._lock:
            self._clicks.append(_Click(event_time, begun))

    def look(self) -> View:
        """Opens the email again."""
        answer = self._ask()
        seen_at = self._elapsed()
        html = self._readable(preview(self.parts.amp, NoAnswer.FAILED if answer is None else answer), [])
        version = hashlib.sha256(html.encode()).hexdigest()[:16]
        with self._lock:
            if answer is not None:
                self._arrived(as_of(answer), seen_at)
            self._view = View(html, version, answer)
            return self._view

    def _as_sent(self, item: dict[str, Any]) -> RecommendedItem:
        return msgspec.convert(
            item | {"image": item["image"].replace(self._pictures, PICTURES)}, RecommendedItem
        )

    def _readable(self, html: str, in_slots: list[dict[str, Any]]) -> str:
        """An email whose pictures and links lead to the demo's shop, as those of its endpoint do."""

        def resolved(found: re.Match[str]) -> str:
            kind, by, value = found.groups()
            if by == "i":
                return f"{self._shop_url}/p/{value}"
            shown = in_slots[int(value) - 1 :][:1]
            if kind == "click":
                return str(shown[0]["url"]) if shown else self._shop_url
            return str(shown[0]["image"]) if shown else f"{self._shop_url}/static/icon.svg"

        return _SLOT.sub(resolved, html.replace(PICTURES, self._pictures))

    def _arrived(self, reached: int, seen_at: float) -> None:
        arrived = [click for click in self._clicks if click.event_time <= reached]
        if arrived:
            self._clicks = [click for click in self._clicks if click.event_time > reached]
            self.latency_s = seen_at - max(arrived, key=lambda click: click.event_time).begun
