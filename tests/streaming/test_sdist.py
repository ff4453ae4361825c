"""What `--setup_file` makes for workers: all that the job imports and reads, and no more than that needs."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path

import pytest
from apache_beam.runners.portability.stager import Stager
from dataflow_support import CLOUD, JOB, ROOT
from packaging.requirements import Requirement

from pipeline.dataflow.offline import submission

PACKAGES = ("evermail", "pipeline", "functions", "templates", "demo")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as git has it, without what lies about in a working copy."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git clone")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    clone = tmp_path_factory.mktemp("clone")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, clone / name)
    return clone


@pytest.fixture(scope="module")
def sdist(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the call that Beam makes, on a machine where nothing may import Beam while it builds."""
    without_beam = tmp_path_factory.mktemp("without_beam")
    (without_beam / "apache_beam.py").write_text("raise AssertionError('imported while building')\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(without_beam))
        return Path(
            Stager._build_setup_package(str(clone / "setup.py"), str(tmp_path_factory.mktemp("dist")))
        )


@pytest.fixture(scope="module")
def files(sdist: Path) -> dict[str, bytes]:
    """Contents by path within the distribution."""
    return contents(sdist.read_bytes())


def contents(archive: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member)
            if content is not None:
                found[member.name.partition("/")[2]] = content.read()
    return found


def test_it_has_every_file_of_its_packages(clone: Path, files: dict[str, bytes]) -> None:
    """A template, a schema or a query whose kind setup.py does not name would be missing only on a worker."""
    theirs = {
        path.relative_to(clone).as_posix()
        for package in PACKAGES
        for path in (clone / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert theirs - files.keys() == set()


def test_it_has_what_its_own_setup_file_reads(files: dict[str, bytes]) -> None:
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE"} <= files.keys()


def test_it_has_neither_tests_nor_what_is_around_the_packages(files: dict[str, bytes]) -> None:
    folders = {name.partition("/")[0] for name in files if "/" in name}
    assert folders == {*PACKAGES, "evermail.egg-info"}


def test_workers_install_the_base_requirements_only(files: dict[str, bytes]) -> None:
    """Beam is in their image, and the functions' web framework has no business there."""
    lines = Parser().parsestr(files["PKG-INFO"].decode()).get_all("Requires-Dist") or []
    requirements = [Requirement(line) for line in lines]
    base = {each.name for each in requirements if not (each.marker and "extra" in str(each.marker))}
    assert {"msgspec", "google-cloud-firestore"} <= base
    assert not base & {"apache-beam", "flask", "functions-framework", "jinja2", "typer", "pytest"}


def test_a_worker_can_import_the_job_from_it(sdist: Path, tmp_path: Path) -> None:
    """Installed as Beam's boot program does, but for what the machine of a test may not fetch."""
    target = tmp_path / "worker"
    install = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", f"--target={target}"]
    subprocess.run([sys.executable, "-m", "pip", *install, str(sdist)], check=True)
    program = (
        f"import sys; sys.path.insert(0, {str(target)!r}); import pipeline.main, evermail; "
        "print(pipeline.main.__file__, evermail.__file__, sep='\\n')"
    )
    imported = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True
    )
    assert [Path(line).relative_to(target).parts[0] for line in imported.stdout.split()] == [
        "pipeline",
        "evermail",
    ]


def test_a_launch_stages_it(clone: Path, files: dict[str, bytes]) -> None:
    staged = submission([*CLOUD, *JOB, f"--setup_file={clone / 'setup.py'}"]).staged
    assert contents(staged["workflow.tar.gz"]).keys() == files.keys()


def test_what_makes_it_is_installed_with_the_job() -> None:
    """Python 3.12 and later make virtual environments without setuptools."""
    pinned = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for tool in ("build", "setuptools"):
        assert re.search(rf"^{tool}==", pinned, re.MULTILINE)
