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
from pipeline.arrivals import Handover
from pipeline.keeper import MOVED, MOVED_FORMER, Keeper


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
            given = self._give_what_it_has(state)
            if given is not None:
                self._hand_over(state, given, state.links[0].user, (), arrival.received_at)
        if arrival.event is not None:
            self._visit(client, state, arrival.event)

    def _visit(self, client: str, state: ShopperState, event: Event) -> None:
        name, user = event.event_name, event.user_id
        received_us = self.received_us(event)
        given = self._identify(state, event, user) if name is EventName.IDENTIFY and user else None
        link = state.user_at(event.event_time)
        time_us = happened_us(event, received_us)
        if self._is_its_own(state, event, link, time_us // clock.SECOND):
            self.judge(client, state, event)
            if given is not None and user:
                self._hand_over(state, given, user, event.receipt.user_aliases, received_us)
            return
        if name is EventName.ERASE_USER:  # the user's memory goes at the next stage
            self.erase_here(client, state, event, time_us // clock.SECOND)
        elif name is EventName.UPDATE_CONSENT:
            self._hear(state, event)
        elif link is not None:
            self.refresh(state, event, max(state.as_of, link.event_time))
        if link is not None and not user:
            user, event = link.user, _linked(event, link)
            if time_us > state.passed_until:
                state.passed_until = time_us
                self.note(flush=False)
        aliases = event.receipt.user_aliases
        if given is None:
            self._pass_on(user, event, aliases)
        else:
            self._hand_over(state, given, user, aliases, received_us, event)

    def _is_its_own(self, state: ShopperState, event: Event, link: Link | None, second: int) -> bool:
        """Whether an event is the client's, or may be a copy of one that was."""
        if not event.user_id and (link is None or not link.user):
            return True
        if not event.user_id and event.event_name is EventName.ERASE_USER:
            return True  # others may use this browser: to be erased, its user has to be named
        id_hash = hash_of_id(event)
        if event.user_id:
            return self.is_told_here(state, event, id_hash, second)
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
        return self._give_what_it_has(state) if first else None

    def _give_what_it_has(self, state: ShopperState) -> ShopperState | None:
        if not (state.events or state.statements):
            return None
        return self.give(state)

    def _hand_over(
        self,
        state: ShopperState,
        given: ShopperState,
        user: str,
        aliases: tuple[str, ...],
        received_us: int,
        event: Event | None = None,
    ) -> None:
        """Hands on what came before the first link, and with it the event that brought it about."""
        linked_at = state.links[0].event_time
        handover = Handover(given, received_us, user, linked_at=linked_at, event=event)
        self._pass_on(user, handover, aliases)

    def _name_now(self, user: str) -> str:
        """What a user is called now who may have been met under a newer name."""
        while user and self.former_names.on_the_way(user, ()):
            newer = self.stored_name(user)
            if newer is None:
                break
            user = newer
        return user

    def _pass_on(self, user: str, arrival: Event | Handover, aliases: tuple[str, ...]) -> None:
        self.out.append(self.former_names.lead(user, aliases, arrival, (MOVED, MOVED_FORMER)))

    def _hear(self, state: ShopperState, event: Event) -> None:
        """What somebody says as a user holds for what the browser has of its own, until that is a user's."""
        if state.links:
            return
        updates = state.hear(event, hash_of_id(event), self.received_us(event))
        if updates is not None:
            self.update_rows(updates)
            self.note(flush=True)


def _linked(event: Event, link: Link) -> Event:
    """The event with word of how it came to its user."""
    receipt = msgspec.structs.replace(event.receipt, linked_at=link.event_time)
    return msgspec.structs.replace(event, receipt=receipt)
