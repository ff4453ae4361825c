"""`evermail dead-letters` as somebody at a terminal meets it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import InvalidArgument, PermissionDenied
from google.pubsub_v1 import PublisherClient
from letters_pubsub import PubSub
from letters_support import BAD, KEYS, NOW, in_the_clear, sealed
from typer.testing import CliRunner, Result

from evermail.dead_letters import command
from evermail.dead_letters.letter import Letter, from_json, to_json
from evermail.events import Code

UNKNOWN = sealed(attributes={"event_id": "e1"})
LATE = in_the_clear()
DOCUMENT = in_the_clear(stage="store_writer", code=Code.STORE_REFUSED)
WAIT = ("--wait", "0.3")
OPEN = ("--keys", "env:TEST_KEYS")


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(command.dead_letters, list(arguments), input=stdin)


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEYS", ",".join(f"{key_id}:{secret}" for key_id, secret in KEYS.items()))
    monkeypatch.setattr("evermail.clock.now_us", lambda: NOW)


@pytest.fixture
def file(tmp_path: Path) -> str:
    return keep(tmp_path, [UNKNOWN, LATE, DOCUMENT])


def keep(folder: Path, letters: Sequence[Letter]) -> str:
    path = folder / "letters.ndjson"
    path.write_bytes(b"".join(to_json(letter) + b"\n" for letter in letters))
    return str(path)


def listed(result: Result) -> list[Letter]:
    assert result.exit_code == 0, result.output
    return [from_json(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("name", ["list", "explain", "replay"])
def test_help_shows_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example: evermail dead-letters {name} " in result.output


class TestList:
    def test_a_line_for_each_letter_says_when_where_why_and_which(self, file: str) -> None:
        result = run("list", file)
        assert result.exit_code == 0
        lines = [re.split(r"\s{2,}|(?<=Z) ", line.strip()) for line in result.stdout.splitlines()[1:]]
        assert sorted(lines) == sorted(
            [
                "2026-11-24T03:00:00Z",
                letter.stage,
                letter.code.value,
                "1",
                letter.message,
                letter.id,
            ]
            for letter in (UNKNOWN, LATE, DOCUMENT)
        )
        assert "3 letters" in result.stderr
        assert "the file keeps its letters" in result.stderr

    def test_a_subscription_keeps_all_of_them_and_that_is_said(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE, b"x")
        result = run("list", pubsub.letters, *WAIT)
        assert result.exit_code == 0
        assert UNKNOWN.id in result.stdout
        assert "2 letters; 1 in projects/p/subscriptions/dead-letters is no letter\n" in result.stderr
        assert "its messages were given back" in result.stderr
        assert len(pubsub.there()) == 3

    def test_as_json_it_is_what_it_reads(self, file: str, tmp_path: Path) -> None:
        result = run("list", file, "--json")
        assert listed(result) == [UNKNOWN, LATE, DOCUMENT]
        assert listed(run("list", "-", "--json", stdin=result.stdout)) == [UNKNOWN, LATE, DOCUMENT]

    @pytest.mark.parametrize(
        ("options", "found"),
        [
            (("--code", "late"), [LATE]),
            (("--code", "late", "--code", "unknown_event_name"), [UNKNOWN, LATE]),
            (("--stage", "store_writer"), [DOCUMENT]),
            (("--id", UNKNOWN.id[:6]), [UNKNOWN]),
            (("--since", "1h"), [UNKNOWN, LATE, DOCUMENT]),
            (("--since", "2026-11-24T03:00:01Z"), []),
            (("--until", "2026-11-24T03:00:01Z", "--stage", "shoppers"), [LATE]),
            (("--until", "1h"), []),
            (("--limit", "2"), [UNKNOWN, LATE]),
            (("--limit", "0"), [UNKNOWN, LATE, DOCUMENT]),
        ],
    )
    def test_shows_only_what_is_asked_for(
        self, file: str, options: tuple[str, ...], found: list[Letter]
    ) -> None:
        assert listed(run("list", file, "--json", *options)) == found

    def test_says_when_there_may_be_more(self, file: str) -> None:
        assert "more may be there: see --limit" in run("list", file, "--limit", "2").stderr
        assert "more may be there" not in run("list", file).stderr

    @pytest.mark.parametrize(
        ("letters", "said"), [([], "0 letters"), ([LATE], "1 letter"), ([LATE, UNKNOWN], "2 letters")]
    )
    def test_counts_as_people_do(self, tmp_path: Path, letters: list[Letter], said: str) -> None:
        assert run("list", keep(tmp_path, letters)).stderr.splitlines()[0] == said

    @pytest.mark.parametrize("options", [(), ("--json",), ("--code", "late")])
    @pytest.mark.parametrize(("lines", "said"), [(1, "1 line of {} is no letter"), (3, "3 lines of {} are")])
    def test_a_file_of_something_else_is_named(
        self, tmp_path: Path, lines: int, said: str, options: tuple[str, ...]
    ) -> None:
        path = tmp_path / "events.ndjson"
        path.write_bytes(b'{"event_name": "view_item"}\n' * lines)
        result = run("list", str(path), *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert said.format(path) in result.stderr

    def test_a_file_with_a_letter_that_is_not_asked_for_is_one_of_letters(self, file: str) -> None:
        with open(file, "ab") as letters:
            letters.write(b"something else\n")
        result = run("list", file, "--code", "missing_field")
        assert result.exit_code == 0
        assert "0 letters; 1 in" in result.stderr

    def test_what_a_letter_says_cannot_command_a_terminal(self, tmp_path: Path) -> None:
        hostile = msgspec.structs.replace(
            LATE, message="[red]x[/red] \x1b[2J\x07\u202e a[].b", stage="\x1b]0;x"
        )
        result = run("list", keep(tmp_path, [hostile]))
        assert "[red]x[/red] \\x1b[2J\\x07\\x202e a[].b" in result.stdout
        assert "\x1b" not in result.stdout


class TestExplain:
    def test_says_all_that_is_known_and_what_to_do(self, file: str) -> None:
        result = run("explain", file, LATE.id[:8])
        assert result.exit_code == 0
        for expected in (
            LATE.id,
            "late",
            "shoppers",
            "2026-11-24T03:00:00Z",
            "2026-11-24T02:59:59Z",
            "older than the job's --allowed_lateness_s",
            "in the clear, with pseudonyms",
            '"item_id": "SKU1"',
            "readable",
        ):
            assert expected in result.stdout

    def test_a_sealed_original_stays_closed_without_keys(self, file: str) -> None:
        result = run("explain", file, UNKNOWN.id)
        assert result.exit_code == 0
        assert "sealed with key k1: say with --keys where its secret is" in result.stdout
        assert "ann" not in result.output

    def test_and_is_shown_with_them(self, file: str) -> None:
        result = run("explain", file, UNKNOWN.id, *OPEN)
        assert result.exit_code == 0
        assert '"user_id": "ann@example.com"' in result.stdout
        assert "event_id: e1" in result.stdout
        assert "refused again: unknown_event_name" in result.stdout

    def test_what_is_no_json_is_shown_as_bytes(self, tmp_path: Path) -> None:
        letter = sealed(b"\xff\x1b[2J" + b"x" * 30_000)
        result = run("explain", keep(tmp_path, [letter]), letter.id, *OPEN)
        assert r"b'\xff\x1b[2Jxxx" in result.stdout
        assert "30,005 bytes in all" in result.stdout
        assert "\x1b" not in result.stdout

    def test_the_subscription_keeps_it(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE)
        assert run("explain", pubsub.letters, LATE.id, *WAIT).exit_code == 0
        assert len(pubsub.there()) == 2

    @pytest.mark.parametrize(("letter_id", "exit_code"), [("nothing", 1), ("", 2)])
    def test_one_letter_must_be_meant(self, file: str, letter_id: str, exit_code: int) -> None:
        result = run("explain", file, letter_id)
        assert result.exit_code == exit_code
        assert "id that begins with" in result.stderr


class TestReplay:
    def replay(self, pubsub: PubSub, *options: str) -> Result:
        return run("replay", pubsub.letters, "--to", pubsub.events_topic, *WAIT, *options)

    def test_publishes_originals_and_is_then_done_with_their_letters(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE)
        result = self.replay(pubsub, *OPEN)
        assert result.exit_code == 0, result.output
        assert sorted(message.data for message in pubsub.published()) == sorted([BAD, LATE.data])
        assert pubsub.there() == []
        assert re.search(r"late +1 +0 *\n", result.stdout)
        assert re.search(r"unknown_event_name +1 +0 *\n", result.stdout)

    def test_both_messages_of_one_letter_are_done_with(self, pubsub: PubSub) -> None:
        pubsub.put(LATE, LATE)
        assert self.replay(pubsub).exit_code == 0
        assert len(pubsub.published()) == 1
        assert pubsub.there() == []

    def test_documents_stay_and_it_is_said_why(self, pubsub: PubSub) -> None:
        pubsub.put(DOCUMENT)
        result = self.replay(pubsub)
        assert result.exit_code == 0
        assert "letters of store_writer hold what the job made, not an event" in result.stdout
        assert "nothing was published; its messages were given back" in result.stderr
        assert len(pubsub.there()) == 1
        assert pubsub.published() == []

    def test_what_is_sealed_stays_without_keys_and_that_is_a_failure(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE)
        result = self.replay(pubsub)
        assert result.exit_code == 1
        assert "stays: it is sealed with key k1: say with --keys" in result.stdout
        assert [message.data for message in pubsub.published()] == [LATE.data]
        assert [message.data for message in pubsub.there()] == [to_json(UNKNOWN)]

    def test_a_dry_run_says_what_would_be_and_does_nothing(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE)
        result = self.replay(pubsub, *OPEN, "--dry-run")
        assert result.exit_code == 0
        assert re.search(r"late +1 +published; this version: readable", result.stdout)
        assert re.search(r"unknown_event_name +1 +published; this version: refused again", result.stdout)
        assert (len(pubsub.there()), pubsub.published()) == (2, [])

    def test_what_will_be_late_again_is_not_called_accepted(self, pubsub: PubSub) -> None:
        """Only the job can tell whether an event counts."""
        pubsub.put(LATE)
        result = self.replay(pubsub, "--dry-run")
        assert "accepted" not in result.output

    def test_only_what_is_asked_for(self, pubsub: PubSub) -> None:
        pubsub.put(UNKNOWN, LATE)
        assert self.replay(pubsub, "--code", "late").exit_code == 0
        assert [message.data for message in pubsub.there()] == [to_json(UNKNOWN)]

    def test_a_letter_whose_publishing_is_not_confirmed_is_kept(
        self, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def publish(*_: Any, **__: Any) -> None:
            raise PermissionDenied("not yours")

        pubsub.put(LATE)
        monkeypatch.setattr(PublisherClient, "publish", publish)
        result = self.replay(pubsub)
        assert result.exit_code == 1
        assert (
            "1 not confirmed, and therefore kept: projects/p/topics/events: PermissionDenied" in result.stderr
        )
        assert re.search(r"late +0 +1 *\n", result.stdout)
        assert [message.data for message in pubsub.there()] == [to_json(LATE)]

    def test_of_several_only_those_are_done_with_that_were_confirmed(
        self, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = PublisherClient.publish

        def publish(self: Any, *, messages: Any, **more: Any) -> Any:
            if any(message.data == LATE.data for message in messages):
                raise InvalidArgument("a spoiled one")
            return real(self, messages=messages, **more)

        pubsub.put(UNKNOWN, LATE)
        monkeypatch.setattr(PublisherClient, "publish", publish)
        assert self.replay(pubsub, *OPEN).exit_code == 1
        assert [message.data for message in pubsub.published()] == [BAD]
        assert [message.data for message in pubsub.there()] == [to_json(LATE)]

    def test_a_file_keeps_its_letters(self, pubsub: PubSub, file: str) -> None:
        result = run("replay", file, "--to", pubsub.events_topic, *OPEN)
        assert result.exit_code == 0, result.output
        assert len(pubsub.published()) == 2

    @pytest.mark.parametrize(
        ("answer", "options", "published"), [("y\n", (), 1), ("n\n", (), 0), ("", ("--yes",), 1)]
    )
    def test_asks_somebody_at_a_terminal(
        self,
        pubsub: PubSub,
        monkeypatch: pytest.MonkeyPatch,
        answer: str,
        options: tuple[str, ...],
        published: int,
    ) -> None:
        pubsub.put(LATE)
        monkeypatch.setattr(command, "_somebody_is_there", lambda: True)
        result = run("replay", pubsub.letters, "--to", pubsub.events_topic, *WAIT, *options, stdin=answer)
        assert ("Publish 1 message to projects/p/topics/events?" in result.output) == (not options)
        assert len(pubsub.published()) == published
        assert len(pubsub.there()) == 1 - published


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("list", "/nowhere"), 3, "cannot be read as a file: No such file"),
        (("list", "projects/p/subscriptions/none", *WAIT), 3, "projects/p/subscriptions/none: NotFound"),
        (("list", "FILE", "--since", "noon"), 2, "--since: expected a time with its zone"),
        (("list", "FILE", "--code", "nonsense"), 2, "nonsense"),
        (
            ("explain", "FILE", "x", "--keys", "k1:secret-secret-secret"),
            2,
            "--keys: expected where the secrets are",
        ),
        (("explain", "FILE", "x", "--keys", "env:NOT_SET"), 2, "environment variable NOT_SET is not set"),
        (("replay", "FILE", "--to", "events"), 2, "--to must be projects/PROJECT/topics/NAME"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    pubsub: PubSub, file: str, arguments: tuple[str, ...], exit_code: int, words: str
) -> None:
    result = run(*(file if argument == "FILE" else argument for argument in arguments))
    assert result.exit_code == exit_code
    assert words in " ".join(result.stderr.split())
    assert "Traceback" not in result.output
    assert "secret-secret" not in result.output
