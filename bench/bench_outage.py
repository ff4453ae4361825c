"""What opened emails get while the store is killed, hangs and comes back: status, source and time taken.

Google's Firestore emulator stands behind a line that is cut (connections are refused), mended, goes dead
(connections stand, nothing comes through) and is mended again, while opens go on at a steady rate. Prints
figures and judges nothing. Bounded, and on loopback alone.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.bench_functions import SENDER, fill, instances, paths, shop, variables
from bench.cut_line import CutLine, Line
from demo.emulators import EmulatorMissing, firestore_emulator
from demo.processes import HOST
from evermail.shelf import last_resort
from evermail.shelf.presentation import RecommendedItem

CONNECTIONS = 16
PHASES = (Line.UP, Line.CUT, Line.UP, Line.DEAD, Line.UP)
LAST_RESORT = RecommendedItem(
    item_id="last-resort",
    title="The last resort",
    price="€1.00",
    image="https://shop.example/i.jpg",
    url="https://shop.example",
    reason="From our range",
)
NAMES = ("at first", "killed", "back", "hanging", "back")


class Answered(NamedTuple):
    """One open: when it was asked and how long it took, in seconds; status 0 if there was no answer."""

    at: float
    took_s: float
    status: int
    source: str


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_outage",
        description=__doc__,
        epilog="example: python -m bench.bench_outage --seconds 5 --rate 100",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each phase (default 8, at most 30)")
    parser.add_argument("--rate", type=float, default=100.0, help="opens a second (default 100, at most 500)")
    given = parser.parse_args()
    try:
        _measure(min(given.seconds, 30.0), min(given.rate, 500.0))
    except EmulatorMissing as missing:
        sys.exit(f"not measured: {missing}")


def _measure(seconds: float, rate: float) -> None:
    with tempfile.TemporaryDirectory(prefix="evermail-bench-") as folder:
        workdir = Path(folder)
        with firestore_emulator(log=workdir / "firestore.log") as endpoint:
            fill("firestore://bench-evermail", shop(), emulator=endpoint)
            with CutLine(int(endpoint.rpartition(":")[2])) as line:
                url = "firestore://bench-evermail"
                static = workdir / "static.json"
                static.write_bytes(last_resort.written([LAST_RESORT]))
                environment = variables(url) | {
                    "FIRESTORE_EMULATOR_HOST": f"{HOST}:{line.port}",
                    "EVERMAIL_STATIC": str(static),
                }
                source = Path(__file__).resolve().parent.parent / "functions" / "main.py"
                with instances("recommendations", source, environment, workdir) as ports:
                    opens = _Opens(ports, paths(1), rate)
                    opens.start()
                    turned = []
                    for phase in PHASES:
                        line.turn(phase)
                        turned.append(time.monotonic())
                        print(f"\r{phase.value:6}", end="", file=sys.stderr, flush=True)
                        time.sleep(seconds)
                    answered = opens.stop()
    print("\r      \r", end="", file=sys.stderr)
    _print(answered, [*turned, float("inf")])


class _Opens:
    """Asks at a steady rate from several threads, whatever becomes of it."""

    def __init__(self, ports: Sequence[int], paths: Sequence[str], rate: float) -> None:
        self._ports, self._paths = ports, paths
        self._every_s = CONNECTIONS / rate
        self._ended = threading.Event()
        self._answered: list[Answered] = []
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(CONNECTIONS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> list[Answered]:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return sorted(self._answered)

    def _ask(self, number: int) -> None:
        port = self._ports[number % len(self._ports)]
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        due = time.monotonic() + number * self._every_s / CONNECTIONS
        at = number
        while not self._ended.wait(max(0.0, due - time.monotonic())):
            due += self._every_s
            begun, status, source = time.monotonic(), 0, "no answer"
            try:
                connection.request(
                    "GET", self._paths[at % len(self._paths)], headers={"AMP-Email-Sender": SENDER}
                )
                answer = connection.getresponse()
                body, status = answer.read(), answer.status
                source = str(json.loads(body).get("source", "error"))
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
            self._answered.append(Answered(begun, time.monotonic() - begun, status, source))
            at += CONNECTIONS
        connection.close()


def _print(answered: Sequence[Answered], turned: Sequence[float]) -> None:
    print(f"{'the store':10} {'opens':>6} {'not 200':>8} {'p50':>9} {'p99':>9} {'longest':>9}   sources")
    for name, phase, begun, ended in zip(NAMES, PHASES, turned, turned[1:], strict=False):
        these = [one for one in answered if begun <= one.at < ended]
        took = sorted(one.took_s * 1e3 for one in these) or [0.0]
        sources = Counter(one.source for one in these)
        told = ", ".join(f"{count:,} {source}" for source, count in sources.most_common())
        bad = sum(one.status != http.client.OK for one in these)
        p50, p99 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
        print(
            f"{name:10} {len(these):>6,} {bad:>8,} {p50:>6.0f} ms {p99:>6.0f} ms {took[-1]:>6.0f} ms   {told}"
        )
        if phase is Line.UP and begun > turned[0]:
            personal = [one.at + one.took_s for one in these if one.source == "personal"]
            print(
                f"{'':10} personal again after {min(personal) - begun:.2f} s"
                if personal
                else "never personal"
            )


if __name__ == "__main__":
    main()
