"""Browsers that may turn out to be a user's: anonymous shoppers, until an `identify` says who they are.

What a client did before that moves to the user once, its pairs in the rows of neighbours included: they are
taken back here and made again among the user's own. From then on this stage only passes events on.
"""

from __future__ import annotations

import msgspec

from evermail import clock
from evermail.event_ids import hash_of_id
from evermail.events import Event, EventName
from evermail.links import Link
from evermail.shopper import ShopperState, happened_us
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.keeper import MOVED, MOVED_FORMER, Keeper

REFRESH_US = 30 * clock.DAY
"""A link is written again when a client comes back after this time: in the store it must not expire."""


class Clients(Keeper):
    """What comes to a client: events, and what was remembered of it under a former name. Events that are a
    user's go on by the tag `MOVED`: (user, Arrival); by `MOVED_FORMER` where the user has a former name."""

    def visit(self, client: str, state: ShopperState, arrival: Event | Handover) -> None:
        if isinstance(arrival, Handover):
            self.take_over(state, arrival)
            if state.links:
                self._hand_over(state, arrival.received_at, state.links[0].user)
        else:
            self._visit(client, state, arrival)

    def _visit(self, client: str, state: ShopperState, event: Event) -> None:
        name, user = event.event_name, event.user_id
        if name is EventName.IDENTIFY and user and state.may_use(event):
            self._identify(state, event, user)
        link = state.user_at(event.event_time)
        if not (user or link):
            self.judge(client, state, event)
            return
        id_hash, time_us = hash_of_id(event), happened_us(event, self.received_us(event))
        if id_hash in state.ids.seen:  # from before it was known who this is
            self.judge(client, state, event)
            return
        if not user and state.ids.has_forgotten(time_us // clock.SECOND, id_hash):
            self.judge(client, state, event)
            return
        if name is EventName.ERASE_USER:
            self._erase(client, state, event)
        elif name is EventName.UPDATE_CONSENT:
            self._hear(state, event, id_hash)
        elif link is not None and event.event_time > max(state.as_of, link.event_time) + REFRESH_US:
            state.as_of = event.event_time
            self.note(flush=True)
        if link is not None and not user:
            user, event = link.user, _linked(event, link)
            if time_us > state.passed_until:
                state.passed_until = time_us
                self.note(flush=False)
        self._pass_on(user, event, event.receipt.user_aliases)

    def _identify(self, state: ShopperState, event: Event, user: str) -> None:
        received_us = self.received_us(event)
        if event.event_time < received_us - self.config.allowed_lateness_us:
            return  # the user's stage will call it late
        time_us, first = happened_us(event, received_us), not state.links
        if time_us // clock.SECOND <= state.erased_second:
            return  # it is of what was erased
        if not state.link(time_us, hash_of_id(event), user):
            return
        self.note(flush=True)
        if first:
            self._hand_over(state, received_us, user, event.receipt.user_aliases)

    def _hand_over(
        self, state: ShopperState, received_us: int, user: str, aliases: tuple[str, ...] = ()
    ) -> None:
        if not (state.events or state.statements):
            return
        given, updates = state.hand_over()
        self.update_rows(updates)
        self.tally[names.HANDOVERS_SENT] += 1
        self._pass_on(user, Handover(given, received_us, user, aliases), aliases)

    def _pass_on(self, user: str, arrival: Event | Handover, aliases: tuple[str, ...]) -> None:
        former = self.former_names.on_the_way(user, aliases)
        if former is None:
            self.emit(MOVED, (user, arrival))
        else:
            self.emit(MOVED_FORMER, (former, arrival))

    def _erase(self, client: str, state: ShopperState, event: Event) -> None:
        """The browser's own memory goes, and who it belongs to; the user's goes at the next stage."""
        self.update_rows(state.erase(happened_us(event, self.received_us(event)) // clock.SECOND))
        self.note(flush=True)
        self.erase_documents(client, state, event)

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
