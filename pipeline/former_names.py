"""Names from before pseudonym keys were rotated: whoever has one goes on under the new name, memory and all.

Nobody can tell a former name's new one but an event that names its person anew: decode then says both. The
first such event finds everything under the former name and hands it on, once. Whatever comes under the former
name later, from a browser linked to it, out of the archive or by a replay, follows.
"""

from __future__ import annotations

from typing import Any

from evermail import clock
from evermail.event_ids import hash_of_id
from evermail.events import Event, EventName
from evermail.shopper import ShopperState, happened_us
from pipeline.arrivals import Handover
from pipeline.clients import Clients
from pipeline.keeper import RENAMED, Keeper
from pipeline.users import Users


class _Former(Keeper):
    """What clients and users of a former name have in common."""

    def newer(self, arrival: Any) -> str | None:
        """What an arrival calls its shopper."""
        raise NotImplementedError

    def visit(self, name: str, state: ShopperState, arrival: Any) -> None:
        newer, given = self.newer(arrival), None
        if newer and newer != name and not state.renamed:
            given = self._rename(state, newer)
        if not state.renamed:  # nobody has met this person under another name yet
            super().visit(name, state, arrival)
            return
        event = arrival if isinstance(arrival, Event) else None
        goes_on = event is None or self._goes_on(name, state, event)
        if given is not None:
            received_us = arrival.received_at if event is None else self.received_us(event)
            carried = event if goes_on else None
            handover = Handover(given, received_us, state.renamed, formerly=name, event=carried)
            self.emit(RENAMED, (state.renamed, handover))
        if goes_on and (given is None or event is None):
            self.emit(RENAMED, (state.renamed, arrival))

    def _rename(self, state: ShopperState, newer: str) -> ShopperState | None:
        """Returns what is handed over, if there is anything."""
        if state.is_blank:
            state.renamed = newer
            self.note(flush=False)  # nobody asks for a word of who never came
            return None
        self.note(flush=state.has_document)
        return self.give(state, newer)

    def _goes_on(self, name: str, state: ShopperState, event: Event) -> bool:
        """Does what an event asks for under the former name; whether that was not all."""
        second = happened_us(event, self.received_us(event)) // clock.SECOND
        if self.is_told_here(state, event, hash_of_id(event), second):
            self.judge(name, state, event)
            return False
        if event.event_name is EventName.ERASE_USER:
            self.erase_here(name, state, event, second)
        elif self.newer(event) in (None, name):
            self.refresh(state, event, state.as_of)
        return True


class FormerClients(_Former, Clients):
    """Browsers under former names."""

    def newer(self, arrival: Event) -> str | None:
        return arrival.client_id


class FormerUsers(_Former, Users):
    """Users under former names."""

    def newer(self, arrival: Event | Handover) -> str | None:
        return arrival.to if isinstance(arrival, Handover) else arrival.user_id
