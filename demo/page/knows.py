"""What the page's server needs of a running stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from demo.endpoints import Reply
from demo.page.mailbox import Mailbox
from demo.page.people import People
from demo.page.session import Visitor
from evermail.events import EventName


class Knows(Protocol):
    """Of `demo.page.live.Live`, that is."""

    @property
    def problem(self) -> str | None: ...
    def act(self, visitor: Visitor, names: Sequence[EventName], item_ids: Sequence[str]) -> None: ...
    def slot(self, function: str, visitor: Visitor, which: dict[str, str]) -> Reply: ...
    def submit(self, visitor: Visitor, function: str, fields: dict[str, str]) -> Reply: ...
    def leaving(self, visitor: Visitor, fields: dict[str, str] | None) -> Reply: ...
    def mailbox(self, visitor: Visitor) -> Mailbox: ...
    @property
    def people(self) -> People: ...
    def pipeline(self) -> dict[str, Any]: ...
