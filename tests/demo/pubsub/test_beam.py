"""Beam's own Pub/Sub source and sink, in the local runner, on both servers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

PIPELINE = """
import sys
import threading
import apache_beam as beam
from apache_beam.io import ReadFromPubSub, WriteToPubSub
from google.cloud.pubsub_v1 import PublisherClient

publisher = PublisherClient()
options = ["--runner=BundleBasedDirectRunner", "--streaming", "--project=contract"]
pipeline = beam.Pipeline(argv=options)
(
    pipeline
    | ReadFromPubSub(subscription=sys.argv[1], with_attributes=True)
    | beam.Map(lambda m: beam.io.PubsubMessage(m.data.upper(), m.attributes))
    | WriteToPubSub(topic=sys.argv[2], with_attributes=True)
)
result = pipeline.run()
print("running", flush=True)
sys.stdin.readline()
# The runner is deaf while it waits up to 30 s for a message: keep them coming until it has heard.
cancelling = threading.Thread(target=result.cancel)
cancelling.start()
while cancelling.is_alive():
    publisher.publish(sys.argv[3], b"wake up")
    cancelling.join(0.05)
print("cancelled", flush=True)
"""


@pytest.mark.filterwarnings("ignore:The return_immediately flag")
def test_a_streaming_pipeline_reads_writes_and_can_be_cancelled(client: Any) -> None:
    output = client.topic + "-out"
    output_sub = client.sub + "-out"
    client.publisher.create_topic(name=output)
    client.subscriber.create_subscription(name=output_sub, topic=output)
    client.publish(*[f"early {n}".encode() for n in range(20)], kind="event")
    command = [sys.executable, "-c", PIPELINE, client.sub, output, client.topic]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            client.publish(*[f"late {n}".encode() for n in range(20)], kind="event")
            seen: list[tuple[bytes, str]] = []
            while len(seen) < 40:
                received = client.pull(sub=output_sub)
                ack_ids = [r.ack_id for r in received]
                client.subscriber.acknowledge(subscription=output_sub, ack_ids=ack_ids)
                seen += [(r.message.data, r.message.attributes["kind"]) for r in received]
            expected = [(f"{when} {n}".encode(), "event") for when in ("EARLY", "LATE") for n in range(20)]
            assert sorted(seen) == sorted(expected)
            assert client.is_empty(), "all was acknowledged"
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "cancelled\n"
        finally:
            process.kill()
