"""The job as Dataflow would get it, built on this machine: no network, no credentials, nothing submitted.

Beam's own code runs up to where it would upload a file or ask the service, and only that is replaced.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any

from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners.dataflow.internal import apiclient

from pipeline import main

_TEMPLATE = "gs://offline/job.json"

_OFFLINE = (
    "--runner=DataflowRunner",
    "--dry_run=True",
    "--no_auth",
    f"--template_location={_TEMPLATE}",  # with one, Beam writes the job to a file instead of submitting it
)

REPLACED_JOB_ID = "offline-running-job"
"""Stands for the job that an `--update` would replace: which one runs is known only to the service."""

Client = apiclient.DataflowApplicationClient


@dataclass(frozen=True)
class Submission:
    """What would have been sent.

    `graph` is the portable pipeline that workers read, `job` what the service's API would get, and `staged`
    the files in the staging location, by name.
    """

    graph: beam_runner_api_pb2.Pipeline
    job: Mapping[str, Any]
    staged: Mapping[str, bytes]


def submission(arguments: Sequence[str]) -> Submission:
    """Builds the job that command-line arguments describe. Raises `OptionError` as a launch would."""
    files: dict[str, bytes] = {}
    with _kept_here(files):
        job = main.start([*arguments, *_OFFLINE]).job
        Client(job.options, job.root_staging_location).create_job(job)
    return Submission(
        graph=job.proto_pipeline,
        job=json.loads(files.pop(_TEMPLATE)),
        staged={posixpath.basename(url): content for url, content in files.items()},
    )


@contextmanager
def _kept_here(files: dict[str, bytes]) -> Iterator[None]:
    """Puts what would be uploaded into `files`, by its URL; answers or refuses what would ask the service."""

    def stage_file(client: Client, folder: str, name: str, content: IO[bytes], *_: Any, **__: Any) -> None:
        files[posixpath.join(folder, name)] = content.read()

    def submit_job_description(client: Client, job: Any) -> Any:
        raise RuntimeError("a job that is built offline is not submitted")

    def job_id_for_name(client: Client, name: str) -> str:
        return REPLACED_JOB_ID

    with ExitStack() as undo:
        for method in (stage_file, submit_job_description, job_id_for_name):
            undo.callback(setattr, Client, method.__name__, getattr(Client, method.__name__))
            setattr(Client, method.__name__, method)
        yield
