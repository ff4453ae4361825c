"""Originals published again: what the messages say, and which letters are done with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import InvalidArgument, PermissionDenied
from google.pubsub_v1 import PublisherClient
from letters_pubsub import PubSub
from letters_support import BAD, KEYS, NOW, decoded, in_the_clear, sealed

from evermail import events
from evermail.clock import SECOND
from evermail.dead_letters import replay
from evermail.dead_letters.letter import Letter
from evermail.dead_letters.pubsub import publisher
from evermail.dead_letters.replay import NotReplayable, Outgoing, Sent, outgoing, verdict
from evermail.dead_letters.seal import Seals, Unsealable
from evermail.dead_letters.selection import Found
from evermail.events import Code, Event, Receipt

SEALS = Seals(KEYS)


def test_a_sealed_message_goes_out_as_it_came_and_says_how_often_and_since_when() -> None:
    letter = sealed(attributes={"event_id": "e1", "event_time": "x", "event_digest": "old", "source": "web"})
    message = outgoing(letter, SEALS)
    assert message.data == BAD
    assert {name: value for name, value in message.attributes.items() if name != "event_digest"} == {
        "event_id": "e1",
        "event_time": "x",
        "source": "web",
        "replay_attempts": "2",
        "replay_first_seen": str(NOW),
        "replay_received_at": str(NOW - SECOND),
    }


def test_decode_reads_there_when_it_was_received_first() -> None:
    letter = in_the_clear()
    event = decoded(*outgoing(letter, None), now_us=NOW + 90 * SECOND, published_us=NOW + 80 * SECOND)
    assert isinstance(event, Event)
    assert event.receipt == Receipt(received_at=NOW - SECOND, attempts=2, first_seen=NOW)


def test_an_event_in_the_clear_says_so_and_is_not_hashed_again() -> None:
    letter = in_the_clear()
    message = outgoing(letter, None)
    assert message.attributes["pseudonymized"] == "1"
    assert message.attributes["event_id"] == "e1"
    event = decoded(*message)
    assert isinstance(event, Event)
    assert events.to_json(event) == letter.data


def test_one_that_was_refused_in_a_replay_still_says_so() -> None:
    letter = sealed(b"{", {"pseudonymized": "1"})
    assert outgoing(letter, SEALS).attributes["pseudonymized"] == "1"


def test_the_reads_digest_is_another_than_the_originals_but_the_same_for_each_replay() -> None:
    """Else Dataflow's read would take the replay for a copy of what was refused a minute ago."""
    first, again = outgoing(sealed(), SEALS), outgoing(sealed(), SEALS)
    once_more = outgoing(msgspec.structs.replace(sealed(), attempts=2), SEALS)
    digests = [message.attributes["event_digest"] for message in (first, again, once_more)]
    assert digests[0] == digests[1] != digests[2]
    assert events.digest(BAD) not in digests


def test_attributes_that_pubsub_keeps_for_itself_stay_behind() -> None:
    letter = sealed(
        attributes={"googclient_x": "1", "": "empty", "long": "x" * 1025, "x" * 257: "", "ok": "1"}
    )
    assert set(outgoing(letter, SEALS).attributes) == {
        "ok",
        "event_id",
        "event_digest",
        "replay_attempts",
        "replay_first_seen",
        "replay_received_at",
    }


def test_a_message_has_no_more_attributes_than_pubsub_takes() -> None:
    letter = sealed(attributes={f"a{number}": "1" for number in range(100)})
    attributes = outgoing(letter, SEALS).attributes
    assert len(attributes) == 100
    assert "replay_attempts" in attributes


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"{", b"[1]", b'{"event_id": 7}', b'{"event_id": "' + b"x" * 1025 + b'"}']
)
def test_what_has_no_id_goes_out_without_one(data: bytes) -> None:
    message = outgoing(sealed(data), SEALS)
    assert message.data == data
    assert "event_id" not in message.attributes


def test_a_time_that_is_not_known_is_not_said() -> None:
    letter = msgspec.structs.replace(in_the_clear(), received_at=0)
    assert "replay_received_at" not in outgoing(letter, None).attributes


@pytest.mark.parametrize("stage", ["store_writer", "archive"])
def test_what_the_job_made_is_no_event(stage: str) -> None:
    with pytest.raises(NotReplayable, match=f"letters of {stage} hold what the job made, not an event"):
        outgoing(in_the_clear(stage=stage, code=Code.STORE_REFUSED), None)


def test_half_an_original_is_none() -> None:
    with pytest.raises(NotReplayable, match="too large"):
        outgoing(sealed(b"x" * 6_000_001), SEALS)


def test_what_is_not_opened_is_not_guessed_at() -> None:
    with pytest.raises(Unsealable):
        outgoing(sealed(), None)


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (sealed(), "refused again: unknown_event_name"),
        (sealed(b""), "refused again: empty_payload"),
        (in_the_clear(), "readable"),
        (in_the_clear(note="x" * 65_000, more="y"), "readable"),
    ],
)
def test_it_can_be_told_beforehand_how_it_will_be_read(letter: Letter, expected: str) -> None:
    assert verdict(letter, outgoing(letter, SEALS), NOW) == expected


# Publishing


def sent(*data: bytes, **attributes: str) -> list[Sent]:
    return [
        Sent(Found(in_the_clear(), [one.decode()]), Outgoing(one, {"n": "1", **attributes})) for one in data
    ]


class Confirmed:
    """Whose arrival was told, batch by batch."""

    def __init__(self) -> None:
        self.batches: list[list[bytes]] = []

    def __call__(self, arrived: Sequence[Sent]) -> None:
        self.batches.append([one.message.data for one in arrived])


def test_messages_are_published_with_attributes_of_any_name(pubsub: PubSub) -> None:
    names = dict.fromkeys(
        ("topic", "data", "messages", "timeout", "retry", "self", "client", "ordering_key"), "x"
    )
    confirmed, waiting = Confirmed(), sent(b"a", b"b", **names)
    replay.publish(publisher(), pubsub.events_topic, waiting, confirmed)
    assert [(message.data, dict(message.attributes)) for message in pubsub.published()] == [
        (b"a", {"n": "1", **names}),
        (b"b", {"n": "1", **names}),
    ]
    assert confirmed.batches == [[b"a", b"b"]]
    assert all(one.confirmed and not one.problem for one in waiting)


def test_batches_are_bounded_in_number_and_bytes(pubsub: PubSub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_BATCH_MESSAGES", 3)
    monkeypatch.setattr(replay, "MAX_BATCH_BYTES", 25)
    confirmed = Confirmed()
    data = [b"a", b"b", b"c", b"d", b"e" * 20, b"f" * 20, b"g" * 99, b"h"]
    replay.publish(publisher(), pubsub.events_topic, sent(*data), confirmed)
    assert confirmed.batches == [data[:3], data[3:5], data[5:6], data[6:7], data[7:]]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, Exception]:
    """What publishing a batch with certain data raises."""
    faults: dict[bytes, Exception] = {}
    real = PublisherClient.publish

    def publish(self: Any, *, topic: str, messages: Any, retry: Any) -> Any:
        for message in messages:
            if message.data in faults:
                raise faults[message.data]
        return real(self, topic=topic, messages=messages, retry=retry)

    monkeypatch.setattr(PublisherClient, "publish", publish)
    return faults


def test_a_message_that_is_refused_does_not_keep_the_others(
    pubsub: PubSub, refusing: dict[bytes, Exception]
) -> None:
    refusing[b"b"] = InvalidArgument("a spoiled one")
    confirmed, waiting = Confirmed(), sent(b"a", b"b", b"c")
    replay.publish(publisher(), pubsub.events_topic, waiting, confirmed)
    assert [message.data for message in pubsub.published()] == [b"a", b"c"]
    assert confirmed.batches == [[b"a", b"c"]]
    assert [one.problem for one in waiting] == [
        "",
        "projects/p/topics/events: InvalidArgument: a spoiled one",
        "",
    ]


def test_a_batch_that_fails_is_not_confirmed_and_others_are(
    pubsub: PubSub, refusing: dict[bytes, Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_BATCH_MESSAGES", 2)
    refusing[b"b"] = PermissionDenied("not yours")
    confirmed, waiting = Confirmed(), sent(b"a", b"b", b"c")
    replay.publish(publisher(), pubsub.events_topic, waiting, confirmed)
    assert confirmed.batches == [[b"c"]]
    assert [one.confirmed for one in waiting] == [False, False, True]
    assert "PermissionDenied: not yours" in waiting[0].problem


def test_a_topic_that_is_not_there_is_named(pubsub: PubSub) -> None:
    confirmed, waiting = Confirmed(), sent(b"a")
    replay.publish(publisher(), "projects/p/topics/none", waiting, confirmed)
    assert confirmed.batches == []
    assert waiting[0].problem.startswith("projects/p/topics/none: NotFound")
