"""Events a second of CPU: the job on Beam's FnApiRunner, whole and by step, beside a plain loop that does it.

    python -m bench.bench_pipeline [--events 50000] [--growth]

FnApiRunner runs the code of Dataflow's workers in this process, elements encoded between stages as there.
What the worker takes is told apart from the whole, which has the runner's own work in it, and the start. The
store is a dictionary: what stores cost is in bench_stores. Figures are of CPU time, so that a busy machine
matters less; compare those of one run.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple
from unittest import mock

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions

from bench import paced_runner
from bench.shop_load import SPAN_US, Load, make_messages
from bench.worker_meter import WorkerMeter
from demo import fn_api
from evermail.decay import DecayedRow
from evermail.documents import Document, Key
from evermail.events import Event
from evermail.interest import HALF_LIFE_US
from evermail.shopper import ShopperState
from evermail.stores import Outcome, WriteResult
from pipeline import coders, stores
from pipeline.config import JobConfig
from pipeline.decode import Decode, DecodeFn
from pipeline.job import Sinks, build
from pipeline.keys import LiteralKeys
from pipeline.neighbors import STATE_FACTOR
from pipeline.shoppers import Shoppers

EVENTS_PER_SHOPPER = 20
SMALL = 100
"""Messages of a small bundle."""

GROWTH = ((1_000, 100), (100_000, 1), (1_000_000, 1))
"""Shoppers, and runs: two events a shopper, and no fewer than 200,000 in all."""

GROWTH_BUNDLE = 1_000

KEYS = LiteralKeys({"k1": "a-secret-for-the-benchmark-only"})
_messages: list[bytes] = []


class DictionaryStore:
    """As much of a store as the job needs, without what one costs."""

    def __init__(self) -> None:
        self.documents: dict[Key, Document] = {}
        self.writes = 0

    def get_many(self, keys: Sequence[Key], **_: Any) -> dict[Key, Document]:
        return {key: self.documents[key] for key in keys if key in self.documents}

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        self.writes += len(documents)
        self.documents.update((document.key, document) for document in documents)
        return [WriteResult(document.key, Outcome.WRITTEN) for document in documents]


def source(span: tuple[int, int]) -> Iterator[PubsubMessage]:
    """Where messages come from: of this process, as they would be too many for a pickle."""
    for data in _messages[slice(*span)]:
        yield PubsubMessage(data, {})


def _config(**changes: Any) -> JobConfig:
    return JobConfig(
        **{
            "store_url": "sqlite:///bench",
            "pseudonym_keys": KEYS,
            "timer_clock": paced_runner.timer_clock,
            **changes,
        }
    )


def _drop(_: Any) -> Iterator[Any]:
    return iter(())


def plain_loop() -> dict[str, float]:
    """Microseconds an event of the same updates, without Beam: decode, shoppers, neighbours."""
    fn = DecodeFn(_config())
    fn.setup()
    begun = time.thread_time()
    messages = source((0, len(_messages)))
    events = [event for message in messages for event in fn.process(message) if isinstance(event, Event)]
    decoded = time.thread_time()
    states: dict[str, ShopperState] = {}
    changes = []
    for event in events:
        state = states.setdefault(event.shopper, ShopperState())
        _, updates = state.apply(event, oldest_us=0, now_us=event.receipt.received_at)
        changes += updates
    remembered = time.thread_time()
    rows: dict[str, DecayedRow] = {}
    capacity = STATE_FACTOR * _config().neighbors_kept
    for item_id, update in changes:
        update.apply(rows.setdefault(item_id, DecayedRow(HALF_LIFE_US, capacity)))
    counted = time.thread_time()
    micros = 1e6 / len(events)
    return {
        "decode": (decoded - begun) * micros,
        "shoppers": (remembered - decoded) * micros,
        "neighbors": (counted - remembered) * micros,
    }


STEPS = {
    "decode": "Decode/",
    "clients": "Shoppers/Clients",
    "users": "Shoppers/Users",
    "trending": "Trending/|Enrich/",
    "neighbors": "Neighbors/",
    "writer": "StoreWriter/",
}
OTHER = "other"


class Spent(NamedTuple):
    """CPU time of a run, in microseconds an event."""

    whole: float
    steps: dict[str, float]
    """Of the worker."""
    collecting: float
    """Of that, full garbage collections (see `WorkerMeter`)."""
    writes: float
    """Documents written for each event."""
    documents: dict[Key, Document]
    """What the store holds in the end."""

    @property
    def worker(self) -> float:
        return sum(self.steps.values())


def on_beam(part: str, *, bundle: int | None = None, step_us: int | None = None, **changes: Any) -> Spent:
    """Runs `part` of the graph with the messages there are, in bundles of so many; nothing is one of all.

    `step_us` passes from one small bundle to the next: as long as one takes to arrive, unless it is told. If
    no time passes, timers fire when the input is over.
    """
    coders.register()
    store, meter = DictionaryStore(), WorkerMeter(_step)
    size = bundle or len(_messages)
    spans = [(at, at + size) for at in range(0, len(_messages), size)]
    if step_us is None:
        step_us = size * SPAN_US // len(_messages) if bundle else 0
    with (
        mock.patch.object(stores, "_open", return_value=store),
        fn_api.stateful_stages(),
        paced_runner.bundles(apart=bundle is not None, step_us=step_us),
        meter.running(),
    ):
        config = _config(**changes)
        pipeline = beam.Pipeline(options=PipelineOptions([fn_api.RUNNER]))
        messages = beam.Create(spans) | beam.FlatMap(source)
        if part == "whole":
            build(pipeline, messages, Sinks(beam.FlatMap(_drop)), config)
        else:
            decoded = pipeline | messages | "Decode" >> Decode(config)
            if part == "shoppers":
                decoded.events | "Shoppers" >> Shoppers(config)
        begun = time.process_time()
        pipeline.run().wait_until_finish()
        whole = time.process_time() - begun
    micros = 1e6 / len(_messages)
    by_step = {step: seconds * micros for step, seconds in meter.seconds.items()}
    collecting = meter.collecting * micros
    return Spent(whole * micros, by_step, collecting, store.writes / len(_messages), store.documents)


def _step(names: Collection[str]) -> str:
    """The step of the job that a stage of these transforms belongs to."""
    for step, starts in STEPS.items():
        if any(name.startswith(start) for name in names for start in starts.split("|")):
            return step
    return OTHER


def _warm_up() -> None:
    """The first time, caches are cold, of Python as of the job."""
    _messages[:] = make_messages(1_000, EVENTS_PER_SHOPPER)
    on_beam("whole")


def speed(count: int) -> None:
    """The table of parts."""
    _messages[:] = make_messages(count, EVENTS_PER_SHOPPER)
    plain_loop()  # the first time, caches are cold
    plain = plain_loop()
    print(f"{count:,} events of {count // EVENTS_PER_SHOPPER:,} shoppers, one bundle a stage")
    print(f"  {'':<24}{'an event':>11}{'of that, worker':>17}{'events/s':>10}{'plain loop':>12}")
    for part, label, steps in (
        ("decode", "decode", ("decode",)),
        ("shoppers", "decode and shoppers", ("decode", "shoppers")),
        ("whole", "the whole graph", tuple(plain)),
    ):
        spent = on_beam(part)
        same = 1e6 / sum(plain[step] for step in steps)
        print(
            f"  {label:<24}{spent.whole:>8.1f} us{spent.worker:>14.1f} us{1e6 / spent.whole:>10,.0f}"
            f"{same:>12,.0f}",
            flush=True,
        )
    seldom, often = (on_beam("whole", seldom_collection=seldom).whole for seldom in (True, False))
    print(f"  with --garbage_collection=stock, the whole graph costs {often / seldom:.2f} times as much")
    fewer = count // 10
    _messages[:] = _messages[:fewer]
    quick = on_beam("shoppers").whole
    stock = on_beam("shoppers", quick_state_cache=False).whole
    print(f"  with --state_cache=stock, {fewer:,} events cost {stock / quick:.1f} times as much")


def loads(count: int) -> None:
    """The table of what makes it harder."""
    harder = Load(anonymous=True, disorder_s=600, copies=0.1)
    print(f"\nThe whole graph, by load: microseconds of the worker for a message; {count:,} events")
    titles = "".join(f"{step:>10}" for step in (*STEPS, OTHER))
    print(f"  {'':<40}{titles}{'all':>8}{'full GC':>9}{'messages/s':>12}{'writes':>8}")
    for label, load, bundle in (
        ("signed in, in order, one bundle a stage", Load(), None),
        ("anonymous, half are identified later", Load(anonymous=True), None),
        ("10 min of disorder, 10 % copies", Load(disorder_s=600, copies=0.1), None),
        (f"bundles of {SMALL}, timers between them", Load(), SMALL),
        ("all of that", harder, SMALL),
    ):
        _messages[:] = make_messages(count, EVENTS_PER_SHOPPER, load)
        spent = on_beam("whole", bundle=bundle)
        steps = "".join(f"{spent.steps.get(step, 0):>10.1f}" for step in (*STEPS, OTHER))
        print(
            f"  {label:<40}{steps}{spent.worker:>8.1f}{spent.collecting:>9.1f}{1e6 / spent.worker:>12,.0f}"
            f"{spent.writes:>8.2f}",
            flush=True,
        )


def state_sizes() -> None:
    """Bytes of a shopper's memory, as it is kept in state and beside the profile."""
    print("\nBytes a shopper, encoded, after as many events")
    events = []
    fn = DecodeFn(_config())
    fn.setup()
    _messages[:] = make_messages(10_000, 10_000)
    for message in source((0, len(_messages))):
        events += fn.process(message)
    state, taken = ShopperState(), 0
    for count in (1, 10, 100, 1_000, 10_000):
        for event in events[taken:count]:
            state.apply(event, oldest_us=0, now_us=event.receipt.received_at)
        taken = count
        print(f"  {count:>7,}{len(state.to_bytes()):>12,}")


def growth() -> None:
    """The cost of an event as shoppers grow in number, two events each, in bundles of one size."""
    print(f"decode and shoppers, two events a shopper, bundles of {GROWTH_BUNDLE:,}: microseconds an event")
    titles = f"{'whole':>8}{'worker':>8}{'times':>7}{'without full GC':>17}{'times':>7}{'memory':>10}"
    print(f"  {'shoppers':>9}{'events':>12}{titles}")
    first: list[float] = []
    for shoppers, runs in GROWTH:
        whole = worker = quiet = 0.0
        for run in range(runs):
            _messages[:] = make_messages(2 * shoppers, 2, seed=run)
            spent = on_beam("shoppers", bundle=GROWTH_BUNDLE, step_us=0)
            whole += spent.whole / runs
            worker += spent.worker / runs
            quiet += (spent.worker - spent.collecting) / runs
        first = first or [worker, quiet]
        gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # Linux tells kilobytes
        print(
            f"  {shoppers:>9,}{2 * shoppers * runs:>12,}{whole:>8.1f}{worker:>8.1f}{worker / first[0]:>7.2f}"
            f"{quiet:>17.1f}{quiet / first[1]:>7.2f}{gigabytes:>7.1f} GB",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=50_000, help="how many events (default: 50,000)")
    parser.add_argument(
        "--growth",
        action="store_true",
        help="up to a million shoppers: a quarter of an hour, and 6 GB of memory",
    )
    arguments = parser.parse_args()
    _warm_up()
    if arguments.growth:
        growth()
    else:
        speed(arguments.events)
        loads(arguments.events)
        state_sizes()


if __name__ == "__main__":
    from bench import bench_pipeline  # so that what is pickled finds the module by its name

    bench_pipeline.main()
