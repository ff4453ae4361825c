"""Events a second of CPU: the job on Beam's FnApiRunner, whole and by step, beside a plain loop that does it.

    python -m bench.bench_pipeline [--events 50000] [--growth]

FnApiRunner runs the code of Dataflow's workers in this process, elements encoded between stages as there; its
own work counts in the whole and not in the steps. The store is a dictionary: what stores cost is in
bench_stores. Figures are of CPU time, so that a busy machine matters less; compare those of one run.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from unittest import mock

import apache_beam as beam
import msgspec
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.worker import sdk_worker

from demo import fn_api
from evermail import clock
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
from pipeline.shoppers import Shoppers

ITEMS, CATEGORIES = 5_000, 40
EVENTS_PER_SHOPPER = 20
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


def make_messages(count: int, shoppers: int, seed: int = 1) -> list[bytes]:
    """Events of a shop: a few items are seen often, most of them seldom."""
    dice = random.Random(seed)
    names = ["view_item"] * 16 + ["add_to_cart"] * 2 + ["purchase", "search"]
    start_us = clock.now_us() - clock.HOUR
    step_us = clock.HOUR // count
    made = []
    for number in range(count):
        shopper = dice.randrange(shoppers)
        item = min(int(dice.paretovariate(0.8)) + dice.randrange(40), ITEMS)
        name = dice.choice(names)
        line = {
            "item_id": f"SKU-{item}",
            "quantity": 1,
            "price": 19.9,
            "item_category": f"c{item % CATEGORIES}",
        }
        fields = {
            "event_id": f"event-{number}",
            "event_name": name,
            "event_time": clock.to_rfc3339(start_us + number * step_us),
            "client_id": f"browser-{shopper}",
            "user_id": f"customer-{shopper}",
            "items": [] if name == "search" else [line],
            "value": 19.9,
            "currency": "EUR",
            "source": "web",
        }
        made.append(msgspec.json.encode(fields))
    return made


def source(_: Any) -> Iterator[PubsubMessage]:
    """Where messages come from: of this process, as they would be too many for a pickle."""
    for data in _messages:
        yield PubsubMessage(data, {})


def _config(**changes: Any) -> JobConfig:
    # The timers' clock stands still: the runner fires them when the input is over, once for each key.
    return JobConfig(
        **{"store_url": "sqlite:///bench", "pseudonym_keys": KEYS, "timer_clock": _never, **changes}
    )


def _never() -> int:
    return 0


def _drop(_: Any) -> Iterator[Any]:
    return iter(())


def plain_loop() -> dict[str, float]:
    """Microseconds an event of the same updates, without Beam: decode, shoppers, neighbours."""
    fn = DecodeFn(_config())
    fn.setup()
    begun = time.thread_time()
    events = [event for message in source(None) for event in fn.process(message) if isinstance(event, Event)]
    decoded = time.thread_time()
    states: dict[str, ShopperState] = {}
    changes = []
    for event in events:
        state = states.setdefault(event.shopper, ShopperState())
        _, updates = state.apply(event, oldest_us=0, now_us=event.receipt.received_at)
        changes += updates
    remembered = time.thread_time()
    rows: dict[str, DecayedRow] = {}
    for item_id, update in changes:
        row = rows.setdefault(item_id, DecayedRow(HALF_LIFE_US, 400))
        for neighbor, amount in update.amounts:
            row.add(neighbor, amount, update.event_time)
    counted = time.thread_time()
    micros = 1e6 / len(events)
    return {
        "decode": (decoded - begun) * micros,
        "shoppers": (remembered - decoded) * micros,
        "neighbors": (counted - remembered) * micros,
    }


STEPS = {
    "decode": "Decode/",
    "shoppers": "Shoppers/",
    "enrich, trending": "Trending/|Enrich/",
    "neighbors": "Neighbors/",
    "store writer": "StoreWriter/",
}


def on_beam(part: str, **changes: Any) -> tuple[float, dict[str, float], DictionaryStore]:
    """(microseconds an event of the process, of the worker by step, the store) of `part` of the graph."""
    coders.register()
    store, spent = DictionaryStore(), Counter[str]()
    stock = sdk_worker.SdkWorker.process_bundle

    def process_bundle(self: Any, request: Any, instruction_id: str) -> Any:
        begun = time.thread_time()
        try:
            return stock(self, request, instruction_id)
        finally:
            descriptor = self.bundle_processor_cache.fns[request.process_bundle_descriptor_id]
            spent[_step(descriptor)] += time.thread_time() - begun

    with (
        mock.patch.object(stores, "_open", return_value=store),
        mock.patch.object(sdk_worker.SdkWorker, "process_bundle", process_bundle),
        fn_api.stateful_stages(),
    ):
        config = _config(**changes)
        pipeline = beam.Pipeline(options=PipelineOptions([fn_api.RUNNER]))
        messages = beam.Create([0]) | beam.FlatMap(source)
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
    return whole * micros, {step: seconds * micros for step, seconds in spent.items()}, store


def _step(descriptor: Any) -> str:
    names = [transform.unique_name for transform in descriptor.transforms.values()]
    for step, starts in STEPS.items():
        if any(name.startswith(start) for name in names for start in starts.split("|")):
            return step
    return "other"


def _row(label: str, micros: float, plain: float | None = None) -> None:
    beside = f"{1e6 / plain:>12,.0f}" if plain else " " * 12
    print(f"  {label:<34}{micros:>8.1f} us {1e6 / micros:>12,.0f}/s {beside}")


def speed(count: int) -> None:
    """The table of steps."""
    _messages[:] = make_messages(count, count // EVENTS_PER_SHOPPER)
    plain_loop()  # the first time, caches are cold
    plain = plain_loop()
    print(f"{count:,} events of {count // EVENTS_PER_SHOPPER:,} shoppers; events a second of CPU")
    print(f"  {'':<34}{'an event':>11} {'on Beam':>14} {'plain loop':>12}")
    decode, _, _ = on_beam("decode")
    _row("decode", decode, plain["decode"])
    both, _, _ = on_beam("shoppers")
    _row("decode and shoppers", both, plain["decode"] + plain["shoppers"])
    whole, steps, store = on_beam("whole")
    _row("the whole graph", whole, sum(plain.values()))
    for step in (*STEPS, "other"):
        if step in steps:
            _row(f"  of that, {step}", steps[step], plain.get(step))
    print(f"  documents written: {store.writes:,}, {store.writes / count:.2f} an event")
    fewer = count // 10
    _messages[:] = _messages[:fewer]
    quick, _, _ = on_beam("shoppers")
    stock, _, _ = on_beam("shoppers", quick_state_cache=False)
    print(f"  with --state_cache=stock, {fewer:,} events cost {stock / quick:.1f} times as much")


def state_sizes() -> None:
    """Bytes of a shopper's memory, as it is kept in state and beside the profile."""
    print("bytes a shopper, encoded, after as many events")
    events = []
    fn = DecodeFn(_config())
    fn.setup()
    _messages[:] = make_messages(10_000, 1)
    for message in source(None):
        events += fn.process(message)
    state, taken = ShopperState(), 0
    for count in (1, 10, 100, 1_000, 10_000):
        for event in events[taken:count]:
            state.apply(event, oldest_us=0, now_us=event.receipt.received_at)
        taken = count
        print(f"  {count:>7,}{len(state.to_bytes()):>12,}")


def growth() -> None:
    """The cost of an event as shoppers grow in number, two events each."""
    print("decode and shoppers, two events a shopper: microseconds an event of the worker")
    first = None
    for shoppers in (1_000, 100_000, 1_000_000):
        runs = max(1, 20_000 // shoppers)
        cost = 0.0
        for run in range(runs):
            _messages[:] = make_messages(2 * shoppers, shoppers, seed=run)
            _, steps, _ = on_beam("shoppers")
            cost += sum(steps.values()) / runs
        first = first or cost
        print(f"  {shoppers:>9,} shoppers {cost:>8.1f} us {cost / first:>8.2f} times", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=50_000, help="how many events (default: 50,000)")
    parser.add_argument(
        "--growth", action="store_true", help="up to a million shoppers: some minutes, and 10 GB of memory"
    )
    arguments = parser.parse_args()
    if arguments.growth:
        growth()
    else:
        speed(arguments.events)
        state_sizes()


if __name__ == "__main__":
    from bench import bench_pipeline  # so that what is pickled finds the module by its name

    bench_pipeline.main()
