"""Documents written for each event, over the flush interval, and what a million events cost in Firestore.

    python -m bench.bench_writes --replay 2019-Oct-head.csv

Replays real events through the job's own updates and its own transforms of rows, in a time of its own: hours
pass in seconds. Everything that waits in the end is written and counted. As a rule, a shop that is fifty
times busier has more shoppers (50x): rows and lists change more often, profiles do not. In the plain replay
at fifty times the speed (50x quick) each shopper is that much faster as well. The price is the list price of
Firestore's multi-regions nam5 and eur3 (cloud.google.com/firestore/pricing); regions cost less.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from bench.told_time import Rows, Timers
from demo import replay
from evermail import clock, trending
from evermail.clock import MINUTE, SECOND
from evermail.decay import UNIT
from evermail.events import Event, from_fields
from evermail.interest import pack_all
from evermail.shopper import ShopperState
from pipeline.config import JobConfig
from pipeline.neighbors import NeighborsFn
from pipeline.trending import TrendingFn

USD_PER_WRITE = 0.18 / 100_000
INTERVALS_S = (1, 10, 60, 120, 300, 600)
PACES = (("1x", 1, False), ("50x", 50, False), ("50x quick", 50, True))
"""Name, speed, and whether each shopper is that much quicker."""
DEFAULTS = JobConfig(store_url="")


class Job:
    """What the job writes, and when, in a time that is told; `quick` if shoppers live by it as well."""

    def __init__(self, flush_us: int, *, quick: bool) -> None:
        self._quick = quick
        self._timers = timers = Timers()
        config = JobConfig(
            store_url="",
            bootstrap=False,
            neighbors_flush_us=flush_us,
            wall_clock=timers.clock,
            timer_clock=timers.clock,
        )
        self.rows, self.lists = Rows(NeighborsFn(config), timers), Rows(TrendingFn(config), timers)
        self.profiles = 0
        self._profile_due_us: dict[str, int] = {}
        self._shoppers: defaultdict[str, ShopperState] = defaultdict(ShopperState)
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def take(self, event: Event, now_us: int) -> None:
        self.advance(now_us)
        moment_us = now_us if self._quick else event.event_time
        if moment_us >= self._profile_due_us.get(event.shopper, 0):
            self._profile_due_us[event.shopper] = moment_us + DEFAULTS.profile_flush_us
            self.profiles += 1
        _, updates = self._shoppers[event.shopper].apply(event, oldest_us=0, now_us=event.event_time)
        for item_id, update in updates:
            self.rows.take(item_id, pack_all([update.pack()]))
        if not self._counts:
            window_end_us = trending.window_end(now_us, DEFAULTS.trending_window_us)
            self._timers.set(("window", event.event_time), window_end_us)
        for scope, item_id, weight in trending.scopes(event):
            counts = self._counts[scope]
            counts[item_id] = counts.get(item_id, 0) + round(weight * UNIT)

    def advance(self, now_us: int | None) -> None:
        """Lets time pass; None is the end of everything."""
        for name in self._timers.until(now_us):
            match name:
                case (Rows() as rows, family, key):
                    rows.fire(family, key)
                case ("window", event_time):
                    for scope, counts in self._counts.items():
                        self.lists.take(scope, (event_time, counts))
                    self._counts.clear()


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
    print(f"{'pace':>10}{'flush of rows':>15}{titles}")
    for pace, speed, quick in PACES:
        for interval_s in INTERVALS_S:
            job = Job(interval_s * SECOND, quick=quick)
            for event in events:
                job.take(event, (event.event_time - start_us) // speed)
            job.advance(None)
            shares = [count / len(events) for count in (job.profiles, job.rows.written, job.lists.written)]
            default = "  (default)" if interval_s * SECOND == DEFAULTS.neighbors_flush_us else ""
            print(
                f"{pace:>10}{interval_s:>13} s{shares[0]:>10.2f}{shares[1]:>7.2f}{shares[2]:>7.2f}"
                f"{sum(shares):>7.2f}{sum(shares) * 1e6 * USD_PER_WRITE:>13.2f}{default}",
                flush=True,
            )


if __name__ == "__main__":
    main()
