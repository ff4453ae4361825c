"""A job for Dataflow is built on this machine alone, and Beam is left as it was."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

import pytest
from apache_beam.runners.dataflow.internal import apiclient
from dataflow_support import CLOUD, IMAGE, JOB

from pipeline.dataflow.offline import REPLACED_JOB_ID, submission
from pipeline.options import OptionError

ARGUMENTS = [*CLOUD, *JOB, f"--sdk_container_image={IMAGE}"]
REPLACED = ("stage_file", "submit_job_description", "job_id_for_name")


@pytest.fixture
def nothing_but_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no credentials, no gcloud."""

    def unreachable(*_: Any, **__: Any) -> Any:
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


@pytest.mark.usefixtures("nothing_but_this_machine")
@pytest.mark.parametrize("more", [(), ("--update",), ("--runner=BundleBasedDirectRunner",)])
def test_it_needs_nothing_but_this_machine(more: tuple[str, ...]) -> None:
    assert submission([*ARGUMENTS, *more]).job["name"] == "evermail"


def test_a_template_location_of_the_caller_changes_nothing() -> None:
    built = submission([*ARGUMENTS, "--template_location=gs://shop-1-templates/job.json"])
    assert built.job["name"] == "evermail"
    assert "job.json" not in built.staged


def test_an_update_says_which_job_it_replaces() -> None:
    assert submission([*ARGUMENTS, "--update"]).job["replaceJobId"] == REPLACED_JOB_ID
    assert "replaceJobId" not in submission(ARGUMENTS).job


def test_errors_are_those_of_a_launch() -> None:
    with pytest.raises(OptionError, match="--store is required"):
        submission([*CLOUD, *JOB, "--store="])


@pytest.mark.parametrize("arguments", [ARGUMENTS, [*ARGUMENTS, "--store="]])
def test_beam_is_left_as_it_was(arguments: list[str]) -> None:
    before = [getattr(apiclient.DataflowApplicationClient, name) for name in REPLACED]
    with suppress(OptionError):
        submission(arguments)
    assert [getattr(apiclient.DataflowApplicationClient, name) for name in REPLACED] == before
