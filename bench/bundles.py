"""Many small bundles at once, as the threads of a Dataflow worker have them: written alone, or together."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.group_commit import GroupCommit, PutMany
from evermail.documents import Document
from evermail.stores import Outcome, Store, WriteResult

THREADS = (1, 4, 16)
SIZES = (10, 1)
NETWORK_MS = (0, 20)
ROUNDS = 5

MakeDocument = Callable[[int, int], Document]
"""Of a number and a version."""


class Run(NamedTuple):
    per_s: float
    work_us: float
    """The process's own CPU time for a document, in microseconds."""


def compare(store: Store, make: MakeDocument, *, bundles: int) -> None:
    """Prints what writing together does to documents a second and to the client's work, as ratios.

    An emulator has no network, so a second round adds one to each call. `bundles` are written in each run.
    """
    print(f"Bundles that end at once, each alone or in one call together (median ratios of {ROUNDS} runs):")
    print(f"{'':28}{'threads':>9}{'alone/s':>9}{'together':>10}{'its CPU':>9}")
    version = 0
    for network_ms in NETWORK_MS:
        put_many = _over_network(store, network_ms / 1000)
        for size in SIZES:
            name = f"  {size} a bundle, {network_ms} ms network"
            for threads in THREADS:
                each = max(5, (bundles if not network_ms else bundles // 8) // threads)
                alone, together = [], []
                for _ in range(ROUNDS):
                    for put, runs in ((put_many, alone), (GroupCommit(put_many).put_many, together)):
                        version += 1
                        runs.append(_run(put, make, threads, each, size, version))
                per_s = statistics.median(run.per_s for run in alone)
                faster = statistics.median(b.per_s / a.per_s for a, b in zip(alone, together, strict=True))
                work = statistics.median(b.work_us / a.work_us for a, b in zip(alone, together, strict=True))
                print(f"{name:28}{threads:9}{per_s:9,.0f}{f'x {faster:.2f}':>10}{f'x {work:.2f}':>9}")
                name = ""


def _over_network(store: Store, delay_s: float) -> PutMany:
    def put_many(documents: Sequence[Document]) -> list[WriteResult]:
        if delay_s:
            time.sleep(delay_s)
        return store.put_many(documents)

    return put_many


def _run(put_many: PutMany, make: MakeDocument, threads: int, each: int, size: int, version: int) -> Run:
    begin = threading.Barrier(threads + 1)
    refused: list[WriteResult] = []

    def work(first: int) -> None:
        bundles = [
            [make(first + bundle * size + place, version) for place in range(size)] for bundle in range(each)
        ]
        begin.wait()
        for bundle in bundles:
            refused.extend(result for result in put_many(bundle) if result.outcome is not Outcome.WRITTEN)

    workers = [threading.Thread(target=work, args=(n * each * size,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    begin.wait()
    started, worked = time.perf_counter(), time.process_time()
    for worker in workers:
        worker.join()
    spent_s, work_s = time.perf_counter() - started, time.process_time() - worked
    if refused:
        raise SystemExit(f"not written: {refused[0]}")
    count = threads * each * size
    return Run(count / spent_s, work_s / count * 1e6)
