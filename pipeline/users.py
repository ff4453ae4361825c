"""Users: what they do under their own name, and what their browsers did and do."""

from __future__ import annotations

from evermail.events import Event
from evermail.shopper import ShopperState
from pipeline.arrivals import Handover
from pipeline.keeper import Keeper


class Users(Keeper):
    """What comes to a user: events, and what was remembered of clients of theirs."""

    def visit(self, user: str, state: ShopperState, arrival: Event | Handover) -> None:
        if isinstance(arrival, Handover):
            self.take_over(state, arrival)
            if arrival.event is not None:
                self.judge(user, state, arrival.event)
        else:
            self.judge(user, state, arrival)
