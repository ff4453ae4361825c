"""Names from before pseudonym keys were rotated: whoever has one goes on under the new name, memory and all.

Nobody can tell a former name's new one but an event that names its person anew: decode then says both. The
first such event finds everything under the former name and hands it on, once. Whatever comes under the former
name later, from a browser linked to it, out of the archive or by a replay, follows.
"""

from __future__ import annotations

from typing import Any

from evermail import clock
from evermail.event_ids import marks_of
from evermail.events import Event, EventName
from evermail.shopper import ShopperState, happened_us
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.clients import REFRESH_US, Clients
from pipeline.keeper import RENAMED, Keeper
from pipeline.users import Users


class _Former(Keeper):
    """What clients and users of a former name have in common."""

    def newer(self, arrival: Any) -> str | None:
        """What an arrival calls its shopper."""
        raise NotImplementedError

    def visit(self, name: str, state: ShopperState, arrival: Any) -> None:
        newer = self.newer(arrival)
        if newer and newer != name and not state.renamed:
            self._rename(name, state, newer, self._received_us(arrival))
        if not state.renamed:  # nobody has met this person under another name yet
            super().visit(name, state, arrival)
            return
        if isinstance(arrival, Event):
            if self._is_told_here(state, arrival):
                self.judge(name, state, arrival)
                return
            if arrival.event_name is EventName.ERASE_USER:
                second = happened_us(arrival, self.received_us(arrival)) // clock.SECOND
                self.update_rows(state.erase(second))
                self.note(flush=True)
                self.erase_documents(name, state, arrival)
            elif arrival.event_time > state.as_of + REFRESH_US:
                state.as_of = arrival.event_time  # in the store, the word of the new name must not expire
                self.note(flush=True)
        self.emit(RENAMED, (state.renamed, arrival))

    def _rename(self, name: str, state: ShopperState, newer: str, received_us: int) -> None:
        given, updates = state.hand_over(newer)
        self.note(flush=True)
        self.update_rows(updates)
        self.tally[names.HANDOVERS_SENT] += 1
        self.emit(RENAMED, (newer, Handover(given, received_us, newer, formerly=name)))

    def _received_us(self, arrival: Event | Handover) -> int:
        return arrival.received_at if isinstance(arrival, Handover) else self.received_us(arrival)

    @staticmethod
    def _is_told_here(state: ShopperState, event: Event) -> bool:
        """Whether it is a copy of what came before the new name was known, or may be."""
        return state.ids.knows(marks_of(event).id_hash, event.event_time // clock.SECOND)


class FormerClients(_Former, Clients):
    """Browsers under former names."""

    def newer(self, arrival: Event) -> str | None:
        return arrival.client_id


class FormerUsers(_Former, Users):
    """Users under former names."""

    def newer(self, arrival: Event | Handover) -> str | None:
        return arrival.to if isinstance(arrival, Handover) else arrival.user_id
