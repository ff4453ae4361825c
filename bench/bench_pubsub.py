"""What the embedded Pub/Sub carries, and what that costs, with the real client library.

The server runs in this process and the clients in another, so that this process's CPU time is the
server's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from demo.pubsub import EmbeddedPubSub

TOPIC = "projects/bench/topics/events"
SUBSCRIPTION = "projects/bench/subscriptions/events"


def main() -> None:
    options = _options()
    spawn = multiprocessing.get_context("spawn")
    with EmbeddedPubSub() as pubsub:
        ours, theirs = spawn.Pipe()
        clients = spawn.Process(
            target=_clients, args=(pubsub.endpoint, theirs, options.messages, options.size, options.rate)
        )
        clients.start()
        theirs.close()
        print(f"{options.messages} messages of {options.size} bytes; CPU is the server's alone")
        print(f"{'':34}{'msgs/s':>9}{'CPU µs/msg':>12}{'of a core':>11}")
        try:
            while True:
                name = ours.recv()
                cpu, wall = time.process_time(), time.perf_counter()
                ours.send("go")
                count, note = ours.recv()
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                print(f"{name:34}{count / wall:9,.0f}{cpu / count * 1e6:12.0f}{cpu / wall:11.0%}  {note}")
        except EOFError:
            clients.join()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_pubsub",
        description=__doc__,
        epilog="example: python -m bench.bench_pubsub --messages 20000 --rate 1000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--messages", type=int, default=20_000, help="messages in each run (default 20000)")
    parser.add_argument("--size", type=int, default=300, help="bytes of data in a message (default 300)")
    parser.add_argument(
        "--rate", type=int, default=1000, help="messages/s of the steady run, which takes 5 s (default 1000)"
    )
    return parser.parse_args()


def _clients(endpoint: str, control: Connection, messages: int, size: int, rate: int) -> None:
    """Runs in the other process: names each run, waits for the go, reports the messages it moved."""
    import os

    os.environ["PUBSUB_EMULATOR_HOST"] = endpoint
    from google.cloud import pubsub_v1

    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    publisher.create_topic(name=TOPIC)
    subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)

    def run(name: str, work: Callable[[], tuple[int, str]]) -> None:
        control.send(name)
        control.recv()
        control.send(work())

    def publish() -> tuple[int, str]:
        futures = [
            publisher.publish(TOPIC, b"x" * size, event_id=str(n), event_time="2026-11-24T03:00:00Z")
            for n in range(messages)
        ]
        for future in futures:
            future.result(60)
        return messages, ""

    def pull(batch: int) -> Callable[[], tuple[int, str]]:
        def work() -> tuple[int, str]:
            count = 0
            while count < messages:
                received = subscriber.pull(subscription=SUBSCRIPTION, max_messages=batch).received_messages
                subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=[r.ack_id for r in received])
                count += len(received)
            return count, ""

        return work

    def stream() -> tuple[int, str]:
        return messages, _receive(subscriber, messages, lambda: None)

    def steady() -> tuple[int, str]:
        count = rate * 5

        def paced() -> None:
            start = time.perf_counter()
            for n in range(count):
                time.sleep(max(0.0, start + n / rate - time.perf_counter()))
                publisher.publish(TOPIC, b"x" * size, sent=str(time.time()))

        return count, _receive(subscriber, count, paced)

    for batch in (200, 10):
        run("publish (client's batching)", publish)
        run(f"pull {batch} + acknowledge", pull(batch))
    run("publish (client's batching)", publish)
    run("streaming pull + acknowledge", stream)
    run(f"steady {rate}/s, publish to callback", steady)
    control.close()


def _receive(subscriber: Any, count: int, meanwhile: Callable[[], None]) -> str:
    """Streams until `count` messages came, while something else runs; says how long they took."""
    latencies: list[float] = []
    seen = threading.Semaphore(0)

    def callback(message: Any) -> None:
        if sent := message.attributes.get("sent"):
            latencies.append((time.time() - float(sent)) * 1000)
        message.ack()
        seen.release()

    future = subscriber.subscribe(SUBSCRIPTION, callback)
    meanwhile()
    for _ in range(count):
        seen.acquire()
    future.cancel()
    future.result()
    if not latencies:
        return ""
    latencies.sort()
    p50, p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
    return (
        f"latency p50 {p50:.0f} ms, p99 {p99:.0f} ms (up to 10 ms of it the publisher waits to fill a batch)"
    )


if __name__ == "__main__":
    main()
