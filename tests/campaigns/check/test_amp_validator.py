"""The validator's process: kept between documents, and told apart where it is missing or falls over."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from evermail.campaigns.check import amp_validator
from evermail.campaigns.check.amp_validator import AmpValidator, ValidatorMissing
from evermail.campaigns.check.amp_validator.install import InstallFailed, install
from tests.campaigns.check.good_email import good

FAKE_NPM = """\
#!/bin/sh
echo "$@" >> "{log}"
if [ "$1" = pack ]; then
    mkdir -p package/dist/compiled/amphtml-validator
    echo rules > package/dist/compiled/amphtml-validator/validator_wasm.js
    tar -czf next-15.5.29.tgz package
else
    {install}
fi
"""


def script(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the validator, with nothing in it."""
    monkeypatch.setenv(amp_validator.FOLDER_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_one_process_answers_for_many_documents(
    official_validator: AmpValidator, monkeypatch: pytest.MonkeyPatch
) -> None:
    official_validator.complaints(good().amp)
    monkeypatch.setattr(subprocess, "Popen", None)  # from here on none can be started
    assert official_validator.complaints(good().amp) == []
    assert official_validator.complaints("<p>") != []
    assert official_validator.complaints("\ud800 \u2028") != []


def test_a_process_that_ended_is_started_again(official_validator: AmpValidator) -> None:
    assert official_validator.complaints(good().amp) == []
    official_validator.close()
    assert official_validator.complaints(good().amp) == []


def test_without_its_files_it_says_where_they_should_be(cache: Path) -> None:
    with AmpValidator() as validator, pytest.raises(ValidatorMissing, match=r"cache|Node"):
        validator.complaints("")


def test_without_node_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "Node" in amp_validator.missing()


def test_a_process_that_falls_over_is_no_pass(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.mkdir()
    (cache / amp_validator.RULES).touch()
    script(tmp_path / "bin", "node", "#!/bin/sh\nexit 1\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with AmpValidator() as validator, pytest.raises(ValidatorMissing, match="stopped"):
        validator.complaints("<p>")


def test_the_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(amp_validator.FOLDER_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert amp_validator.folder() == Path("/cache/evermail/amp-validator")


def fake_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installs: str) -> Path:
    log = tmp_path / "npm.log"
    script(tmp_path / "bin", "npm", FAKE_NPM.format(log=log, install=installs))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return log


def test_it_is_fetched_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_npm(tmp_path, monkeypatch, "mkdir -p node_modules/amphtml-validator")
    told: list[str] = []
    assert install(told.append) == cache.resolve()
    assert (cache / amp_validator.RULES).read_text() == "rules\n"
    assert [path.name for path in cache.iterdir() if path.name.startswith("tmp")] == []
    assert len(told) == 1
    install(told.append)
    assert len(log.read_text().splitlines()) == 2
    assert len(told) == 1


def test_a_fetch_that_fails_leaves_nothing_that_looks_complete(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_npm(tmp_path, monkeypatch, "echo 'no network' >&2; exit 1")
    with pytest.raises(InstallFailed, match="no network"):
        install(lambda line: None)
    assert not (cache / amp_validator.RULES).exists()


def test_without_npm_it_says_what_to_install(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InstallFailed, match=r"Node 18"):
        install(lambda line: None)
