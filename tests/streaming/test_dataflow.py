"""The job as Dataflow gets it, built offline: what is native, what has state, and that no secret is in it."""

from __future__ import annotations

import base64
import bz2
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.internal import apiclient
from streaming_support import SECRET

from pipeline import main

SUBSCRIPTION = "projects/shop-1/subscriptions/events-job"
DEAD_LETTERS = "projects/shop-1/topics/dead-letters"
KEYS = "projects/shop-1/secrets/pseudonyms/versions/3"
TEMPLATE = "gs://demo-bucket/templates/job.json"
ARGUMENTS = [
    "--runner=DataflowRunner",
    "--project=shop-1",
    "--region=europe-west1",
    "--job_name=evermail",
    "--temp_location=gs://demo-bucket/temp",
    "--staging_location=gs://demo-bucket/staging",
    f"--template_location={TEMPLATE}",
    "--sdk_location=container",
    "--no_auth",
    "--dry_run=True",
    f"--events_subscription={SUBSCRIPTION}",
    f"--dead_letter_topic={DEAD_LETTERS}",
    "--store=firestore://shop-1",
    f"--pseudonym_keys=secret:{KEYS}",
]

Graph = beam_runner_api_pb2.Pipeline


class Submitted:
    """What would have been sent: the job's JSON, and every staged file."""

    def __init__(self, graph: Graph, files: dict[str, bytes]) -> None:
        self.graph, self.files = graph, files
        self.job: dict[str, Any] = json.loads(files[TEMPLATE])

    def transforms(self, urn: str) -> dict[str, Any]:
        """Payloads by the full name of the step."""
        found = self.graph.components.transforms.values()
        return {each.unique_name: each.spec.payload for each in found if each.spec.urn == urn}

    def par_do(self, step: str) -> beam_runner_api_pb2.ParDoPayload:
        ((_, payload),) = (
            (name, payload)
            for name, payload in self.transforms("beam:transform:pardo:v1").items()
            if name.startswith(step)
        )
        return beam_runner_api_pb2.ParDoPayload.FromString(payload)


@pytest.fixture(scope="module")
def submitted() -> Submitted:
    """The job, started with a secret in the launcher's environment."""
    files: dict[str, bytes] = {}

    def stage(self: Any, folder: str, name: str, stream: Any, *_: Any, **__: Any) -> None:
        files[f"{folder.rstrip('/')}/{name}"] = stream.read()

    with (
        mock.patch.dict("os.environ", {"EVERMAIL_PSEUDONYM_KEYS": f"k1:{SECRET}"}),
        mock.patch.object(apiclient.DataflowApplicationClient, "stage_file", stage),
        mock.patch.object(apiclient, "create_storage_client", return_value=None),
    ):
        job = main.start(ARGUMENTS).job
        options = PipelineOptions(ARGUMENTS, streaming=True)
        apiclient.DataflowApplicationClient(options, job.root_staging_location).create_job(job)
    return Submitted(job.proto_pipeline, files)


def test_events_are_read_by_dataflow_itself_with_their_id(submitted: Submitted) -> None:
    ((_, payload),) = submitted.transforms("beam:transform:pubsub_read:v1").items()
    read = beam_runner_api_pb2.PubSubReadPayload.FromString(payload)
    assert read.subscription == SUBSCRIPTION
    assert read.id_attribute == "event_id"
    assert read.with_attributes


def test_no_attribute_of_a_publisher_is_a_timestamp(submitted: Submitted) -> None:
    """One that does not parse would stop the job: event times come from the payload, in decode."""
    ((_, payload),) = submitted.transforms("beam:transform:pubsub_read:v1").items()
    assert beam_runner_api_pb2.PubSubReadPayload.FromString(payload).timestamp_attribute == ""


def test_dead_letters_are_published_by_dataflow_itself(submitted: Submitted) -> None:
    ((_, payload),) = submitted.transforms("beam:transform:pubsub_write:v1").items()
    assert beam_runner_api_pb2.PubSubWritePayload.FromString(payload).topic == DEAD_LETTERS


@pytest.mark.parametrize(
    ("step", "state"),
    [
        ("Shoppers/Remember", {"shopper", "flush_due"}),
        ("Neighbors/AddUp", {"changes", "row", "version", "flush_due"}),
        ("Trending/AddUp", {"changes", "row", "version", "flush_due"}),
    ],
)
def test_stateful_steps_declare_state_and_timers(submitted: Submitted, step: str, state: set[str]) -> None:
    payload = submitted.par_do(step)
    assert set(payload.state_specs) == state
    domains = [timer.time_domain for timer in payload.timer_family_specs.values()]
    assert domains == [beam_runner_api_pb2.TimeDomain.PROCESSING_TIME] * 2  # to flush, and to forget


def test_nothing_else_keeps_state(submitted: Submitted) -> None:
    stateful = {
        name.split("/")[0]
        for name, payload in submitted.transforms("beam:transform:pardo:v1").items()
        if beam_runner_api_pb2.ParDoPayload.FromString(payload).state_specs
    }
    assert stateful == {"Shoppers", "Neighbors", "Trending"}


def test_late_counts_are_added_once(submitted: Submitted) -> None:
    (windows,) = [
        strategy
        for strategy in submitted.graph.components.windowing_strategies.values()
        if strategy.allowed_lateness
    ]
    assert windows.accumulation_mode == beam_runner_api_pb2.AccumulationMode.DISCARDING
    assert windows.allowed_lateness == (86_400 + 3_600) * 1000
    assert windows.trigger.after_end_of_window.late_firings.element_count.element_count == 1


def test_it_streams_on_the_streaming_engine(submitted: Submitted) -> None:
    environment = submitted.job["environment"]
    assert submitted.job["type"] == "JOB_TYPE_STREAMING"
    assert "enable_streaming_engine" in environment["experiments"]
    assert "use_runner_v2" in environment["experiments"]


def test_elements_travel_by_coders_of_their_own(submitted: Submitted) -> None:
    """A type hint that is lost on the way would make a step fall back to pickle, silently."""
    components = submitted.graph.components
    names = _coder_names(components)
    outputs = {
        step.unique_name: {
            tag: names[components.pcollections[pcollection].coder_id]
            for tag, pcollection in step.outputs.items()
        }
        for step in components.transforms.values()
    }
    assert outputs["Decode/ParDo(DecodeFn)/ParDo(DecodeFn)"] == {
        "None": "EventCoder",
        "rejected": "RejectedCoder",
    }
    assert outputs["Shoppers/KeyByShopper"] == {"None": "kv<str, EventCoder>"}
    assert outputs["Shoppers/Remember/ParDo(ShopperFn)"] == {
        "None": "DocumentCoder",
        "accepted": "EventCoder",
        "row_updates": "kv<str, RowUpdateCoder>",
        "refused": "RejectedCoder",
    }
    assert outputs["Documents"] == {"None": "DocumentCoder"}
    assert outputs["Refused"] == {"None": "RejectedCoder"}


def test_options_show_where_the_keys_are(submitted: Submitted) -> None:
    assert f"secret:{KEYS}" in json.dumps(submitted.job)


def test_no_secret_is_in_anything_that_is_sent(submitted: Submitted) -> None:
    everything = [
        json.dumps(submitted.job).encode(),
        submitted.graph.SerializeToString(),
        *submitted.files.values(),
    ]
    functions = [part for text in everything for part in _unpacked(text)]
    assert any(KEYS.encode() in text for text in functions)  # the reference is found, so a secret would be
    assert not any(SECRET.encode() in text for text in [*everything, *functions])


def _coder_names(components: beam_runner_api_pb2.Components) -> dict[str, str]:
    def name(coder_id: str) -> str:
        coder = components.coders[coder_id]
        if coder.spec.urn == "beam:coder:kv:v1":
            return f"kv<{', '.join(name(part) for part in coder.component_coder_ids)}>"
        if coder.spec.urn == "beam:coder:string_utf8:v1":
            return "str"
        if coder.spec.urn == "beam:coder:pickled_python:v1" or coder.spec.urn.startswith("beam:coders:"):
            return _class_of(coder.spec.payload)
        return coder.spec.urn

    return {coder_id: name(coder_id) for coder_id in components.coders}


def _class_of(payload: bytes) -> str:
    """The class of a pickled object, whose name Beam writes before it."""
    found = re.search(rb"([A-Z]\w+)\$", payload[2:])  # after a tag and a length
    return found[1].decode() if found else "?"


def _unpacked(text: bytes) -> Iterator[bytes]:
    """What is pickled in a text: Beam compresses pickles and writes them in base64."""
    for run in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", text):
        for match in re.finditer(rb"QlpoO|eN", run):
            packed = base64.b64decode(run[match.start() :] + b"===")
            unpack = zlib.decompressobj() if match[0] == b"eN" else bz2.BZ2Decompressor()
            with suppress(zlib.error, OSError):
                yield unpack.decompress(packed)
