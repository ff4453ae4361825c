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
from evermail.shopper import NEVER_LATE, ShopperState, happened_us
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.keeper import MOVED, MOVED_FORMER, Keeper

REFRESH_US = 30 * clock.DAY
"""A link is written again when a client comes back after this time: in the store it must not expire."""


class Clients(Keeper):
    """What comes to a client: events, and what was remembered of it under a former name. Events that are a
    user's go on by the tag `MOVED`: (user, Arrival); by `MOVED_FORMER` where the user has a former name."""

    def recall(self, client: str) -> ShopperState:
        """With links to users by the names that these have now."""
        state = super().recall(client)
        state.links = [msgspec.structs.replace(one, user=self._name_now(one.user)) for one in state.links]
        return state

    def visit(self, client: str, state: ShopperState, arrival: Event | Handover) -> None:
        if isinstance(arrival, Event):
            self._visit(client, state, arrival)
            return
        self.take_over(state, arrival)
        if state.links and all(link.user for link in state.links):
            given = self._give(state)
            if given is not None:  # what came before the first link
                first = state.links[0]
                handover = Handover(given, arrival.received_at, first.user, linked_at=first.event_time)
                self._pass_on(first.user, handover, ())
        if arrival.event is not None:
            self._visit(client, state, arrival.event)

    def _visit(self, client: str, state: ShopperState, event: Event) -> None:
        name, user = event.event_name, event.user_id
        received_us = self.received_us(event)
        given = self._identify(state, event, user) if name is EventName.IDENTIFY and user else None
        link = state.user_at(event.event_time)
        time_us, id_hash = happened_us(event, received_us), hash_of_id(event)
        if self._is_its_own(state, event, link, id_hash, time_us // clock.SECOND):
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
        aliases = event.receipt.user_aliases
        if given is None:
            self._pass_on(user, event, aliases)
        else:
            linked_at = state.links[0].event_time
            self._pass_on(user, Handover(given, received_us, user, linked_at=linked_at, event=event), aliases)

    def _is_its_own(
        self, state: ShopperState, event: Event, link: Link | None, id_hash: int, second: int
    ) -> bool:
        """Whether an event is the client's, or may be a copy of one that was."""
        if event.user_id:
            return self.is_told_here(state, event, id_hash, second)
        if link is None or not link.user:
            return True
        if second <= state.erased_second or self.is_told_here(state, event, id_hash, second):
            return True
        return state.ids.has_forgotten(second, id_hash) and event.event_name not in NEVER_LATE

    def _identify(self, state: ShopperState, event: Event, user: str) -> ShopperState | None:
        """Remembers whose this client is. Returns what was remembered of it before, to be handed over."""
        received_us = self.received_us(event)
        time_us, first = happened_us(event, received_us), not state.links
        if time_us // clock.SECOND <= state.erased_second:
            return None  # it is of what was erased
        late = event.event_time < received_us - self.config.allowed_lateness_us
        if late or not state.may_use(event):
            before = state.user_at(time_us)
            if before is None or before.user in (user, *event.receipt.user_aliases):
                return None
            user = ""  # who that is may not be used, but it is not who was there before
        if not state.link(time_us, hash_of_id(event), user, event.receipt.user_aliases if user else ()):
            return None
        self.note(flush=True)
        return self._give(state) if first else None

    def _give(self, state: ShopperState) -> ShopperState | None:
        if not (state.events or state.statements):
            return None
        given, updates = state.hand_over()
        self.update_rows(updates)
        self.tally[names.HANDOVERS_SENT] += 1
        return given

    def _name_now(self, user: str) -> str:
        """What a user is called now who may have been met under a newer name."""
        while user and self.former_names.on_the_way(user, ()):
            newer = self.stored_name(user)
            if newer is None:
                break
            user = newer
        return user

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
        """What somebody says as a user holds for what the browser has of its own, until that is a user's."""
        if state.links:
            return
        updates = state.hear(event, id_hash, self.received_us(event))
        if updates is not None:
            self.update_rows(updates)
            self.note(flush=True)


def _linked(event: Event, link: Link) -> Event:
    """The event with word of how it came to its user."""
    receipt = msgspec.structs.replace(event.receipt, linked_at=link.event_time)
    return msgspec.structs.replace(event, receipt=receipt)
