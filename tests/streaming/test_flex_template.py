"""The image of the Flex Template, as far as it can be tried without Docker and Google Cloud."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pathspec
import pytest
import yaml
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult
from dataflow_support import ROOT

from pipeline import main

FLEX = ROOT / "flex"
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
SUPPORTED = ("3.11", "3.12", "3.13")
"""Versions of Python that the project works with."""


def instructions(name: str) -> Iterator[str]:
    """What stands behind an instruction of the Dockerfile, with its arguments filled in."""
    text = re.sub(r"\\\n\s*", "", (FLEX / "Dockerfile").read_text(encoding="utf-8"))
    arguments = dict(re.findall(r"^ARG (\w+)=(\S+)", text, re.MULTILINE))
    for rest in re.findall(rf"^{name} (.*)", text, re.MULTILINE):
        yield re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], rest)


def copied_from_here() -> list[str]:
    sources = [rest.split()[:-1] for rest in instructions("COPY") if not rest.startswith("--from")]
    return [source for each in sources for source in each]


def image(stage: str) -> str:
    """The image that a stage begins with."""
    (found,) = [rest.split()[0] for rest in instructions("FROM") if rest.endswith(f" AS {stage}")]
    return found


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """What Docker has to copy from, and no more."""
    for source in copied_from_here():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / source, target)
    return tmp_path


def test_every_image_is_of_one_version() -> None:
    images = [rest.split()[0] for rest in instructions("FROM")]
    assert len(images) == 3
    for each in images:
        assert re.search(r":\d[-\w.]+$", each), each


def test_launcher_and_workers_have_the_beam_that_is_tested() -> None:
    version = image("sdk").partition(":")[2]
    assert version == beam.__version__
    assert f"apache-beam=={version}" in LOCK
    assert f'"apache-beam[gcp]=={version}"' in (ROOT / "setup.py").read_text(encoding="utf-8")


def test_all_parts_have_the_same_python() -> None:
    (base,) = [rest for rest in instructions("FROM") if " AS " not in rest]
    version = re.match(r"python:(\d\.\d+)-", base)
    assert version
    assert version[1] in SUPPORTED
    assert f"beam_python{version[1]}_sdk:" in image("sdk")
    assert f"/python{version[1].replace('.', '')}-template-launcher-base:" in image("launcher")


@pytest.mark.parametrize("source", copied_from_here())
def test_what_is_copied_is_there(source: str) -> None:
    assert (ROOT / source).exists()


@pytest.mark.parametrize("name", ["Dockerfile.dockerignore", ".gcloudignore"])
def test_what_is_copied_reaches_the_builder_and_nothing_else(name: str) -> None:
    """Both files list what is let through, so that a key file that lies about is not sent anywhere."""
    ignored = pathspec.GitIgnoreSpec.from_lines((FLEX / name).read_text(encoding="utf-8").splitlines())
    for source in copied_from_here():
        path = source if (ROOT / source).is_file() else f"{source}/__init__.py"
        assert not ignored.match_file(path), source
    for other in (
        "key.json",
        ".env",
        ".git/config",
        "tests/conftest.py",
        "demo/stack.py",
        ".venv/bin/python",
    ):
        assert ignored.match_file(other), other
    assert ignored.match_file("pipeline/__pycache__/job.pyc")


def test_dependencies_are_those_of_the_lock() -> None:
    installs = [line for run in instructions("RUN") for line in run.split("&&") if "pip install" in line]
    assert installs
    for install in installs:
        assert "--constraint requirements.lock" in install or "--no-deps" in install


def test_the_image_starts_workers() -> None:
    """Dataflow runs the launcher by an entrypoint of its own."""
    assert list(instructions("ENTRYPOINT")) == ['["/opt/apache/beam/boot"]']


def test_the_launchers_program_is_in_the_image() -> None:
    (workdir,) = instructions("WORKDIR")
    (variables,) = [rest for rest in instructions("ENV") if rest.startswith("FLEX_TEMPLATE_PYTHON_PY_FILE=")]
    program = Path(variables.partition("=")[2])
    assert str(program.relative_to(workdir)) in copied_from_here()


def test_the_launchers_program_is_the_jobs_command_line(context: Path) -> None:
    shown = subprocess.run(
        [sys.executable, str(context / "flex" / "launch.py"), "--help"],
        cwd=context,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(context)},
    )
    assert "--events_subscription" in shown.stdout


def test_the_job_can_be_imported_from_what_is_copied(context: Path) -> None:
    """Not from anything else of the project, which is not in the image."""
    program = (
        "import json, sys, pipeline.main; "
        "print(json.dumps({name: getattr(each, '__file__', None) for name, each in sys.modules.items()}))"
    )
    imported = subprocess.run(
        [sys.executable, "-c", program], cwd=context, check=True, capture_output=True, text=True
    )
    files = json.loads(imported.stdout)
    ours = {name: file for name, file in files.items() if name.partition(".")[0] in ("evermail", "pipeline")}
    assert {"evermail.events", "pipeline.job"} <= ours.keys()
    assert all(Path(file).is_relative_to(context) for file in ours.values())
    assert not files.keys() & {"demo", "functions", "templates", "typer", "flask"}


def test_a_launch_ends_when_the_job_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service starts a template's job after that: there is none yet that could be waited for."""
    monkeypatch.setattr(main, "start", lambda _: DataflowPipelineResult(None, None))
    monkeypatch.setattr(sys, "argv", ["launch.py"])
    main.main()


def test_cloud_build_makes_the_image_that_is_asked_for() -> None:
    build = yaml.safe_load((FLEX / "cloudbuild.yaml").read_text(encoding="utf-8"))
    (step,) = build["steps"]
    assert "--file=flex/Dockerfile" in step["args"]
    assert "--tag=${_IMAGE}" in step["args"]
    assert build["images"] == ["${_IMAGE}"]
    assert step["env"] == ["DOCKER_BUILDKIT=1"]  # without it Dockerfile.dockerignore is not read


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="no gcloud")
def test_gcloud_takes_the_metadata() -> None:
    shown = subprocess.run(
        [
            *("gcloud", "dataflow", "flex-template", "build", "gs://shop-1/templates/evermail.json"),
            *("--image=europe-west1-docker.pkg.dev/shop-1/evermail/job:1", "--sdk-language=PYTHON"),
            *(f"--metadata-file={FLEX / 'metadata.json'}", "--print-only", "--project=shop-1"),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert '"name": "events_subscription"' in shown.stdout
    assert '"name": "sdk_container_image"' in shown.stdout


class TestMake:
    @pytest.fixture(autouse=True)
    def _make(self) -> None:
        if shutil.which("make") is None:
            pytest.skip("no make")

    def make(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Without `-n` it would build."""
        return subprocess.run(
            ["make", "-n", "flex-template", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )

    def test_shows_how_image_and_template_are_built(self) -> None:
        shown = self.make("PROJECT=shop-1", "REGION=europe-west1", "BUCKET=shop-1-dataflow", "TAG=v1").stdout
        image = "europe-west1-docker.pkg.dev/shop-1/evermail/job:v1"
        assert f"--substitutions=_IMAGE={image}" in shown
        assert f"--image={image}" in shown
        assert "gs://shop-1-dataflow/templates/evermail-v1.json" in shown
        for file in re.findall(r"flex/[\w.]+", shown):
            assert (ROOT / file).is_file(), file

    def test_says_what_it_needs(self) -> None:
        refused = self.make("PROJECT=shop-1", "REGION=europe-west1")
        assert refused.returncode != 0
        assert (
            "flex-template needs BUCKET: make flex-template PROJECT=... REGION=... BUCKET=..."
            in refused.stderr
        )
