"""Freshness and speed of the whole product on this machine, as `evermail demo --headless` measures them.

Runs twice: at 300 events a second, for the freshness of a machine that keeps up, and with everything
published as fast as it goes, for the speed it sustains. Prints figures and judges nothing.
"""

from __future__ import annotations

import argparse
import random
import sys

from demo import headless, schedule, simulator
from demo.backends import BackendName
from demo.catalog import products

RATES = (300.0, 2000.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_demo",
        description=__doc__,
        epilog="example: python -m bench.bench_demo --events 9000 --backend embedded",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=9_000, help="events in each run (default 9000)")
    parser.add_argument(
        "--backend",
        choices=[name.value for name in BackendName],
        default="embedded",
        help="what stands in for Google Cloud (default embedded)",
    )
    given = parser.parse_args()
    print(f"{'published at':>14} {'taken in at':>14} {'freshness p50':>14} {'p95':>10} {'p99':>10}")
    for rate in RATES:
        rng = random.Random(1)
        range_ = products("http://127.0.0.1")
        planned = simulator.events(range_, count=given.events, rate=rate, rng=rng)
        plan = schedule.make(planned, duplicates=0.03, malformed_share=0.01, rng=rng)
        report = headless.run(plan, range_, backend=BackendName(given.backend), progress=_progress)
        freshness = report["freshness_ms"]
        print(
            f"{rate:>12,.0f}/s {report['events_per_s']:>12,.0f}/s {freshness['p50']:>11,.0f} ms"
            f" {freshness['p95']:>7,.0f} ms {freshness['p99']:>7,.0f} ms"
        )
        for violation in report["violations"]:
            print(f"VIOLATED  {violation}")


def _progress(what: str, done: int, total: int) -> None:
    print(f"\r{what} {done:,}/{total:,}   ", end="", file=sys.stderr)


if __name__ == "__main__":
    main()
