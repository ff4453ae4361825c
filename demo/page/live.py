"""What the page knows: the visitors and their emails, what the pipeline counts, and how fresh it all is."""

from __future__ import annotations

import http.client
import random
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Self

from demo import conservation
from demo.endpoints import Functions, Reply
from demo.freshness import FreshnessProbes, Watched, percentile
from demo.page.mailbox import Mailbox
from demo.page.people import People
from demo.page.session import REMEMBERED, Visitor
from demo.page.traffic import RATE, RUSH, Traffic
from demo.schedule import Message
from demo.stack import CAMPAIGN, Stack, StackError
from evermail import clock
from evermail.campaigns import Tokens
from evermail.documents import Product, Profile
from evermail.events import EventName
from evermail.stores import StoreError
from pipeline import names

LOOK_ROUND_S = 1.0
"""How often it is checked that every part of the stack is alive."""

RECENT = 200
"""Freshness is told of so many events, the last ones measured."""


class Live:
    """The page's knowledge of a running stack. A context manager: meanwhile others visit the shop, too."""

    def __init__(
        self,
        stack: Stack,
        range_: Sequence[Product],
        shop_url: str,
        *,
        rate: float = RATE,
        rng: random.Random,
    ) -> None:
        self._stack, self._shop_url = stack, shop_url
        self._products = {product.id: product for product in range_}
        self._functions = Functions(stack.functions_url)
        self._probes = FreshnessProbes(stack.recommendations_url, kept=RECENT)
        self._traffic = Traffic(range_, stack.publisher, self._watch, rate=rate, rng=rng)
        self.people = People(stack, range_, shop_url)
        self._lock = threading.Lock()
        self._mailboxes: OrderedDict[str, Mailbox] = OrderedDict()
        self._sent = 0
        self._profiles = 0
        self._problem: str | None = None
        self._stopped = threading.Event()
        self._keeper = threading.Thread(target=self._look_round, name="look round", daemon=True)

    def __enter__(self) -> Self:
        self._probes.__enter__()
        self._traffic.start()
        self._keeper.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped.set()
        self._keeper.join()
        self._traffic.stop()
        self._probes.__exit__(*exc)

    def wait_until_lived_in(self, timeout_s: float) -> None:
        """Returns once the first rush of shoppers is in the documents, or after the timeout."""
        deadline = time.monotonic() + timeout_s
        counters = self._stack.counters
        while time.monotonic() < deadline:
            self._stack.check()
            now = counters.snapshot()
            if conservation.accounts(now).total >= RUSH and now.get(names.ROW_FLUSHES_DONE):
                return
            counters.wait(0.25)

    def act(self, visitor: Visitor, names: Sequence[EventName], item_ids: Sequence[str]) -> None:
        """Sends what a visitor did with products, as events of the same items. Raises `NotCollected`."""
        now = clock.now_us()
        events = [self._event(visitor, name, item_ids, now + at) for at, name in enumerate(names)]
        mailbox = self.mailbox(visitor)
        begun = time.monotonic()
        self._functions.collect(events)
        last_us = now + len(events) - 1
        mailbox.expect(last_us, begun)
        self._probes.watch(Watched(self._token(visitor), last_us, now))
        with self._lock:
            self._sent += len(events)
        for name in names:
            visitor.note(name, item_ids)

    def slot(self, function: str, visitor: Visitor, which: dict[str, str]) -> Reply:
        """What the picture or the link of a slot in the visitor's email leads to. Raises `NotAnswered`."""
        return self._functions.get(function, t=self.mailbox(visitor).tokens.slots, **which)

    def submit(self, visitor: Visitor, function: str, fields: dict[str, str]) -> Reply:
        """What becomes of a form in the visitor's email. Raises `NotAnswered`."""
        tokens = self.mailbox(visitor).tokens
        token = tokens.unsubscribe if function == "unsubscribe" else tokens.actions
        reply = self._functions.post(function, fields, token=token)
        if reply.status == http.client.OK and function == "wishlist":
            visitor.note(EventName.ADD_TO_WISHLIST, [fields["item_id"]])
        return reply

    def leaving(self, visitor: Visitor, fields: dict[str, str] | None) -> Reply:
        """The page that the link to unsubscribe leads to, or what its form does. Raises `NotAnswered`."""
        token = self.mailbox(visitor).tokens.unsubscribe
        if fields is None:
            return self._functions.get("unsubscribe", t=token)
        return self._functions.post("unsubscribe", fields, token=token, from_email=False)

    def mailbox(self, visitor: Visitor) -> Mailbox:
        """The visitor's email; it is sent when they first come by."""
        with visitor.lock:
            with self._lock:
                mailbox = self._mailboxes.get(visitor.client_id)
                if mailbox is not None:
                    self._mailboxes.move_to_end(visitor.client_id)
                    return mailbox
            recipient = self._stack.recipient("client", visitor.client_id)
            tokens = Tokens.signed(recipient, self._stack.signer)
            mailbox = Mailbox(tokens, lambda: self._functions.answer(tokens.recommendations), self._shop_url)
            with self._lock:
                self._mailboxes[visitor.client_id] = mailbox
                while len(self._mailboxes) > REMEMBERED:
                    self._mailboxes.popitem(last=False)
            return mailbox

    def pipeline(self) -> dict[str, Any]:
        """What was published, what became of it, and how long events take into an answer (milliseconds)."""
        found = conservation.accounts(self._stack.counters.snapshot())
        fresh = self._probes.freshness_ms
        with self._lock:
            published = self._sent + self._traffic.published
        return {
            "published": max(published, found.total),
            "accepted": found.accepted,
            "duplicate": found.duplicate,
            "rejected": sum(found.rejected.values()),
            "rejected_by_code": found.rejected,
            "late": found.late,
            "erased": found.erased,
            "in_flight": max(0, published - found.total),
            "profiles": self._profiles,
            "freshness_ms": {
                "p50": percentile(fresh, 0.5),
                "p95": percentile(fresh, 0.95),
                "samples": len(fresh),
            },
        }

    @property
    def problem(self) -> str | None:
        """What has stopped, if something has."""
        return self._problem or self._traffic.problem

    def _token(self, visitor: Visitor) -> str:
        return self._stack.token("client", visitor.client_id)

    def _event(
        self, visitor: Visitor, name: EventName, item_ids: Sequence[str], event_time: int
    ) -> dict[str, Any]:
        products = [self._products[item_id] for item_id in item_ids]
        items: list[dict[str, Any]] = [
            {
                "item_id": product.id,
                "item_category": product.category,
                "price": price(product),
                "quantity": visitor.cart.get(product.id, 1) if name is EventName.PURCHASE else 1,
            }
            for product in products
        ]
        from_email = name is EventName.EMAIL_CLICK
        return {
            "event_id": f"web-{secrets.token_hex(8)}",
            "event_name": name,
            "event_time": clock.to_rfc3339(event_time),
            "client_id": visitor.client_id,
            "items": items,
            "value": round(sum(item["price"] * item["quantity"] for item in items), 2),
            "currency": products[0].currency,
            "campaign_id": CAMPAIGN if from_email else None,
            "source": "email" if from_email else "web",
        }

    def _watch(self, message: Message, event_time: int, published_at: int) -> None:
        self._probes.watch(Watched(self._stack.token(*message.shopper), event_time, published_at))

    def _look_round(self) -> None:
        while not self._stopped.is_set():
            try:
                self._stack.check()
                self._profiles = sum(1 for _ in self._stack.store.scan(Profile.COLLECTION))
            except StackError as error:
                self._problem = str(error)
            except StoreError as error:
                self._problem = f"the store does not answer: {error}"
            else:
                self._problem = None
            self._stopped.wait(LOOK_ROUND_S)


def price(product: Product) -> float:
    """What a product costs now, in units of its currency."""
    return product.price if product.sale_price is None else product.sale_price
