"""A stack that is not there: what the page's server asks of it is answered as a test says, and noted."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from demo import catalog
from demo.endpoints import NotAnswered, NotCollected, Reply
from demo.page.mailbox import Mailbox
from demo.page.session import Visitor
from demo.studio.shelves import MADE_UP, MadeUpShelf, Shelf, Shopper
from evermail.campaigns import Context, Tokens
from evermail.events import EventName

SHOP = "http://127.0.0.1:8080"
RANGE = catalog.products(SHOP)
TOKENS = Tokens(recommendations="a.token", slots="b.token", actions="c.token", unsubscribe="d.token")


def answer(*item_ids: str, source: str = "personal") -> dict[str, Any]:
    items = [
        {
            "item_id": one,
            "title": f"The {one}",
            "price": "€1.00",
            "image": f"{SHOP}/pictures/{one}.svg",
            "url": f"{SHOP}/p/{one}",
            "reason": "Popular right now",
        }
        for one in item_ids
    ]
    return {"items": items, "source": source, "as_of": None}


class FakeFunction:
    """The recommendations function: answers what it is told to, and counts."""

    def __init__(self) -> None:
        self.answer: dict[str, Any] | None = answer("desk-1", "desk-2", source="static")

    def __call__(self) -> dict[str, Any] | None:
        return self.answer


def _shelf(shopper: Shopper, sample: Context) -> Shelf:
    return MadeUpShelf(sample)


class FakeLive:
    def __init__(self) -> None:
        self.function = FakeFunction()
        self.sent: list[tuple[str, tuple[EventName, ...], tuple[str, ...]]] = []
        self.broken: str | None = None
        self.problem: str | None = None
        self._mailboxes: dict[str, Mailbox] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.reply = Reply(200, "image/jpeg", "", "", b"a picture")

    def act(self, visitor: Visitor, names: Sequence[EventName], item_ids: Sequence[str]) -> None:
        if self.broken:
            raise NotCollected(self.broken)
        self.sent.append((visitor.client_id, tuple(names), tuple(item_ids)))
        for name in names:
            visitor.note(name, item_ids)

    def mailbox(self, visitor: Visitor) -> Mailbox:
        return self._mailboxes.setdefault(visitor.client_id, Mailbox(TOKENS, self.function, SHOP))

    def slot(self, function: str, visitor: Visitor, which: dict[str, str]) -> Reply:
        self.asked.append((function, which))
        if self.broken:
            raise NotAnswered(self.broken)
        return self.reply

    def submit(self, visitor: Visitor, function: str, fields: dict[str, str]) -> Reply:
        return self.slot(function, visitor, fields)

    def leaving(self, visitor: Visitor, fields: dict[str, str] | None) -> Reply:
        return self.slot("unsubscribe", visitor, fields or {})

    @property
    def people(self) -> Any:
        return SimpleNamespace(shoppers=lambda visitor: [Shopper(MADE_UP, visitor.label)], shelf=_shelf)

    def pipeline(self) -> dict[str, Any]:
        return {"published": 3, "accepted": 3}
