"""What a job needs in the world is looked for before it starts, and what is missing said in one line."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import google.auth
import pytest
from apache_beam.internal.gcp import auth
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from archive_support import TODAY, row, write
from fake_gcs import FakeGcs
from google.api_core.exceptions import InvalidArgument, MethodNotImplemented, PermissionDenied
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from demo.pubsub import EmbeddedPubSub
from evermail.archive.record import to_line
from pipeline import main, preflight
from pipeline.options import OptionError

JOB = {
    "events_subscription": "projects/shop-1/subscriptions/events-job",
    "dead_letter_topic": "projects/shop-1/topics/dead-letters",
    "store": "sqlite:///unused",
}
EVENTS = "projects/shop-1/topics/events"
BUCKET = "gs://shop-archive/events"


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with EmbeddedPubSub() as server, pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", server.endpoint)
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            publisher.create_topic(name=JOB["dead_letter_topic"])
            publisher.create_topic(name=EVENTS)
            subscriber.create_subscription(name=JOB["events_subscription"], topic=EVENTS)
        yield server.endpoint


@pytest.fixture(autouse=True)
def _surroundings(
    emulator: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator)
    monkeypatch.setenv("EVERMAIL_PSEUDONYM_KEYS", "k1:a-secret-of-sixteen-bytes-or-more")
    monkeypatch.chdir(tmp_path_factory.mktemp("here"))  # where the store is made


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address that nobody answers at, and no patience."""
    monkeypatch.setattr(preflight, "ANSWER_S", 0.2)
    with socket.socket() as taken:  # it is bound but does not listen
        taken.bind(("localhost", 0))
        yield f"localhost:{taken.getsockname()[1]}"


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


class TestPubSub:
    def test_has_what_the_job_is_given(self) -> None:
        check()
        check(triggers_topic=EVENTS)

    @pytest.mark.parametrize(
        ("option", "name"),
        [
            ("events_subscription", "projects/shop-1/subscriptions/other"),
            ("dead_letter_topic", "projects/shop-1/topics/other"),
            ("triggers_topic", "projects/shop-1/topics/other"),
        ],
    )
    def test_without_one_of_them_is_said_in_one_line(
        self,
        option: str,
        name: str,
        emulator: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr("sys.argv", ["pipeline.main", *arguments(**{option: name})])
        with pytest.raises(SystemExit) as caught:
            main.main()
        assert caught.value.code == 2
        where = f"the Pub/Sub of PUBSUB_EMULATOR_HOST={emulator}"
        assert capsys.readouterr().err == f"--{option}: there is no {name} at {where}\n"

    def test_that_does_not_answer_is_named(self, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", nobody)
        with pytest.raises(OptionError, match=f"^--events_subscription: .*={nobody} does not answer within"):
            check()

    @pytest.mark.parametrize("refusal", [PermissionDenied("no"), MethodNotImplemented("no")])
    def test_that_does_not_let_us_look_may_let_us_read(
        self, refusal: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _answer(monkeypatch, refusal)
        check()

    def test_that_takes_no_such_name_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _answer(monkeypatch, InvalidArgument("not\nso"))
        with pytest.raises(OptionError, match=r"^--events_subscription: .* refuses projects/.*: 400 not so$"):
            check()

    def test_is_not_asked_by_a_rebuild_or_in_a_dry_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _answer(monkeypatch, InvalidArgument("nobody is to ask"))
        write(tmp_path / "archive", [row("1", user="u")])
        check(rebuild_from=str(tmp_path / "archive"))
        check(dry_run="True")


def _answer(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise problem

    monkeypatch.setattr(SubscriberClient, "get_subscription", look_up)
    monkeypatch.setattr(PublisherClient, "get_topic", look_up)


class TestAStore:
    def test_in_a_folder_that_is_not_there_is_refused_and_none_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(OptionError, match=f"^--store: there is no folder {tmp_path / 'new'}$"):
            main.start(arguments(store=f"sqlite:///{tmp_path / 'new' / 'shop.sqlite3'}"))
        assert not (tmp_path / "new").exists()

    def test_that_is_none_is_refused_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        (tmp_path / "text").write_text("no database, but long enough to have a header\n" * 9)
        for name in ("folder", "text"):
            with pytest.raises(OptionError, match=f"^--store: cannot use sqlite:///{tmp_path / name}: .+$"):
                check(store=f"sqlite:///{tmp_path / name}")

    def test_is_opened_for_a_rebuild_as_well(self, tmp_path: Path) -> None:
        write(tmp_path / "archive", [row("1", user="u")])
        with pytest.raises(OptionError, match=r"^--store: there is no folder .*/new$"):
            check(rebuild_from=str(tmp_path / "archive"), store="sqlite:///new/shop.sqlite3")


@pytest.mark.parametrize("runner", ["BundleBasedDirectRunner", "DirectRunner"])
def test_a_local_job_says_what_it_does_and_how_it_ends(
    runner: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(beam.Pipeline, "run", lambda pipeline: SimpleNamespace())
    main.start([f"--runner={runner}", *arguments()])
    assert capsys.readouterr().err == (
        f"Reading from {JOB['events_subscription']}, writing to {JOB['store']}; Ctrl-C ends it\n"
    )


class TestCredentials:
    @pytest.fixture(autouse=True)
    def _nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def default() -> None:
            raise DefaultCredentialsError("not found\nanywhere")

        monkeypatch.setattr(google.auth, "default", default)
        monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
        monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)

    def test_are_not_needed_beside_emulators(self, nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(preflight, "_check_pubsub", lambda ours: None)
        check()
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", nobody)
        with pytest.raises(OptionError, match=r"^--store: cannot use firestore://shop-1: "):
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
