"""How Beam keeps the memory of one shopper: a cell of state, timers to write the profile and to forget.

A state is taken from Beam once a bundle and copied before it is changed: Beam's state cache hands out the
same object again, and a bundle that fails must leave it as it was.
"""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.metrics import Metrics
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp

from evermail import clock
from evermail.documents import Document
from evermail.shopper import PROFILE_RETENTION_US, ShopperState
from pipeline import names
from pipeline.coders import StructCoder
from pipeline.config import JobConfig
from pipeline.flush_timer import OVERDUE_US
from pipeline.keeper import Keeper
from pipeline.state_cache import Weighed, quick_weights

_EXPIRY_SLACK_US = clock.DAY
"""The timer that forgets is moved on once in this time, not with every event."""


class Kept(msgspec.Struct, Weighed, array_like=True):
    """The cell of one shopper. Times are microseconds of the timers' clock; 0 where a timer is not set."""

    state: ShopperState
    due_us: int = 0
    expiry_us: int = 0
    draining: bool = False

    def __sizeof__(self) -> int:
        return self.state.size

    def copy(self) -> Kept:
        return Kept(self.state.copy(), self.due_us, self.expiry_us, self.draining)


class KeptCoder(StructCoder):
    struct = Kept


class RememberFn(beam.DoFn):  # type: ignore[misc]
    """(shopper, what comes) -> profiles, and by tag what follows from it, as a `Keeper` says."""

    KEPT = ReadModifyWriteStateSpec("kept", KeptCoder())
    # One timer for two purposes, as Beam makes an object for each timer with every element.
    WAKE = TimerSpec("wake", TimeDomain.REAL_TIME)
    DRAIN = TimerSpec("drain", TimeDomain.WATERMARK)

    def __init__(self, config: JobConfig, keeper: type[Keeper]) -> None:
        self._config = config
        self._keeper_type = keeper

    def setup(self) -> None:
        quick_weights(self._config.quick_state_cache)

    def start_bundle(self) -> None:
        self._keeper = self._keeper_type(self._config)
        self._open: dict[str, Kept] = {}

    def finish_bundle(self) -> None:
        for name, count in self._keeper.tally.items():
            Metrics.counter(names.NAMESPACE, name).inc(count)

    def process(
        self,
        element: tuple[str, Any],
        cell: Any = beam.DoFn.StateParam(KEPT),
        wake: Any = beam.DoFn.TimerParam(WAKE),
        drain: Any = beam.DoFn.TimerParam(DRAIN),
    ) -> list[Any]:
        shopper, arrival = element
        keeper = self._keeper
        out = keeper.begin()
        kept = self._kept(shopper, cell)
        if kept is None:
            kept = self._open[shopper] = Kept(ShopperState())
            keeper.recall(shopper, kept.state, arrival)
        keeper.visit(shopper, kept.state, arrival)
        if keeper.changed:
            self._set_timers(kept, wake, drain)
            cell.write(kept)
        return out

    @on_timer(WAKE)  # type: ignore[untyped-decorator]
    def wake(
        self,
        shopper: str = beam.DoFn.KeyParam,
        cell: Any = beam.DoFn.StateParam(KEPT),
        wake: Any = beam.DoFn.TimerParam(WAKE),
    ) -> list[Document]:
        """Writes the profile if that is due; else forgets a shopper who has not come for as long as profiles
        are kept."""
        kept = self._kept(shopper, cell)
        if kept is None:
            return []
        if kept.due_us:
            wake.set(Timestamp(micros=kept.expiry_us))
            return [self._profile(shopper, kept, cell)]
        if self._config.timer_clock() >= kept.expiry_us:
            cell.clear()
            del self._open[shopper]
        return []

    @on_timer(DRAIN)  # type: ignore[untyped-decorator]
    def drain(
        self, shopper: str = beam.DoFn.KeyParam, cell: Any = beam.DoFn.StateParam(KEPT)
    ) -> list[Document]:
        """The job is being drained, or its input has an end: what waits for its time is written now."""
        kept = self._kept(shopper, cell)
        return [] if kept is None or not kept.due_us else [self._profile(shopper, kept, cell)]

    def _set_timers(self, kept: Kept, wake: Any, drain: Any) -> None:
        now_us = self._config.timer_clock()
        if not kept.draining:
            kept.draining = True
            drain.set(GlobalWindow().max_timestamp())
        if self._keeper.flush_wanted and (not kept.due_us or now_us > kept.due_us + OVERDUE_US):
            if not kept.due_us:
                self._keeper.tally[names.PROFILE_FLUSHES_DUE] += 1
            kept.due_us = now_us + self._config.profile_flush_us
            wake.set(Timestamp(micros=kept.due_us))
        if kept.expiry_us < now_us + PROFILE_RETENTION_US:
            kept.expiry_us = now_us + PROFILE_RETENTION_US + _EXPIRY_SLACK_US
            if not kept.due_us:
                wake.set(Timestamp(micros=kept.expiry_us))

    def _profile(self, shopper: str, kept: Kept, cell: Any) -> Document:
        kept.due_us = 0
        profile = kept.state.to_profile(shopper, self._config.wall_clock())
        cell.write(kept)
        self._keeper.tally[names.PROFILE_FLUSHES_DONE] += 1
        self._keeper.tally[names.DOCUMENTS_MADE] += 1
        return profile

    def _kept(self, shopper: str, cell: Any) -> Kept | None:
        """The bundle's own copy of the cell; nothing if the cell is empty."""
        kept = self._open.get(shopper)
        if kept is None:
            found = cell.read()
            if found is None:
                return None
            kept = self._open[shopper] = found.copy()
        return kept
