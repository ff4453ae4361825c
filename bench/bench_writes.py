"""Documents written for each event, over the flush interval, and what a million events cost in Firestore.

    python -m bench.bench_writes --replay 2019-Oct-head.csv

Replays real events through the job's own updates and its rules for when a document is written, in a time of
its own: hours pass in seconds. Everything that waits in the end is written and counted. The price is the list
price of Firestore's multi-regions nam5 and eur3 (cloud.google.com/firestore/pricing); regions cost less.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass, field
from heapq import heappop, heappush
from pathlib import Path

from demo import replay
from evermail import clock, rankings, trending
from evermail.clock import MINUTE, SECOND
from evermail.decay import UNIT, DecayedRow
from evermail.events import Event, from_fields
from evermail.interest import HALF_LIFE_US
from evermail.shopper import ShopperState
from pipeline.config import JobConfig

USD_PER_WRITE = 0.18 / 100_000
INTERVALS_S = (1, 10, 60, 120, 300, 600)
SPEEDS = (1, 50)
DEFAULTS = JobConfig(store_url="")


@dataclass
class Row:
    """A row with what `pipeline.rows.RowsFn` remembers of it."""

    row: DecayedRow
    head: list[tuple[str, float]] = field(default_factory=list)
    pending_us: int | None = None
    due_us: int | None = None


class Job:
    """What the job writes, and when: `pipeline.remember` and `pipeline.rows` in a time that is told."""

    def __init__(self, flush_us: int) -> None:
        self.flush_us = flush_us
        self.profiles = self.rows = self.lists = 0
        self._shoppers: dict[str, ShopperState] = {}
        self._rows: dict[tuple[str, str], Row] = {}
        self._windows: dict[int, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
        self._due_profiles: set[str] = set()
        self._timers: list[tuple[int, str, tuple[str, str]]] = []

    def take(self, event: Event, now_us: int) -> None:
        self.advance(now_us)
        state = self._shoppers.setdefault(event.shopper, ShopperState())
        _, updates = state.apply(event, oldest_us=0, now_us=event.event_time)
        if event.shopper not in self._due_profiles:
            self._due_profiles.add(event.shopper)
            heappush(self._timers, (now_us + DEFAULTS.profile_flush_us, "profile", ("", event.shopper)))
        for item_id, update in updates:
            row = self._touched("neighbors", item_id, now_us)
            if update.touched:
                row.touch(update.event_time)
            for neighbor, amount in update.amounts:
                row.add(neighbor, amount, update.event_time)
        window = now_us // DEFAULTS.trending_window_us + 1
        if window not in self._windows:
            heappush(self._timers, (window * DEFAULTS.trending_window_us, "window", ("", str(window))))
        counts = self._windows[window]
        for scope, item_id, weight in trending.scopes(event):
            counts[scope, item_id] += round(weight * UNIT)

    def advance(self, now_us: int | None) -> None:
        """Lets time pass; None is the end of everything."""
        while self._timers and (now_us is None or self._timers[0][0] <= now_us):
            at, kind, key = heappop(self._timers)
            if kind == "profile":
                self._due_profiles.discard(key[1])
                self.profiles += 1
            elif kind == "window":
                for (scope, item_id), amount in self._windows.pop(int(key[1])).items():
                    self._touched("trending", scope, at).add(item_id, amount, at)
            elif self._rows[key].due_us == at:
                self._look_at(key, at)

    def _touched(self, kind: str, key: str, now_us: int) -> DecayedRow:
        row = self._rows.setdefault((kind, key), Row(DecayedRow(HALF_LIFE_US, 400)))
        if row.due_us is None or row.due_us > now_us + self.flush_us:
            row.due_us = now_us + self.flush_us
            heappush(self._timers, (row.due_us, "row", (kind, key)))
        return row.row

    def _look_at(self, key: tuple[str, str], now_us: int) -> None:
        row = self._rows[key]
        row.due_us = None
        if not (len(row.row) or row.head):
            return
        head = row.row.top(rankings.HEAD)
        waited_us = 0 if row.pending_us is None else now_us - row.pending_us
        if rankings.has_moved(row.head, head) or waited_us >= DEFAULTS.neighbors_settle_us:
            row.head, row.pending_us = head, None
            if key[0] == "neighbors":
                self.rows += 1
            else:
                self.lists += 1
            return
        if row.pending_us is None:
            row.pending_us = now_us
        row.due_us = row.pending_us + DEFAULTS.neighbors_settle_us
        heappush(self._timers, (row.due_us, "row", key))


def read(path: Path) -> list[Event]:
    """The events of a rees46 file, with their own times."""
    found = replay.read_rees46(path, rate=1.0)[0]
    events = []
    for planned, (_, moment, _) in zip(found, replay._rows(path, None), strict=True):
        fields = {**planned.fields, "event_time": clock.to_rfc3339(moment)}
        events.append(from_fields(fields, moment + MINUTE))
    return events


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_writes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--replay", type=Path, required=True, help="a file of https://rees46.com/en/datasets")
    events = read(parser.parse_args().replay)
    start_us = events[0].event_time
    span_s = (events[-1].event_time - start_us) // SECOND
    print(f"{len(events):,} events of {span_s:,} s; profiles after {DEFAULTS.profile_flush_us / SECOND:g} s")
    titles = f"{'profiles':>10}{'rows':>7}{'lists':>7}{'all':>7}{'USD a million':>15}"
    print(f"{'speed':>6}{'flush of rows':>15}{titles}")
    for speed in SPEEDS:
        for interval_s in INTERVALS_S:
            job = Job(interval_s * SECOND)
            for event in events:
                job.take(event, (event.event_time - start_us) // speed)
            job.advance(None)
            shares = [count / len(events) for count in (job.profiles, job.rows, job.lists)]
            default = "  (default)" if interval_s * SECOND == DEFAULTS.neighbors_flush_us else ""
            print(
                f"{speed:>5}x{interval_s:>13} s{shares[0]:>10.2f}{shares[1]:>7.2f}{shares[2]:>7.2f}"
                f"{sum(shares):>7.2f}{sum(shares) * 1e6 * USD_PER_WRITE:>13.2f}{default}",
                flush=True,
            )


if __name__ == "__main__":
    main()
