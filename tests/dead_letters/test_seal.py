"""Sealed originals: who can open them, and what they give away to everybody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.dead_letters.seal import Seal, Seals, Unsealable

SECRET, OTHER = "a-secret-of-sixteen-bytes-or-more", "another-secret-of-some-length"
SEAL = Seal("k1", SECRET)
ORIGINAL = (b'{"user_id": "ann@example.com"}', {"event_id": "e1"})

originals = st.tuples(
    st.binary(max_size=99), st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)
)


@given(originals)
def test_who_has_the_secret_can_open_it(original: tuple[bytes, dict[str, str]]) -> None:
    assert Seal("elsewhere", SECRET).open(SEAL.close(original, "here"), "here") == original


def test_nothing_of_it_can_be_read() -> None:
    closed = SEAL.close(ORIGINAL, "here")
    for part in (b"ann", b"example", b"user_id", b"e1", SECRET.encode()):
        assert part not in closed


@pytest.mark.parametrize("at", range(12 + 16 + 40))
def test_it_cannot_be_changed(at: int) -> None:
    closed = bytearray(SEAL.close(ORIGINAL, "here"))
    closed[at] ^= 1
    with pytest.raises(Unsealable):
        SEAL.open(bytes(closed), "here")


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 27, 28, 40])
def test_nor_cut(length: int) -> None:
    with pytest.raises(Unsealable):
        SEAL.open(SEAL.close(ORIGINAL, "here")[:length], "here")


def test_nor_put_into_another_letter() -> None:
    with pytest.raises(Unsealable):
        SEAL.open(SEAL.close(ORIGINAL, "here"), "there")


def test_another_secret_does_not_open_it_and_none_is_shown() -> None:
    with pytest.raises(Unsealable, match="the secret of key k1 does not open it") as caught:
        Seal("k1", OTHER).open(SEAL.close(ORIGINAL, "here"), "here")
    assert SECRET not in str(caught.value)
    assert OTHER not in str(caught.value)


def test_without_the_secret_there_is_nothing_to_open_it_with() -> None:
    with pytest.raises(Unsealable, match="sealed with key k1, which is not among the keys given: k2"):
        Seals({"k2": OTHER}).of("k1")


def test_seals_of_several_keys_are_told_apart() -> None:
    seals = Seals({"k1": SECRET, "k2": OTHER})
    assert seals.of("k1").open(SEAL.close(ORIGINAL, ""), "") == ORIGINAL
    assert seals.of("k2").open(Seal("k2", OTHER).close(ORIGINAL, ""), "") == ORIGINAL


# A bundle that is tried again


def test_the_same_message_has_the_same_seal_and_the_same_id() -> None:
    again = Seal("k1", SECRET)
    assert again.close(ORIGINAL, "here") == SEAL.close(ORIGINAL, "here")
    assert again.letter_id("decode", "late", ORIGINAL) == SEAL.letter_id("decode", "late", ORIGINAL)


@given(st.lists(st.tuples(originals, st.text(max_size=5)), min_size=2, max_size=5, unique_by=repr))
def test_no_two_contents_share_a_nonce(contents: list[tuple[tuple[bytes, dict[str, str]], str]]) -> None:
    nonces = [SEAL.close(original, context)[:12] for original, context in contents]
    assert len(set(nonces)) == len(nonces)


@pytest.mark.parametrize(
    ("stage", "code", "data", "attributes"),
    [
        ("other", "late", *ORIGINAL),
        ("decode", "other", *ORIGINAL),
        ("decode", "late", b"other", ORIGINAL[1]),
        ("decode", "late", ORIGINAL[0], {"event_id": "e2"}),
        ("decodelate", "", *ORIGINAL),
    ],
)
def test_an_id_stands_for_stage_code_and_original(
    stage: str, code: str, data: bytes, attributes: dict[str, str]
) -> None:
    assert SEAL.letter_id(stage, code, (data, attributes)) != SEAL.letter_id("decode", "late", ORIGINAL)


def test_the_order_of_attributes_is_no_part_of_a_message() -> None:
    one, other = (b"", {"a": "1", "b": "2"}), (b"", {"b": "2", "a": "1"})
    assert SEAL.letter_id("decode", "late", one) == SEAL.letter_id("decode", "late", other)


def test_an_id_tells_nobody_without_the_secret_whether_a_guess_is_right() -> None:
    assert Seal("k1", OTHER).letter_id("decode", "late", ORIGINAL) != SEAL.letter_id(
        "decode", "late", ORIGINAL
    )
