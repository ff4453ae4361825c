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

_LIVE = re.compile(re.escape(ENDPOINT) + r"/(slot_image|slot_click|unsubscribe)\?t=[^&\"]*(?:&amp;)?")
"""A picture of a slot, a link to be counted, or the way out, up to what follows the token."""

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
        self._pictures = f"{shop_url}/pictures/"
        self.tokens = tokens
        self._lock = threading.Lock()
        self._clicks: list[_Click] = []
        self._view: View | None = None
        self.latency_s: float | None = None
        """How long the newest click that arrived took to reach the email."""
        self.sent_at = clock()
        answer = ask()
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
                items=[self._as_sent(item) for item in answer["items"]] if answer else [],
            ),
        )

    @property
    def fallback(self) -> str:
        """The HTML part, for a browser."""
        return self._readable(self.parts.html)

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
        html = self._readable(preview(self.parts.amp, NoAnswer.FAILED if answer is None else answer))
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

    def _readable(self, html: str) -> str:
        """An email whose pictures and links are asked for here, where the page knows whose they are."""
        return _LIVE.sub(r"/email/\1?", html.replace(PICTURES, self._pictures))

    def _arrived(self, reached: int, seen_at: float) -> None:
        arrived = [click for click in self._clicks if click.event_time <= reached]
        if arrived:
            self._clicks = [click for click in self._clicks if click.event_time > reached]
            self.latency_s = seen_at - max(arrived, key=lambda click: click.event_time).begun
