"""What a job on Dataflow must have, said before it is sent there rather than later by its workers.

Streaming Engine and Runner v2 are no options of ours: Beam 2.77 sets both for every streaming job in Python,
and refuses what would turn them off (_check_and_add_missing_options in apache_beam's dataflow_runner.py).
Nor is `--save_main_session`: with cloudpickle, the session is Beam's registries, such as that of our coders.
"""

from __future__ import annotations

import re
from pathlib import Path

from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)

from pipeline.options import OptionError

AT_LEAST_ONCE = "streaming_mode_at_least_once"

_FOLDER = re.compile(r"gs://[a-z0-9][-_.a-z0-9]+[a-z0-9](/.*)?")


def on_dataflow(options: PipelineOptions) -> bool:
    """Whether Beam takes the runner for Dataflow's; the case of letters is the caller's."""
    return (options.view_as(StandardOptions).runner or "").lower() in ("dataflow", "dataflowrunner")


def check(options: PipelineOptions) -> None:
    """Raises `OptionError` for what could not run. Gives `--setup_file` its full path, which Beam needs."""
    _check_code(options)
    _check_bucket(options.view_as(GoogleCloudOptions))
    _check_mode(options.view_as(GoogleCloudOptions))
    _check_update(options.view_as(GoogleCloudOptions))


def _check_code(options: PipelineOptions) -> None:
    """Workers have Beam, and of this project only what is staged or installed in their image."""
    setup = options.view_as(SetupOptions)
    if setup.setup_file:
        setup_file = Path(setup.setup_file)
        if not setup_file.is_file():
            raise OptionError(
                f"--setup_file: there is no file {setup.setup_file}; give the path of our setup.py"
            )
        setup.setup_file = str(setup_file.resolve())  # Beam changes to its folder, and a bare name has none
    elif not (options.view_as(WorkerOptions).sdk_container_image or setup.extra_packages):
        raise OptionError(
            "--setup_file: workers on Dataflow would not have this code: give --setup_file=./setup.py, "
            "or a --sdk_container_image that has it installed"
        )


def _check_bucket(cloud: GoogleCloudOptions) -> None:
    """For a job without a bucket Beam makes one, outside of what keeps the project's infrastructure."""
    if not any(_FOLDER.fullmatch(place or "") for place in (cloud.temp_location, cloud.staging_location)):
        raise OptionError(
            f"--temp_location must be a folder of a bucket, gs://BUCKET/FOLDER, got {cloud.temp_location!r}"
        )


def _check_mode(cloud: GoogleCloudOptions) -> None:
    """At least once, a stage takes the same element in twice, and the rows of neighbours are sums."""
    if AT_LEAST_ONCE in (cloud.dataflow_service_options or ()):
        raise OptionError(
            f"--dataflow_service_options={AT_LEAST_ONCE}: this job adds up, so it needs exactly-once mode; "
            "leave the option out"
        )


def _check_update(cloud: GoogleCloudOptions) -> None:
    """Beam makes up a new name for every launch that has none, and no running job has that one."""
    if cloud.update and not cloud.job_name:
        raise OptionError(
            "--update: give the name of the running job that this one replaces: --job_name=NAME"
        )
