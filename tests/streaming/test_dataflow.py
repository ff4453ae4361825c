"""The job as Dataflow gets it, built offline: what is native, what has state, and that no secret is in it."""

from __future__ import annotations

import base64
import bz2
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from unittest import mock

import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from dataflow_support import CLOUD, DEAD_LETTERS, IMAGE, JOB, KEYS, SUBSCRIPTION, built
from streaming_support import SECRET

from pipeline.dataflow.offline import Submission, submission
from pipeline.dataflow.steps import PUBSUB_READ, PUBSUB_WRITE, Step, steps_of

FALLBACK = "FastPrimitivesCoder"
"""Beam's coder for types that it has none for: it pickles."""

SHUFFLES = ("beam:transform:group_by_key:v1", "beam:transform:reshuffle:v1")


@pytest.fixture(scope="module")
def submitted() -> Submission:
    """The job, started with a secret in the launcher's environment."""
    with mock.patch.dict("os.environ", {"EVERMAIL_PSEUDONYM_KEYS": f"k1:{SECRET}"}):
        return submission([*CLOUD, *JOB, f"--sdk_container_image={IMAGE}"])


@pytest.fixture(
    scope="module",
    params=[[], ["--triggers_topic=projects/shop-1/topics/triggers", "--archive=bigquery:shop-1.events.all"]],
    ids=["as little as can be", "all there is"],
)
def steps(request: pytest.FixtureRequest) -> list[Step]:
    graph = built(*request.param).graph
    return [step for outermost in steps_of(graph) for step in outermost.walk()]


def payloads(submitted: Submission, urn: str) -> list[bytes]:
    found = submitted.graph.components.transforms.values()
    return [transform.spec.payload for transform in found if transform.spec.urn == urn]


def read_of(submitted: Submission) -> beam_runner_api_pb2.PubSubReadPayload:
    (payload,) = payloads(submitted, PUBSUB_READ)
    return beam_runner_api_pb2.PubSubReadPayload.FromString(payload)


def test_events_are_read_by_dataflow_itself_with_their_digest(submitted: Submission) -> None:
    read = read_of(submitted)
    assert read.subscription == SUBSCRIPTION
    assert read.id_attribute == "event_digest"
    assert read.with_attributes


def test_no_attribute_of_a_publisher_is_a_timestamp(submitted: Submission) -> None:
    """One that does not parse would stop the job: event times come from the payload, in decode."""
    assert read_of(submitted).timestamp_attribute == ""


def test_dead_letters_are_published_by_dataflow_itself(submitted: Submission) -> None:
    topics = [
        beam_runner_api_pb2.PubSubWritePayload.FromString(payload).topic
        for payload in payloads(submitted, PUBSUB_WRITE)
    ]
    assert topics.count(DEAD_LETTERS) == 1


@pytest.mark.parametrize("place", ["Shoppers/", "Neighbors/", "Trending/"])
def test_shoppers_neighbors_and_trending_keep_state_and_watch_the_clock(
    steps: list[Step], place: str
) -> None:
    """Documents are written soon and forgotten late, also while the watermark stands still."""
    keeping = [step for step in steps if step.state and step.path.startswith(place)]
    assert keeping
    for step in keeping:
        assert "processing time" in step.timers.values(), step.path


def test_whatever_is_kept_for_a_key_has_a_timer_that_ends_it(steps: list[Step]) -> None:
    """Nothing else is left of a key that is never heard of again; `drain` comes with the end of the job."""
    for step in steps:
        assert not step.state or step.timers.keys() - {"drain"}, step.path


def test_late_counts_are_added_once(submitted: Submission) -> None:
    windows = [
        strategy
        for strategy in submitted.graph.components.windowing_strategies.values()
        if strategy.window_fn.urn == "beam:window_fn:fixed_windows:v1"
    ]
    assert windows
    for strategy in windows:
        assert strategy.accumulation_mode == beam_runner_api_pb2.AccumulationMode.DISCARDING
        assert strategy.allowed_lateness > 86_400 * 1000
        assert strategy.trigger.after_end_of_window.late_firings.element_count.element_count == 1


def test_it_streams_on_the_streaming_engine(submitted: Submission) -> None:
    experiments = submitted.job["environment"]["experiments"]
    assert submitted.job["type"] == "JOB_TYPE_STREAMING"
    assert "enable_streaming_engine" in experiments
    assert "use_runner_v2" in experiments


def test_what_is_kept_and_what_is_shuffled_has_coders_of_its_own(steps: list[Step]) -> None:
    """A type hint that is lost on the way would make a step fall back to pickle, silently."""
    shuffling = [step for step in steps if step.state or step.urn in SHUFFLES]
    assert shuffling
    for step in shuffling:
        if "/ReshufflePerKey/" in step.path:  # Beam's own, within a reshuffle whose elements are looked at
            continue
        kept = [*step.state.values(), *(elements.coder for elements in step.inputs)]
        assert not [coder for coder in kept if FALLBACK in coder], step.path


@pytest.mark.parametrize(
    ("place", "coder"),
    [("Decode", "EventCoder"), ("Documents", "DocumentCoder"), ("Refused", "RejectedCoder")],
)
def test_events_documents_and_refusals_travel_by_coders_of_their_own(
    steps: list[Step], place: str, coder: str
) -> None:
    (step,) = [step for step in steps if step.path == place]
    assert coder in {elements.coder for elements in step.outputs.values()}


def test_steps_with_state_have_names_of_ours(steps: list[Step]) -> None:
    """In an update, Dataflow finds state by the step's name: one that Beam makes up may change without us."""
    for step in steps:
        if step.state:
            named, *_ = step.path.split("/ParDo(")
            assert re.fullmatch(r"[A-Z]\w+(/[A-Z]\w+)+", named), step.path


def test_options_show_where_the_keys_are(submitted: Submission) -> None:
    assert f"secret:{KEYS}" in json.dumps(submitted.job)


def test_no_secret_is_in_anything_that_is_sent(submitted: Submission) -> None:
    everything = [
        json.dumps(submitted.job).encode(),
        submitted.graph.SerializeToString(),
        *submitted.staged.values(),
    ]
    functions = [part for text in everything for part in unpacked(text)]
    assert any(KEYS.encode() in text for text in functions)  # the reference is found, so a secret would be
    assert not any(SECRET.encode() in text for text in [*everything, *functions])


class TestWorkers:
    def test_settings_are_those_that_were_asked_for(self) -> None:
        job = built(
            "--service_account_email=job@shop-1.iam.gserviceaccount.com",
            "--machine_type=e2-standard-4",
            "--max_num_workers=7",
            "--disk_size_gb=30",
        ).job
        pool = job["environment"]["workerPools"][0]
        assert job["environment"]["serviceAccountEmail"] == "job@shop-1.iam.gserviceaccount.com"
        assert pool["machineType"] == "e2-standard-4"
        assert pool["autoscalingSettings"]["maxNumWorkers"] == 7
        assert pool["diskSizeGb"] == 30

    def test_with_an_image_they_install_nothing(self) -> None:
        pool = built().job["environment"]["workerPools"][0]
        assert [image["containerImage"] for image in pool["sdkHarnessContainerImages"]] == [IMAGE]
        installed = ("workflow.tar.gz", "requirements.txt", "extra_packages.txt")
        assert not set(installed) & set(built().staged)


def unpacked(content: bytes) -> Iterator[bytes]:
    """What is pickled in a file: Beam compresses pickles and writes them in base64."""
    for run in re.findall(rb"[A-Za-z0-9+/]{24,}={0,2}", content):
        for match in re.finditer(rb"QlpoO|eN", run):
            text = run[match.start() :].rstrip(b"=")
            whole = text[:-1] if len(text) % 4 == 1 else text  # a run may begin or end with something else
            packed = base64.b64decode(whole + b"===")
            unpack = zlib.decompressobj() if match[0] == b"eN" else bz2.BZ2Decompressor()
            with suppress(zlib.error, OSError):
                yield unpack.decompress(packed)
