"""How Beam keeps the memory of one shopper: a cell of state, timers to write the profile and to forget.

A state is taken from Beam once a bundle and copied before it is changed: Beam's state cache hands out the
same object again, and a bundle that fails must leave it as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import msgspec
from apache_beam.transforms.timeutil import TimeDomain
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, TimerSpec, on_timer
from apache_beam.utils.timestamp import Timestamp

from evermail import clock
from evermail.documents import Document
from evermail.profiles import PROFILE_RETENTION_US, to_profile
from evermail.shopper import ShopperState
from pipeline import flush_timer, names
from pipeline.coders import StructCoder
from pipeline.config import JobConfig
from pipeline.garbage import collect_seldom
from pipeline.keeper import Keeper
from pipeline.rotation import FormerNames
from pipeline.state_cache import Weighed, quick_weights

_SLACK_US = clock.DAY
"""The timer that forgets is moved on once in this time, not with every event."""


class Kept(msgspec.Struct, Weighed, array_like=True):
    """The cell of one shopper: `due_us` is when the profile is to be written, by the timers' clock, `end_us`
    when all of it is to be forgotten, in event time. Microseconds; 0 where the timer is not set. `unsaved`
    says that the document lacks something which nobody reads in it but the next job."""

    state: ShopperState
    due_us: int = 0
    end_us: int = 0
    unsaved: bool = False

    def __sizeof__(self) -> int:
        return self.state.size

    def copy(self) -> Kept:
        return Kept(self.state.copy(), self.due_us, self.end_us, self.unsaved)


class KeptCoder(StructCoder):
    struct = Kept


class RememberFn(beam.DoFn):  # type: ignore[misc]
    """(shopper, what comes) -> profiles, and by tag what follows from it, as a `Keeper` says."""

    KEPT = ReadModifyWriteStateSpec("kept", KeptCoder())
    FLUSH = TimerSpec("flush", TimeDomain.REAL_TIME)
    # A timer of processing time holds back the watermark for as long as it is set, one of event time does
    # not: with the former set for months, no window behind this step would ever close.
    END = TimerSpec("end", TimeDomain.WATERMARK)

    def __init__(self, config: JobConfig, keeper: type[Keeper]) -> None:
        self._config = config
        self._keeper_type = keeper

    def setup(self) -> None:
        quick_weights(self._config.quick_state_cache)
        collect_seldom(self._config.seldom_collection)
        self._former_names = FormerNames.of(self._config)

    def start_bundle(self) -> None:
        self._keeper = self._keeper_type(self._config, self._former_names)
        self._open: dict[str, Kept] = {}

    def finish_bundle(self) -> Iterator[Any]:
        yield from self._keeper.finish_bundle()

    def process(
        self,
        element: tuple[str, Any],
        cell: Any = beam.DoFn.StateParam(KEPT),
        flush: Any = beam.DoFn.TimerParam(FLUSH),
        end: Any = beam.DoFn.TimerParam(END),
    ) -> list[Any]:
        shopper, arrival = element
        keeper = self._keeper
        out = keeper.begin()
        kept = self._kept(shopper, cell)
        if kept is None:
            kept = self._open[shopper] = Kept(keeper.recall(shopper))
        keeper.take(shopper, kept.state, arrival)
        if keeper.changed:
            if keeper.flush_wanted:
                self._schedule(kept, flush)
            elif kept.state.links:
                kept.unsaved = True
            self._put_off(kept, end)
            cell.write(kept)
        return out

    @on_timer(FLUSH)  # type: ignore[untyped-decorator]
    def write_profile(
        self, shopper: str = beam.DoFn.KeyParam, cell: Any = beam.DoFn.StateParam(KEPT)
    ) -> list[Document]:
        """Writes the profile, unless that was done."""
        kept = self._kept(shopper, cell)
        return [] if kept is None or not kept.due_us else [self._profile(shopper, kept, cell)]

    @on_timer(END)  # type: ignore[untyped-decorator]
    def end(
        self,
        shopper: str = beam.DoFn.KeyParam,
        cell: Any = beam.DoFn.StateParam(KEPT),
        end: Any = beam.DoFn.TimerParam(END),
    ) -> list[Document]:
        """Forgets a shopper who has not come for as long as profiles are kept.

        Or the job is being drained, or its input has an end: then event time is over, and what waits for its
        time is written now. The timer is set again, and fires at once if that is how it is.
        """
        kept = self._kept(shopper, cell)
        if kept is None:
            return []
        early = self._config.wall_clock() < kept.end_us
        if kept.due_us or (early and kept.unsaved):
            kept.end_us = 0
            self._put_off(kept, end)
            return [self._profile(shopper, kept, cell)]
        cell.clear()
        del self._open[shopper]
        return []

    def _schedule(self, kept: Kept, flush: Any) -> None:
        now_us = self._config.timer_clock()
        if flush_timer.is_set(kept.due_us or None, now_us):
            return
        if not kept.due_us:
            self._keeper.tally[names.PROFILE_FLUSHES_DUE] += 1
        kept.due_us = now_us + self._config.profile_flush_us
        flush.set(Timestamp(micros=kept.due_us))

    def _put_off(self, kept: Kept, end: Any) -> None:
        end_us = self._config.wall_clock() + PROFILE_RETENTION_US
        if kept.end_us < end_us:
            kept.end_us = end_us + _SLACK_US
            end.set(Timestamp(micros=kept.end_us))

    def _profile(self, shopper: str, kept: Kept, cell: Any) -> Document:
        if kept.due_us:
            self._keeper.tally[names.PROFILE_FLUSHES_DONE] += 1
        kept.due_us, kept.unsaved = 0, False
        profile = to_profile(kept.state, shopper, self._config.wall_clock())
        cell.write(kept)
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
