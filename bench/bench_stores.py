"""How fast the stores write documents and answer an opened email, and what small bundles gain in one call."""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import bundles
from demo.emulators import EmulatorMissing, firestore_emulator
from evermail.clock import DAY, now_us
from evermail.documents import Document, Key, Neighbor, Neighbors, Product, Profile, Seen
from evermail.stores import Outcome, Store
from evermail.stores.firestore import FirestoreStore
from evermail.stores.sqlite import SqliteStore

TOUCHES = 50
NEIGHBORS = 50


def main() -> None:
    options = _options()
    print(f"{options.documents} profiles of {TOUCHES} touches, written {options.batch} at a time; then reads")
    print("of ten profiles, and of what an email needs: a profile, 5 rows of neighbours, 30 products")
    print(
        f"{'':26}{'new/s':>9}{'next/s':>9}{'scan/s':>9}   {'ten: p50, p99 ms':>18}{'email: p50, p99 ms':>22}"
    )
    with tempfile.TemporaryDirectory(prefix="evermail-bench-") as directory:
        _measure("SQLite", SqliteStore(Path(directory) / "bench.sqlite3"), options)
    try:
        with firestore_emulator() as endpoint:
            os.environ["FIRESTORE_EMULATOR_HOST"] = endpoint
            warm_up = FirestoreStore("warm-up")
            for version in range(10):
                warm_up.put_many([_profile(n, version) for n in range(100)])
            warm_up.close()
            _measure("Firestore emulator", FirestoreStore("bench"), options)
            _measure("  with nothing remembered", FirestoreStore("bench-reading", remembered=0), options)
            print()
            store = FirestoreStore("bench-bundles")
            bundles.compare(store, _profile, bundles=options.bundles)
            store.close()
    except EmulatorMissing as missing:
        print(f"Firestore emulator: {missing}")


def _measure(name: str, store: Store, options: argparse.Namespace) -> None:
    count = options.documents
    new, following = (_writes_per_s(store, count, options.batch, version) for version in (1, 2))
    started = time.perf_counter()
    scanned = sum(1 for _ in store.scan("profiles"))
    scan = scanned / (time.perf_counter() - started)

    store.put_many([_product(n) for n in range(100)])
    store.put_many([_neighbors(n) for n in range(100)])
    dice = random.Random(1)
    ten = _latencies_ms(
        store, options.reads, lambda: [Key("profiles", f"shopper-{n}") for n in dice.sample(range(count), 10)]
    )
    email = _latencies_ms(
        store,
        options.reads,
        lambda: [
            Key("profiles", f"shopper-{dice.randrange(count)}"),
            *(Key("neighbors", f"SKU{n:06}") for n in dice.sample(range(100), 5)),
            *(Key("products", f"SKU{n:06}") for n in dice.sample(range(100), 30)),
        ],
    )
    store.close()
    print(f"{name:26}{new:9,.0f}{following:9,.0f}{scan:9,.0f}   {ten:>18}{email:>22}")


def _writes_per_s(store: Store, count: int, batch: int, version: int) -> float:
    """Documents per second, their making not counted."""
    spent = 0.0
    for start in range(0, count, batch):
        documents = [_profile(n, version) for n in range(start, min(start + batch, count))]
        started = time.perf_counter()
        results = store.put_many(documents)
        spent += time.perf_counter() - started
        refused = [result for result in results if result.outcome != Outcome.WRITTEN]
        if refused:
            raise SystemExit(f"not written: {refused[0]}")
    return count / spent


def _latencies_ms(store: Store, reads: int, keys: Callable[[], list[Key]]) -> str:
    latencies = []
    for _ in range(reads):
        asked = keys()
        started = time.perf_counter()
        found = store.get_many(asked)
        latencies.append((time.perf_counter() - started) * 1000)
        if len(found) != len(asked):
            raise SystemExit(f"{len(asked) - len(found)} documents were not found")
    cuts = statistics.quantiles(latencies, n=100)
    return f"{cuts[49]:.2f}, {cuts[98]:.2f}"


def _profile(n: int, version: int) -> Document:
    now = now_us()
    history = [Seen(f"SKU{touch:06}", now - touch, "view_item") for touch in range(TOUCHES)]
    return Profile(
        id=f"shopper-{n}",
        version=version,
        updated_at=now,
        expire_at=now + DAY,
        as_of=now,
        events=TOUCHES,
        history=history,
    )


def _neighbors(n: int) -> Document:
    row = [Neighbor(f"SKU{other:06}", 1 / (1 + other)) for other in range(NEIGHBORS)]
    return Neighbors(id=f"SKU{n:06}", version=1, updated_at=now_us(), as_of=1, total=9.0, neighbors=row)


def _product(n: int) -> Document:
    return Product(
        id=f"SKU{n:06}",
        version=1,
        updated_at=now_us(),
        title=f"Tea of garden {n}",
        url=f"https://shop.example/products/{n}",
        image_url=f"https://shop.example/products/{n}.jpg",
        price=19.9,
        currency="EUR",
        brand="Tea & Co",
        category="drinks.tea",
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_stores",
        description=__doc__,
        epilog="example: python -m bench.bench_stores --documents 2000 --batch 100",
    )
    parser.add_argument("--documents", type=int, default=2_000, help="how many are written (default 2000)")
    parser.add_argument("--batch", type=int, default=100, help="documents in one call (default 100)")
    parser.add_argument("--reads", type=int, default=500, help="reads of each kind (default 500)")
    parser.add_argument(
        "--bundles", type=int, default=320, help="small bundles in each run of the last table (default 320)"
    )
    options = parser.parse_args()
    if options.documents < 10 or options.batch < 1 or options.reads < 2 or options.bundles < 1:
        parser.error("at least 10 documents, batches of 1, 2 reads and 1 bundle are needed")
    return options


if __name__ == "__main__":
    main()
