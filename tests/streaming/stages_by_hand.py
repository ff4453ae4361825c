"""The stages of shoppers without Beam: a thousand short lives a second, restarts and rotations included."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from streaming_support import NOW, StoppedClock, config

from evermail.clock import SECOND
from evermail.documents import Erasure, Profile
from evermail.events import Event
from evermail.profiles import from_profile, to_profile
from evermail.shopper import ShopperState
from pipeline import names
from pipeline.clients import Clients
from pipeline.former_names import FormerClients, FormerUsers
from pipeline.keeper import ACCEPTED, ERASURES, MOVED, MOVED_FORMER, RENAMED
from pipeline.keys import LiteralKeys
from pipeline.rotation import FormerNames
from pipeline.shoppers import CLIENTS, FORMER_CLIENTS, FORMER_USERS, USERS, _RouteFn
from pipeline.users import Users

_KEEPERS = {
    FORMER_CLIENTS: FormerClients,
    CLIENTS: Clients,
    FORMER_USERS: FormerUsers,
    USERS: Users,
}
_RENAMED = {FORMER_CLIENTS: CLIENTS, FORMER_USERS: USERS}


class Stages:
    """All jobs there have been beside one store. `accepted` are names of shoppers and ids of events."""

    def __init__(self) -> None:
        self.profiles: dict[str, Profile] = {}
        self.counters: Counter[str] = Counter()
        self.accepted: list[tuple[str, str]] = []
        self._erased: dict[str, int] = {}
        self._now_us = NOW

    def run(self, events: Sequence[Event], keys: LiteralKeys) -> None:
        """One job, from its start without state to its drain."""
        self._now_us += 100 * SECOND
        settings = config(pseudonym_keys=keys, wall_clock=StoppedClock(self._now_us))
        former_names = FormerNames.of(settings)
        self._keepers = {stage: keeper(settings, former_names) for stage, keeper in _KEEPERS.items()}
        for keeper in self._keepers.values():
            keeper.stored_name = self._stored_name  # type: ignore[method-assign]
        self._states: dict[tuple[str, str], ShopperState] = {}
        self._unsaved: set[tuple[str, str]] = set()
        route = _RouteFn(settings)
        route.setup()
        for event in events:
            (first,) = route.process(event)
            self._arrive(first.tag, *first.value)
        for stage, shopper in self._unsaved:
            self.profiles[shopper] = to_profile(self._states[stage, shopper], shopper, self._now_us)
        for keeper in self._keepers.values():
            self.counters.update(keeper.tally)

    def broken(self, events: int, published: int) -> list[str]:
        """Every way in which the law of conservation does not hold, in words."""
        count = self.counters
        rejected = sum(n for name, n in count.items() if name.startswith(names.REJECTED_PREFIX))
        total = sum(count[n] for n in (names.ACCEPTED, names.DUPLICATE, names.LATE, names.ERASED)) + rejected
        profiled = count[names.ACCEPTED] - count[names.AGGREGATED] - count[names.DROPPED]
        stored = sum(profile.events for profile in self.profiles.values())
        named = [event_id for _, event_id in self.accepted if event_id]
        found = {
            f"published {published}, told of {total}": published != total,
            f"in profiles {stored}, expected {profiled}": stored != profiled,
            # Of what feeds aggregates only, ids are in the state alone: after a restart, copies count again.
            f"accepted {count[names.ACCEPTED]} of {events}": (
                count[names.ACCEPTED] - count[names.AGGREGATED] > events
            ),
            "an event was accepted twice": len(named) != len(set(named)),
            "a handover was lost": count[names.HANDOVERS_SENT] != count[names.HANDOVERS_TAKEN],
        }
        return [words for words, is_so in found.items() if is_so]

    def _arrive(self, stage: str, shopper: str, arrival: Any) -> None:
        keeper, out = self._keepers[stage], self._keepers[stage].begin()
        state = self._states.get((stage, shopper)) or self._recall(shopper)
        # As encoded between bundles: nothing may be kept but what the state says.
        state = self._states[stage, shopper] = ShopperState.from_bytes(state.to_bytes())
        keeper.take(shopper, state, arrival)
        if keeper.flush_wanted or state.links:
            self._unsaved.add((stage, shopper))
        for output in out:
            if output.tag == ACCEPTED:
                self.accepted.append((output.value.shopper, output.value.event.event_id))
            elif output.tag == ERASURES and isinstance(output.value, Erasure):
                self._erase(output.value)
            elif output.tag in (MOVED, MOVED_FORMER, RENAMED):
                next_stage = {MOVED: USERS, MOVED_FORMER: FORMER_USERS}.get(output.tag) or _RENAMED[stage]
                self._arrive(next_stage, *output.value)

    def _recall(self, shopper: str) -> ShopperState:
        profile = self.profiles.get(shopper)
        kept = profile is not None and profile.expire_at > self._now_us
        state = from_profile(profile) if kept else ShopperState()
        state.erased_second = max(state.erased_second, self._erased.get(shopper, -1))
        return state

    def _erase(self, erasure: Erasure) -> None:
        second = erasure.erased_at // SECOND
        self._erased[erasure.id] = max(self._erased.get(erasure.id, -1), second)

    def _stored_name(self, shopper: str) -> str | None:
        profile = self.profiles.get(shopper)
        return profile.moved_to if profile else None
