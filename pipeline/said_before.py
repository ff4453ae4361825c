"""What people said of which the archive tells a rebuild nothing: it is younger, or a span of it is read.

The store knows refusals and erasures, and they outlive a rebuild. Each is taken in at its own time among what
the archive tells, so that all else is judged as the stream judged it. What the archive tells as well is left
to it: the stream heard that when it arrived, and so does the rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from evermail.clock import SECOND
from evermail.consent import Statement
from evermail.event_ids import hash_of_id
from evermail.events import Event, EventName
from evermail.shopper import ShopperState, happened_us
from pipeline.arrivals import Handover


class Said(NamedTuple):
    """One word of a shopper, as a memory of nothing else that is to be taken over."""

    state: ShopperState
    received_at: int
    """When it came, as far as is known: when the second ended in which it was said. In microseconds."""


def said_before(
    stored: ShopperState, arrivals: Iterable[Event | Handover], received_us: Callable[[Event], int]
) -> list[Said]:
    """What is in a stored memory of what its shopper said, and in none of the arrivals. Links are left out:
    with them, what the arrivals tell of a browser would not be handed over."""
    if not stored.statements and stored.erased_second < 0:
        return []
    statements, erased_second = _told(arrivals, received_us)
    before = [
        Said(ShopperState(statements=[statement]), (statement.second + 1) * SECOND)
        for statement in stored.statements
        if statement not in statements
    ]
    if stored.erased_second > erased_second:
        erased = ShopperState(erased_second=stored.erased_second)
        before.append(Said(erased, (stored.erased_second + 1) * SECOND))
    return before


def _told(
    arrivals: Iterable[Event | Handover], received_us: Callable[[Event], int]
) -> tuple[set[Statement], int]:
    """All statements, and the second of the last erasure, -1 if there is none."""
    statements: set[Statement] = set()
    erased_second = -1
    for arrival in arrivals:
        event: Event | None
        if isinstance(arrival, Handover):
            event = arrival.event
            statements.update(arrival.state.statements)
            erased_second = max(erased_second, arrival.state.erased_second)
        else:
            event = arrival
        if event is None:
            continue
        second = happened_us(event, received_us(event)) // SECOND
        if event.event_name is EventName.ERASE_USER:
            erased_second = max(erased_second, second)
        elif event.event_name is EventName.UPDATE_CONSENT and event.consent is not None:
            statements.add(Statement(second, hash_of_id(event), event.consent.personalization))
    return statements, erased_second
