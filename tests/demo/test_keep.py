"""What a run leaves in a folder, and that every command which it prints works as it is printed."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import typer
from google.cloud import pubsub_v1
from typer.testing import CliRunner

from demo import digest, letters, stack
from demo.command import demo
from demo.keep import Keep
from demo.processes import Child, free_port
from demo.pubsub import EmbeddedPubSub
from evermail.dead_letters.letter import from_json, letter_of, to_json
from evermail.events import Code, Rejected
from evermail.stores import open_store

EVERMAIL = [sys.executable, "-m", "evermail"]
FOLDER = "what stays"
OTHERS = ("replay", "archive stats", "pipeline.main")


def commands(printed: str) -> dict[str, str]:
    """The command lines among what was printed, by the words that tell them apart."""
    found = {}
    for line in printed.splitlines():
        for words in ("dead-letters list", "dead-letters explain", "explain --shopper", *OTHERS):
            if words in line and line.startswith("  "):
                found[words] = line.strip()
    return found


def run(command: str, cwd: Path, **environment: str) -> str:
    """Runs a line as a shell would, and returns all it says. Fails if it does."""
    surroundings = {name: value for name, value in os.environ.items() if not name.endswith("_EMULATOR_HOST")}
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=cwd,
        env={**surroundings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


class TestHeadless:
    @pytest.fixture(scope="class")
    def over(self, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
        """Where a run was started, and the commands that it printed in the end."""
        folder = tmp_path_factory.mktemp("keep")
        options = ["--headless", "--events", "400", "--rate", "200", "--malformed", "0.05", "--keep", FOLDER]
        done = subprocess.run(
            [*EVERMAIL, "demo", *options], cwd=folder, capture_output=True, text=True, timeout=150
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "accepted 400 + duplicate 12 + rejected 20 " in done.stdout
        return folder, commands(done.stdout)

    def test_all_dead_letters_are_listed(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        assert "20 letters" in run(printed["dead-letters list"], folder)

    def test_one_of_them_is_opened(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        assert "sealed with key k1" in (shown := run(printed["dead-letters explain"], folder))
        assert "does not open" not in shown
        assert "read now" in shown

    def test_an_email_to_a_shopper_is_explained(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        shown = run(printed["explain --shopper"], folder)
        assert re.search(r"^ +1  .* personal ", shown, re.MULTILINE)
        assert "Nothing is stored" not in shown

    def test_a_replay_is_tried(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        assert "this version: refused again: wrong_type" in run(printed["replay"], folder)

    def test_all_accepted_events_are_in_the_archive(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        assert re.search(r"^rows +400 ", run(printed["archive stats"], folder), re.MULTILINE)

    def test_the_archive_gives_the_same_documents(self, over: tuple[Path, dict[str, str]]) -> None:
        folder, printed = over
        run(printed["pipeline.main"], folder)
        kept, rebuilt = (
            open_store(f"sqlite:///{folder / FOLDER / name}.sqlite3") for name in ("store", "rebuilt")
        )
        after_the_catalog = 2  # a list that was written before anything happened is as of 1
        found = {digest.of_store(store, after_the_catalog) for store in (kept, rebuilt)}
        assert len(found) == 1
        assert hashlib.sha256().hexdigest() not in found


def test_the_page_keeps_too_and_its_letters_can_be_seen_meanwhile(tmp_path: Path) -> None:
    said: list[str] = []
    ready, told = threading.Event(), threading.Event()

    def read(line: str) -> None:
        said.append(line)
        if "--dry-run" in line:
            (told if ready.is_set() else ready).set()

    command = [*EVERMAIL, "demo", "--port", str(free_port()), "--keep", FOLDER]
    with Child("the demo", command, on_line=read, cwd=tmp_path, grace_s=60) as child:
        child.wait_until(ready.is_set, timeout_s=90)
        meanwhile = "\n".join(said)
        export = re.search(r"export (\w+)=(\S+)", meanwhile)
        assert export
        letters_of = commands(meanwhile)
        assert "its messages were given back" in run(
            letters_of["dead-letters list"], tmp_path, **dict([export.groups()])
        )
        assert "refused again" in run(letters_of["replay"], tmp_path, **dict([export.groups()]))
        assert child.stop() in (0, 128 + signal.SIGTERM)
    printed = commands("\n".join(said[said.index("Ended.") :]))
    kept = [from_json(line) for line in (tmp_path / FOLDER / "dead-letters.ndjson").read_bytes().splitlines()]
    assert len(kept) > 10
    assert re.search(r"^verdict +accepted +[1-9]", run(printed["archive stats"], tmp_path), re.MULTILINE)


class TestFolder:
    @pytest.mark.parametrize("options", [(), ("--headless",)])
    @pytest.mark.parametrize(
        ("folder", "words"),
        [
            ("full", "full is not empty"),
            ("full/file", "full/file is no folder"),
            ("full/file/sub", "cannot write into full/file/sub"),
            ("a#b", "takes no ? or #"),
        ],
    )
    def test_one_that_cannot_be_used_is_refused_in_a_line(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        options: tuple[str, ...],
        folder: str,
        words: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("full").mkdir()
        Path("full/file").touch()
        app = typer.Typer()
        app.command()(demo)
        done = CliRunner().invoke(app, [*options, "--keep", folder])
        assert done.exit_code == 2
        assert done.stderr.startswith("evermail demo: --keep: ")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1

    def test_one_that_is_not_there_is_made_and_an_empty_one_may_be_checked_again(
        self, tmp_path: Path
    ) -> None:
        keep = Keep(tmp_path / "new" / "folder")
        keep.check()
        keep.check()
        assert list(keep.folder.iterdir()) == []

    def test_of_a_run_that_never_began_nothing_is_promised(self, tmp_path: Path) -> None:
        assert commands(Keep(tmp_path).afterwards()) == {}

    def test_a_letter_is_named_whose_id_is_no_option(self, tmp_path: Path) -> None:
        keep = Keep(tmp_path)
        keep.put_keys()
        made = [letter_of(rejected(b"%d" % number)) for number in range(300)]
        odd = [letter for letter in made if letter.id.startswith("-")]
        assert odd
        keep.letters.write_bytes(b"".join(to_json(letter) + b"\n" for letter in [*odd, made[0]]))
        assert made[0].id in commands(keep.afterwards())["dead-letters explain"]
        keep.letters.write_bytes(b"")
        assert set(commands(keep.afterwards())) == {"dead-letters list"}


def rejected(data: bytes) -> Rejected:
    return Rejected(
        stage="decode",
        code=Code.MALFORMED_JSON,
        message="no",
        data=data,
        attributes={},
        pipeline_version="1.0",
        first_seen=1,
    )


def test_dead_letters_are_taken_once_into_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    into = tmp_path / "letters.ndjson"
    with EmbeddedPubSub() as pubsub:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub.endpoint)
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        stack._create_topics(publisher, subscriber, keep_dead_letters=True)
        sent = [to_json(letter_of(rejected(b"%d" % number))) for number in range(3)]
        for data in sent:
            publisher.publish(stack.DEAD_LETTERS, data).result(timeout=30)
        assert letters.take(subscriber, 3, into) == {Code.MALFORMED_JSON: 3}
        assert letters.take(subscriber, 0, into) == {}
        publisher.stop()
        subscriber.close()
    assert sorted(into.read_bytes().splitlines()) == sorted(sent)
