"""What a job needs in the world is looked for before it starts, and what is missing said in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google.auth
import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from archive_support import TODAY, row, write
from fake_gcs import FakeGcs
from google.auth.exceptions import DefaultCredentialsError

from evermail.archive.record import to_line
from pipeline import main, preflight
from pipeline.options import OptionError

JOB = {
    "events_subscription": "projects/shop-1/subscriptions/events-job",
    "dead_letter_topic": "projects/shop-1/topics/dead-letters",
    "store": "sqlite:///unused",
}
BUCKET = "gs://shop-archive/events"


@pytest.fixture(autouse=True)
def _emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "localhost:1")
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", "k1:a-secret-of-sixteen-bytes-or-more")


def arguments(**changes: str) -> list[str]:
    return [f"--{name}={value}" for name, value in {**JOB, **changes}.items()]


def check(**changes: str) -> None:
    preflight.check(PipelineOptions(arguments(**changes)))


class TestAnArchiveToRebuildFrom:
    def test_may_be_a_folder_with_a_file(self, tmp_path: Path) -> None:
        write(tmp_path, [row("1", user="u")])
        check(rebuild_from=str(tmp_path))

    @pytest.mark.parametrize(
        "name", ["notes.txt", "received=soon/a.ndjson", f"received={TODAY}/a.ndjson.gz.1.tmp"]
    )
    def test_is_no_folder_without_one(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        with pytest.raises(OptionError, match=f"^--rebuild_from: {tmp_path} is no archive: it has no recei"):
            check(rebuild_from=str(tmp_path))

    def test_is_looked_for_before_the_job_starts(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match="nowhere is no archive"):
            main.start(arguments(rebuild_from=str(tmp_path / "nowhere")))

    def test_is_not_looked_for_in_a_dry_run(self, tmp_path: Path) -> None:
        check(rebuild_from=str(tmp_path / "nowhere"), dry_run="True")


class TestABucketToRebuildFrom:
    @pytest.fixture
    def gcs(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGcs]:
        with FakeGcs() as gcs:
            monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
            monkeypatch.setattr(auth, "get_service_credentials", lambda options: None)
            yield gcs

    def test_may_have_a_file(self, gcs: FakeGcs) -> None:
        gcs.objects[f"shop-archive/events/received={TODAY}/a.ndjson"] = to_line(row("1", user="u"))
        check(rebuild_from=BUCKET)

    def test_is_none_without_one(self, gcs: FakeGcs) -> None:
        gcs.objects["shop-archive/events/notes.txt"] = b"?"
        with pytest.raises(OptionError, match=f"^--rebuild_from: {BUCKET} is no archive"):
            check(rebuild_from=BUCKET)

    def test_that_may_not_be_read_is_named_with_the_reason_in_one_line(self, gcs: FakeGcs) -> None:
        gcs.failures["GET"] = 100
        with pytest.raises(OptionError, match=f"^--rebuild_from: cannot read {BUCKET}: 403 .*: not now$"):
            check(rebuild_from=BUCKET)

    def test_that_cannot_be_reached_is_named_with_what_lies_below(
        self, gcs: FakeGcs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        below = BeamIOError("List operation failed", {"gs://shop-archive": OSError("no\nnetwork")})

        def match(patterns: list[str]) -> Any:
            raise BeamIOError("Match operation failed", {patterns[0]: below})

        monkeypatch.setattr(FileSystems, "match", staticmethod(match))
        with pytest.raises(OptionError, match=f"^--rebuild_from: cannot read {BUCKET}: no network$"):
            check(rebuild_from=BUCKET)


class TestAnArchiveToWriteTo:
    def test_is_made_if_it_is_not_there_and_stays_empty(self, tmp_path: Path) -> None:
        check(archive=str(tmp_path / "new" / "archive"))
        assert list((tmp_path / "new" / "archive").iterdir()) == []

    def test_keeps_what_is_in_it(self, tmp_path: Path) -> None:
        files = write(tmp_path, [row("1", user="u")])
        check(archive=str(tmp_path))
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == files

    @pytest.mark.parametrize(
        ("place", "reason"),
        [("file", "it is no folder"), ("file/archive", "Not a directory"), ("x" * 300, "File name too long")],
    )
    def test_that_cannot_be_written_is_named_with_the_reason(
        self, place: str, reason: str, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(OptionError, match=f"^--archive: cannot write to {tmp_path / place}: {reason}$"):
            main.start(arguments(archive=str(tmp_path / place)))

    def test_that_takes_no_file_is_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on a full disk; tests may run as a user to whom every folder is open."""

        def write_bytes(path: Path, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(OptionError, match=f"cannot write to {tmp_path}: No space left on device"):
            check(archive=str(tmp_path))


class TestCredentials:
    @pytest.fixture(autouse=True)
    def _nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def default() -> None:
            raise DefaultCredentialsError("not found\nanywhere")

        monkeypatch.setattr(google.auth, "default", default)
        monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)

    def test_are_not_needed_beside_emulators(self, monkeypatch: pytest.MonkeyPatch) -> None:
        check()
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "localhost:2")
        check(store="firestore://shop-1")

    @pytest.mark.parametrize(
        "changes",
        [
            {"runner": "DataflowRunner"},
            {"store": "firestore://shop-1"},
            {"archive": BUCKET},
            {"archive": "bigquery:shop-1.events.archive"},
            {"rebuild_from": BUCKET},
            {"pseudonym_keys": "secret:projects/shop-1/secrets/pseudonyms/versions/1"},
        ],
    )
    def test_are_needed_for_what_is_googles(self, changes: dict[str, str]) -> None:
        with pytest.raises(DefaultCredentialsError):
            check(**changes)

    def test_that_a_worker_misses_are_said_as_well(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def start(_: list[str]) -> None:
            raise DefaultCredentialsError("not found [while running 'Write']")

        monkeypatch.setattr(main, "start", start)
        monkeypatch.setattr("sys.argv", ["pipeline.main", *arguments()])
        with pytest.raises(SystemExit):
            main.main()
        assert capsys.readouterr().err.startswith("No Google credentials")

    def test_that_are_missing_are_said_in_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("PUBSUB_EMULATOR_HOST")
        monkeypatch.setattr("sys.argv", ["pipeline.main", *arguments()])
        with pytest.raises(SystemExit) as caught:
            main.main()
        assert caught.value.code == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("No Google credentials on this machine")
