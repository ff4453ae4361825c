"""Browsers that may turn out to be a user's: anonymous shoppers, until an `identify` says who they are.

What a client did before that moves to the user once, its pairs in the rows of neighbours included: they are
taken back here and made again among the user's own. From then on this stage only passes events on.
"""

from __future__ import annotations

import msgspec

from evermail import clock
from evermail.event_ids import marks_of
from evermail.events import Event, EventName
from evermail.shopper import Link, ShopperState, happened_us
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.keeper import MOVED, Keeper

_REFRESH_US = 30 * clock.DAY
"""A link is written again when a client comes back after this time: in the store it must not expire."""


class Clients(Keeper):
    """What comes to a client: events. Those that are a user's go on by the tag `MOVED`: (user, Arrival)."""

    def visit(self, client: str, state: ShopperState, event: Event) -> None:
        name, user = event.event_name, event.user_id
        if name is EventName.IDENTIFY and user and state.may_use(event):
            self._identify(state, event, user)
        link = state.user_at(event.event_time)
        if not (user or link):
            self.judge(client, state, event)
            return
        marks = marks_of(event)
        if marks.id_hash in state.ids.seen:  # from before it was known who this is
            self.judge(client, state, event)
            return
        if name is EventName.ERASE_USER:
            self._erase(client, state, event)
        elif name is EventName.UPDATE_CONSENT:
            self._hear(state, event, marks.id_hash)
        elif link is not None and event.event_time > max(state.as_of, link.event_time) + _REFRESH_US:
            state.as_of = event.event_time
            self.note(flush=True)
        if link is not None and not user:
            user, event = link.user, _linked(event, link)
        self.emit(MOVED, (user, event))

    def aliases(self, arrival: Event) -> tuple[str, ...]:
        return arrival.receipt.client_aliases

    def _identify(self, state: ShopperState, event: Event, user: str) -> None:
        received_us = self.received_us(event)
        if event.event_time < received_us - self.config.allowed_lateness_us:
            return  # the user's stage will call it late
        first = not state.links
        if not state.link(Link(happened_us(event, received_us), marks_of(event).id_hash, user)):
            return
        self.note(flush=True)
        if first:
            given, updates = state.hand_over()
            if given.events or given.statements:
                self.update_rows(updates)
                self.tally[names.HANDOVERS_SENT] += 1
                self.emit(MOVED, (user, Handover(given, received_us)))

    def _erase(self, client: str, state: ShopperState, event: Event) -> None:
        """The browser's own memory goes, and who it belongs to; the user's goes at the next stage."""
        self.update_rows(state.erase(happened_us(event, self.received_us(event)) // clock.SECOND))
        self.note(flush=True)
        self.erase_documents(client, event)

    def _hear(self, state: ShopperState, event: Event, id_hash: int) -> None:
        """What somebody says as a user holds for what the browser still has of its own."""
        updates = state.hear(event, id_hash, self.received_us(event))
        if updates is not None:
            self.update_rows(updates)
            self.note(flush=True)


def _linked(event: Event, link: Link) -> Event:
    """The event with word of how it came to its user."""
    receipt = msgspec.structs.replace(event.receipt, linked_at=link.event_time)
    return msgspec.structs.replace(event, receipt=receipt)
