"""What was refused, as a message."""

from __future__ import annotations

import msgspec
import pytest
from streaming_support import NOW

from evermail.events import Code, Rejected
from pipeline.dead_letters import MAX_ORIGINAL_BYTES, from_message, to_message

REFUSED = Rejected(
    stage="decode",
    code=Code.INVALID_UTF8,
    message="byte 3 is not valid UTF-8",
    data=bytes(range(256)),
    attributes={"event_id": "e1", "grüße": "\u2028"},
    pipeline_version="0.1.0",
    first_seen=NOW,
    attempts=2,
)


def test_it_reads_back_equal() -> None:
    assert from_message(to_message(REFUSED).data) == REFUSED


def test_subscriptions_can_filter_by_stage_and_code() -> None:
    assert to_message(REFUSED).attributes == {"stage": "decode", "code": "invalid_utf8", "version": "0.1.0"}


@pytest.mark.parametrize("code", Code)
def test_every_code_travels(code: Code) -> None:
    refused = msgspec.structs.replace(REFUSED, code=code)
    assert from_message(to_message(refused).data).code is code


def test_what_is_none_is_told_apart() -> None:
    with pytest.raises(msgspec.DecodeError):
        from_message(b'{"code": "nonsense"}')


def test_the_largest_original_with_the_largest_attributes_can_be_published() -> None:
    largest = msgspec.structs.replace(
        REFUSED,
        data=b"\xff" * MAX_ORIGINAL_BYTES,
        attributes={f"{n:0256d}": "\x01" * 1024 for n in range(100)},  # six characters each in JSON
    )
    message = to_message(largest)
    message._to_proto_str(for_publish=True)  # checks Pub/Sub's limits, as the write does
    assert from_message(message.data) == largest


def test_an_original_too_large_for_any_message_is_cut_and_says_so() -> None:
    enormous = msgspec.structs.replace(REFUSED, data=b"\xff" * 9_900_000, message="too large")
    message = to_message(enormous)
    message._to_proto_str(for_publish=True)
    read_back = from_message(message.data)
    assert read_back.data == enormous.data[:MAX_ORIGINAL_BYTES]
    assert read_back.message == "too large (here are the first 6000000 of 9900000 bytes)"
