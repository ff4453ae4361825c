"""Reading letters takes nothing away, whatever happens meanwhile."""

from __future__ import annotations

import io
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded, PermissionDenied
from google.pubsub_v1 import SubscriberClient
from letters_pubsub import PubSub
from letters_support import in_the_clear, sealed

from evermail.dead_letters import pubsub as client
from evermail.dead_letters.letter import Letter, to_json
from evermail.dead_letters.sources import FileSource, Source, SourceError, open_source
from evermail.dead_letters.subscription import LEASE_S, SubscriptionSource

LETTERS = [sealed(), in_the_clear(), sealed(b"")]


def read(source: Source) -> list[Letter]:
    return [taken.letter for taken in source.letters()]


class TestSubscription:
    @pytest.fixture(autouse=True)
    def _letters(self, pubsub: PubSub) -> None:
        pubsub.put(*LETTERS)

    def source(self, pubsub: PubSub) -> Source:
        return open_source(pubsub.letters, wait_s=0.3)

    def test_all_letters_are_read_and_all_messages_given_back(self, pubsub: PubSub) -> None:
        with self.source(pubsub) as source:
            assert read(source) == LETTERS
            assert pubsub.there() == []  # borrowed
        assert [message.data for message in pubsub.there()] == [to_json(letter) for letter in LETTERS]

    def test_messages_are_given_back_after_a_failure_too(self, pubsub: PubSub) -> None:
        def interrupted() -> None:
            with self.source(pubsub) as source:
                next(iter(source.letters()))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert len(pubsub.there()) == 3

    def test_what_is_no_letter_is_counted_and_given_back(self, pubsub: PubSub) -> None:
        pubsub.put(b"no letter", b"\xff")
        with self.source(pubsub) as source:
            assert read(source) == LETTERS
            assert source.strangers == 2
        assert len(pubsub.there()) == 5

    def test_what_is_acknowledged_is_gone_and_nothing_else(self, pubsub: PubSub) -> None:
        with self.source(pubsub) as source:
            first, *_ = list(source.letters())
            source.acknowledge([first.handle])
        assert [message.data for message in pubsub.there()] == [to_json(letter) for letter in LETTERS[1:]]

    def test_a_message_delivered_again_is_not_given_twice_and_can_be_acknowledged(
        self, pubsub: PubSub
    ) -> None:
        with self.source(pubsub) as source:
            letters = source.letters()
            handles = [next(letters).handle for _ in LETTERS]
            pubsub.passes(LEASE_S + 1)
            assert list(letters) == []  # they came again, and were known
            source.acknowledge(handles)
        assert pubsub.there() == []

    def test_letters_that_are_being_read_do_not_come_back_to_others_soon(self, pubsub: PubSub) -> None:
        with self.source(pubsub) as source:
            read(source)
            pubsub.passes(LEASE_S - 60)
            assert pubsub.there() == []

    def test_many_letters_take_several_calls(self, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("evermail.dead_letters.subscription.AT_ONCE", 2)
        with self.source(pubsub) as source:
            taken = list(source.letters())
            assert [one.letter for one in taken] == LETTERS
            source.acknowledge([one.handle for one in taken])
        assert pubsub.there() == []

    def test_what_was_acknowledged_is_not_asked_for_again(
        self, pubsub: PubSub, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deadlines: list[tuple[int, int]] = []
        real = SubscriberClient.modify_ack_deadline

        def modify(self: Any, *, ack_ids: Any, ack_deadline_seconds: int, **more: Any) -> None:
            deadlines.append((len(ack_ids), ack_deadline_seconds))
            real(self, ack_ids=ack_ids, ack_deadline_seconds=ack_deadline_seconds, **more)

        monkeypatch.setattr(SubscriberClient, "modify_ack_deadline", modify)
        with self.source(pubsub) as source:
            first, *_ = list(source.letters())
            source.acknowledge([first.handle])
        assert deadlines == [(3, LEASE_S), (2, 0)]

    def test_a_lost_connection_at_the_end_hides_nothing(self, pubsub: PubSub) -> None:
        def fails(**_: Any) -> None:
            raise PermissionDenied("no")

        def go_wrong() -> None:
            with self.source(pubsub) as source:
                read(source)
                source._client = SimpleNamespace(modify_ack_deadline=fails, close=lambda: None)  # type: ignore[attr-defined]
                raise ValueError("what went wrong")

        with pytest.raises(ValueError, match="what went wrong"):
            go_wrong()


def test_a_subscription_that_is_not_there_is_named(pubsub: PubSub) -> None:
    source = open_source("projects/p/subscriptions/none", wait_s=0.3)
    with pytest.raises(SourceError, match="projects/p/subscriptions/none: NotFound"), source:
        read(source)


def test_a_pubsub_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.setattr(client, "RETRY_S", 0.2)
        with (
            pytest.raises(SourceError, match="no answer within"),
            open_source(PubSub.letters, wait_s=0.1) as source,
        ):
            read(source)


def test_a_pull_that_finds_nothing_is_the_end() -> None:
    def pull(**_: Any) -> None:
        raise DeadlineExceeded("waited")

    silent: Any = SimpleNamespace(pull=pull, close=lambda: None)
    with SubscriptionSource(PubSub.letters, silent, wait_s=0.1) as source:
        assert read(source) == []


def test_without_credentials_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SourceError) as refused:
        open_source(PubSub.letters, wait_s=0.1)
    said = str(refused.value)
    assert f"File {tmp_path}/none.json was not found" in said
    for remedy in ("PUBSUB_EMULATOR_HOST", "gcloud auth application-default login"):
        assert remedy in said
    assert "\n" not in said


def test_without_the_library_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.pubsub_v1", None)
    monkeypatch.delattr("google.cloud.pubsub_v1")
    with pytest.raises(SourceError, match=r"pip install evermail\[dead-letters\]"):
        open_source(PubSub.letters, wait_s=0.1)


class TestFile:
    def test_a_letter_a_line(self, tmp_path: Path) -> None:
        path = tmp_path / "letters.ndjson"
        path.write_bytes(b"\n".join(to_json(letter) for letter in LETTERS) + b"\n\n")
        with open_source(str(path), wait_s=1) as source:
            assert read(source) == LETTERS
            source.acknowledge(["line 1"])
        assert path.read_bytes().count(b"\n") == 4

    def test_lines_that_are_none_are_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "letters.ndjson"
        path.write_bytes(b"x\n" + to_json(LETTERS[0]) + b"\n\xff\n  \n{}")
        source = FileSource(str(path))
        assert read(source) == LETTERS[:1]
        assert source.strangers == 3

    def test_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(to_json(LETTERS[0]))))
        with open_source("-", wait_s=1) as source:
            assert read(source) == LETTERS[:1]
            assert source.name == "stdin"

    @pytest.mark.parametrize("place", ["/nowhere/letters", ".", "projects/p/topics/letters"])
    def test_what_cannot_be_read_is_named(self, place: str) -> None:
        with pytest.raises(SourceError, match=f"{place} is no projects/PROJECT/subscriptions/NAME"):
            read(open_source(place, wait_s=1))
