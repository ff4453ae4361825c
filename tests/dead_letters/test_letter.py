"""What a dead letter says, and that it is the same for the same message."""

from __future__ import annotations

import json

import msgspec
import pytest
from letters_support import BAD, KEYS, NOW, in_the_clear, sealed

from evermail.clock import DAY, SECOND
from evermail.dead_letters import replayed
from evermail.dead_letters.letter import Form, Letter, from_json, to_json
from evermail.dead_letters.seal import Seals, Unsealable
from evermail.events import Code, Receipt


def test_a_letter_of_decode_is_sealed() -> None:
    letter = sealed(attributes={"event_id": "e1"})
    assert (letter.form, letter.key_id, letter.attributes) == (Form.SEALED, "k1", {})
    assert letter.original(Seals(KEYS)) == (BAD, {"event_id": "e1"})
    assert b"ann" not in to_json(letter)


def test_who_opens_it_without_keys_is_told_what_is_missing() -> None:
    with pytest.raises(Unsealable, match="sealed with key k1: say with --keys where its secret is"):
        sealed().original(None)


def test_a_letter_of_a_later_stage_is_in_the_clear_with_pseudonyms() -> None:
    letter = in_the_clear()
    assert (letter.form, letter.key_id) == (Form.PSEUDONYMIZED, "")
    assert letter.original(None) == (letter.data, {})
    assert json.loads(letter.data)["user_id"].startswith("k1.")


def test_it_says_when_the_message_came_and_how_often_it_was_tried() -> None:
    receipt = Receipt(received_at=NOW - DAY, attempts=4, first_seen=NOW - 5 * SECOND)
    letter = sealed(attributes=replayed.attributes_of(receipt))
    assert (letter.received_at, letter.attempts, letter.first_seen) == (NOW - DAY, 4, NOW - 5 * SECOND)


@pytest.mark.parametrize("letter", [sealed(), in_the_clear(), sealed(b"\xff\x00"), sealed(b"")])
def test_it_travels_as_one_line(letter: Letter) -> None:
    line = to_json(letter)
    assert b"\n" not in line
    assert from_json(line) == letter


def test_fields_of_later_versions_do_not_hinder() -> None:
    letter = in_the_clear()
    assert from_json(to_json(letter)[:-1] + b',"new": 1}') == letter


@pytest.mark.parametrize("line", [b"", b"{}", b"null", b"[]", b'"x"', b"\xff", to_json(sealed())[:-2]])
def test_what_is_none_is_told_apart(line: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        from_json(line)


def test_two_letters_of_one_message_are_one_whenever_they_were_written() -> None:
    assert sealed(now_us=NOW).id == sealed(now_us=NOW + 7 * SECOND, published_us=NOW).id
    assert in_the_clear().id == in_the_clear().id


def test_letters_of_two_messages_are_two() -> None:
    letters = [
        sealed(),
        sealed(BAD + b" "),
        sealed(attributes={"a": "1"}),
        in_the_clear(),
        in_the_clear(value=2),
    ]
    letters += [in_the_clear(code=Code.IDS_FORGOTTEN), in_the_clear(stage="other")]
    assert len({letter.id for letter in letters}) == len(letters)


@pytest.mark.parametrize("letter", [sealed(), in_the_clear()])
def test_an_id_can_be_typed(letter: Letter) -> None:
    assert len(letter.id) == 16
    assert letter.id.isascii()
    assert letter.id.replace("-", "").replace("_", "").isalnum()
