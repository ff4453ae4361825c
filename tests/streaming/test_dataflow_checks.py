"""What would keep the job from running on Dataflow is said before anything is sent there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from dataflow_support import CLOUD, IMAGE, JOB, ROOT

from pipeline import main
from pipeline.dataflow import checks
from pipeline.options import OptionError

WITH_IMAGE = f"--sdk_container_image={IMAGE}"


def check(*arguments: str) -> PipelineOptions:
    options = PipelineOptions([*CLOUD, *arguments], streaming=True)
    checks.check(options)
    return options


@pytest.mark.parametrize(
    "way", [WITH_IMAGE, f"--setup_file={ROOT / 'setup.py'}", "--extra_package=evermail-0.1.0.tar.gz"]
)
def test_code_reaches_workers_in_one_of_three_ways(way: str) -> None:
    check(way)


def test_a_job_whose_workers_would_not_have_the_code_is_refused() -> None:
    with pytest.raises(OptionError, match="--setup_file: workers on Dataflow would not have this code: give"):
        check()


def test_a_setup_file_that_is_not_there_is_named() -> None:
    with pytest.raises(OptionError, match=r"--setup_file: there is no file elsewhere/setup\.py"):
        check("--setup_file=elsewhere/setup.py")


def test_a_setup_file_without_a_folder_is_that_of_this_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beam changes to the folder of the file, and fails for a bare name, which has none."""
    (tmp_path / "setup.py").touch()
    monkeypatch.chdir(tmp_path)
    found = check("--setup_file=setup.py").view_as(SetupOptions).setup_file
    assert os.path.isabs(found)
    assert Path(found).samefile(tmp_path / "setup.py")


def test_the_mode_that_may_add_twice_is_refused() -> None:
    check(WITH_IMAGE, "--dataflow_service_options=enable_google_cloud_profiler")
    with pytest.raises(OptionError, match="streaming_mode_at_least_once: this job adds up"):
        check(WITH_IMAGE, "--dataflow_service_options=streaming_mode_at_least_once")


def test_an_update_names_the_job_that_it_replaces() -> None:
    check(WITH_IMAGE, "--update")
    with pytest.raises(OptionError, match="--update: give the name of the running job"):
        check(WITH_IMAGE, "--update", "--job_name=")


@pytest.mark.parametrize("location", ["", "shop-1-dataflow", "/tmp/dataflow", "gs://"])
def test_a_job_has_a_bucket_of_ours(location: str) -> None:
    """Beam would make one."""
    with pytest.raises(OptionError, match=f"--temp_location must be a folder of a bucket.*got '{location}'"):
        check(WITH_IMAGE, f"--temp_location={location}")


def test_a_staging_location_will_do_for_both() -> None:
    check(WITH_IMAGE, "--temp_location=", "--staging_location=gs://shop-1-dataflow/staging")


def test_a_launch_is_checked_before_anything_is_sent() -> None:
    with pytest.raises(OptionError, match="workers on Dataflow would not have this code"):
        main.start(["--runner=DataflowRunner", *CLOUD, *JOB])


def test_what_beam_itself_misses_is_said_in_one_line() -> None:
    """A dry run, as Beam would look at the bucket."""
    launch = ["--runner=DataflowRunner", "--dry_run=True", *CLOUD, *JOB, WITH_IMAGE]
    with pytest.raises(OptionError, match=r"^[^\n]*Invalid Project ID \(12345\)[^\n]*$"):
        main.assemble([*launch, "--project=12345"])


def test_the_documented_launch_from_a_clone_is_one() -> None:
    text = (ROOT / "docs" / "dataflow.md").read_text(encoding="utf-8")
    command = re.search(r"-m pipeline\.main (.*?)\n```", text, re.DOTALL)
    assert command
    values = {"PROJECT": "shop-1", "REGION": "europe-west1", "BUCKET": "shop-1-dataflow"}
    values["SERVICE_ACCOUNT"] = "job@shop-1.iam.gserviceaccount.com"
    arguments = re.sub(r"\$(\w+)", lambda name: values[name[1]], command[1].replace("\\\n", " ")).split()
    main.assemble([*arguments, f"--setup_file={ROOT / 'setup.py'}", "--dry_run=True"])


def test_a_local_job_is_asked_for_none_of_this(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", "k1:a-secret-of-sixteen-bytes-or-more")
    main.assemble(["--runner=BundleBasedDirectRunner", *JOB, "--pseudonym_keys=env:EVERMAIL_PSEUDONYM_KEYS"])
