"""What was refused, as a message."""

from __future__ import annotations

import msgspec
import pytest
from streaming_support import KEYS, NOW

from evermail.dead_letters.letter import MAX_ORIGINAL_BYTES, Form, Letter, seal
from evermail.dead_letters.seal import Seal, Seals
from evermail.events import Code, Rejected
from pipeline.dead_letters import from_message, to_message

REFUSED = Rejected(
    stage="shoppers",
    code=Code.ID_COLLISION,
    message="event_id 'e1' was used before",
    data=bytes(range(256)),
    attributes={"event_id": "e1", "grüße": "\u2028"},
    pipeline_version="0.1.0",
    first_seen=NOW,
    attempts=2,
    received_at=NOW - 1,
)
SEAL = Seal("k1", KEYS.keys()["k1"])


def test_it_says_what_was_refused_and_why() -> None:
    letter = from_message(to_message(REFUSED).data)
    assert letter == Letter(
        id=letter.id,
        stage="shoppers",
        code=Code.ID_COLLISION,
        message="event_id 'e1' was used before",
        pipeline_version="0.1.0",
        first_seen=NOW,
        received_at=NOW - 1,
        attempts=2,
        form=Form.PSEUDONYMIZED,
        data=bytes(range(256)),
        attributes={"event_id": "e1", "grüße": "\u2028"},
    )


def test_a_sealed_original_travels_sealed() -> None:
    letter = from_message(to_message(seal(REFUSED, SEAL)).data)
    assert (letter.form, letter.key_id, letter.attributes) == (Form.SEALED, "k1", {})
    assert letter.original(Seals(KEYS.keys())) == (REFUSED.data, REFUSED.attributes)


def test_subscriptions_can_filter() -> None:
    message = to_message(REFUSED)
    assert message.attributes == {
        "id": from_message(message.data).id,
        "stage": "shoppers",
        "code": "id_collision",
        "version": "0.1.0",
    }


@pytest.mark.parametrize("code", Code)
def test_every_code_travels(code: Code) -> None:
    refused = msgspec.structs.replace(REFUSED, code=code)
    assert from_message(to_message(refused).data).code is code


def test_what_is_none_is_told_apart() -> None:
    with pytest.raises(msgspec.DecodeError):
        from_message(b'{"code": "nonsense"}')


@pytest.mark.parametrize("sealed", [False, True])
def test_the_largest_original_with_the_largest_attributes_can_be_published(sealed: bool) -> None:
    largest = msgspec.structs.replace(
        REFUSED,
        data=b"\xff" * MAX_ORIGINAL_BYTES,
        attributes={f"{n:0256d}": "\x01" * 1024 for n in range(100)},  # six characters each in JSON
    )
    message = to_message(seal(largest, SEAL) if sealed else largest)
    message._to_proto_str(for_publish=True)  # checks Pub/Sub's limits, as the write does
    letter = from_message(message.data)
    assert letter.original(Seals(KEYS.keys())) == (largest.data, largest.attributes)
    assert not letter.cut


@pytest.mark.parametrize("sealed", [False, True])
def test_an_original_too_large_for_any_message_is_cut_and_says_so(sealed: bool) -> None:
    enormous = msgspec.structs.replace(REFUSED, data=b"\xff" * 9_900_000, message="too large")
    message = to_message(seal(enormous, SEAL) if sealed else enormous)
    message._to_proto_str(for_publish=True)
    letter = from_message(message.data)
    assert letter.original(Seals(KEYS.keys()))[0] == enormous.data[:MAX_ORIGINAL_BYTES]
    assert letter.message == "too large (here are the first 6000000 of 9900000 bytes)"
    assert letter.cut
