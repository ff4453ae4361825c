"""Users: what they do under their own name, and what their browsers did and do."""

from __future__ import annotations

from evermail.events import Event
from evermail.shopper import ShopperState
from pipeline import names
from pipeline.arrivals import Handover
from pipeline.keeper import Keeper


class Users(Keeper):
    """What comes to a user: events, and what was remembered of clients of theirs."""

    def visit(self, user: str, state: ShopperState, arrival: Event | Handover) -> None:
        if isinstance(arrival, Handover):
            updates = state.take_over(arrival.state)
            self.tally[names.HANDOVERS_TAKEN] += 1
            self.note(flush=True)
            self.update_rows(updates)
        else:
            self.judge(user, state, arrival)

    def aliases(self, arrival: Event | Handover) -> tuple[str, ...]:
        return () if isinstance(arrival, Handover) else arrival.receipt.user_aliases
