"""How much CPU the ranking of one opened email takes: `make bench-ranking`.

A busy shopper of a busy shop: as many recent items as are asked, all rows as long as they get, the rows of
the candidates there as well, and the whole table of returns.
"""

from __future__ import annotations

import argparse
import random
import time

from evermail import clock, ranking, repeats
from evermail.constants import SERVED
from evermail.documents import Neighbor, Neighbors, Profile, Seen

NEIGHBORS = 50
ITEMS = 2_000
OPENS = 2_000
NOW_US = 1_795_489_200 * clock.SECOND


def row(row_id: str, entries: list[str], choose: random.Random) -> Neighbors:
    weights = sorted((choose.expovariate(1) for _ in entries), reverse=True)
    return Neighbors(
        id=row_id,
        version=1,
        updated_at=NOW_US,
        as_of=NOW_US - choose.randrange(clock.DAY),
        total=2 * sum(weights),
        neighbors=[Neighbor(*pair) for pair in zip(entries, weights, strict=True)],
    )


def main() -> None:
    argparse.ArgumentParser(
        prog="python -m bench.bench_ranking",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    choose = random.Random(1)
    items = [f"item-{number:05}" for number in range(ITEMS)]
    rows = {item_id: row(item_id, choose.sample(items, NEIGHBORS), choose) for item_id in items}
    entries = [
        f"{many}{step}{again}{place}"
        for many in range(1, repeats.MOST_DISTINCT + 1)
        for step in "nse"
        for again in range(repeats.MOST_RETURNS + 1)
        for place in (*range(min(many, repeats.PLACES)), repeats.NEW)
    ]
    rows[repeats.ROW_ID] = row(repeats.ROW_ID, entries, choose)
    took_us: list[float] = []
    for _ in range(OPENS):
        seen = [Seen(choose.choice(items), NOW_US - at * clock.MINUTE, "view_item") for at in range(50)]
        profile = Profile(id="s", version=1, updated_at=NOW_US, as_of=NOW_US, events=50, history=seen)
        begun = time.process_time_ns()
        read = {row_id: rows[row_id] for row_id in ranking.first_rows(profile)}
        read |= {row_id: rows[row_id] for row_id in ranking.second_rows(profile, read, now_us=NOW_US)}
        ranked = ranking.personal(profile, read, now_us=NOW_US)
        took_us.append((time.process_time_ns() - begun) / 1_000)
    took_us.sort()
    print(
        f"{SERVED.context} + {SERVED.hops} rows of {NEIGHBORS} neighbours; {len(ranked)} ranked the last time"
    )
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        print(f"{name}  {took_us[int(share * OPENS)]:7.0f} us of CPU an open")


if __name__ == "__main__":
    main()
