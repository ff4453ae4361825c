"""What people are called: always the same, and nothing of what they were called before."""

from __future__ import annotations

import base64
import hmac
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evermail.pseudonyms import Pseudonymizer

SECRET, OLD_SECRET = "pseudonym-secret-1", "pseudonym-secret-0"
pseudonyms = Pseudonymizer({"k0": OLD_SECRET, "k1": SECRET}, "k1")


def test_a_pseudonym_is_a_keyed_digest_with_the_id_of_its_key() -> None:
    digest = hmac.digest(SECRET.encode(), b"user\0ann@example.com", "sha256")[:16]
    expected = "k1." + base64.urlsafe_b64encode(digest).decode()[:22]
    assert pseudonyms.pseudonym("user", "ann@example.com") == expected


@given(st.text(st.characters(codec="utf-8"), min_size=16, max_size=150), st.text(max_size=150))
@example("x" * 64, "ann")  # as long as a block of SHA-256: longer ones are hashed first
@example("x" * 65, "ann")
def test_it_is_that_digest_for_any_secret_and_identifier(secret: str, identifier: str) -> None:
    digest = hmac.digest(secret.encode(), b"user\0" + identifier.encode(), "sha256")[:16]
    made = Pseudonymizer({"k1": secret}, "k1").pseudonym("user", identifier)
    assert made == "k1." + base64.urlsafe_b64encode(digest).decode()[:22]


def test_the_same_person_has_the_same_pseudonym_everywhere() -> None:
    elsewhere = Pseudonymizer({"k1": SECRET}, "k1")
    assert elsewhere.pseudonym("user", "ann") == pseudonyms.pseudonym("user", "ann")


def test_an_older_key_finds_what_was_stored_under_it() -> None:
    before = Pseudonymizer({"k0": OLD_SECRET}, "k0")
    assert pseudonyms.pseudonym("user", "ann", key_id="k0") == before.pseudonym("user", "ann")
    assert pseudonyms.pseudonym("user", "ann") != before.pseudonym("user", "ann")


def test_aliases_are_what_the_earlier_keys_call_somebody_newest_first() -> None:
    keys = {"k0": OLD_SECRET, "k1": "pseudonym-secret-x", "k2": SECRET}
    rotated = Pseudonymizer(keys, "k2")
    assert rotated.aliases("user", "ann") == (
        rotated.pseudonym("user", "ann", key_id="k1"),
        rotated.pseudonym("user", "ann", key_id="k0"),
    )
    assert rotated.aliases("user", None) == rotated.aliases("user", "") == ()
    assert Pseudonymizer({"k2": SECRET}, "k2").aliases("user", "ann") == ()


def test_a_pseudonym_is_known_by_its_form_and_its_key() -> None:
    made = pseudonyms.pseudonym("user", "ann")
    assert pseudonyms.knows(made)
    assert pseudonyms.knows(pseudonyms.pseudonym("user", "ann", key_id="k0"))
    strangers = [made.replace("k1", "k9"), made[:-1], made + "A", f" {made}", made + "\n", "ann", "", "k1."]
    assert not any(pseudonyms.knows(text) for text in strangers)


identifiers = st.text(st.characters(exclude_categories=()), max_size=30)


@given(st.lists(identifiers, min_size=2, max_size=6, unique=True))
def test_people_and_kinds_are_kept_apart(people: list[str]) -> None:
    made = [pseudonyms.pseudonym(kind, one) for kind in ("user", "client", "email") for one in people]
    assert len(set(made)) == len(made)


@given(identifiers)
def test_a_pseudonym_has_one_shape_and_shows_nothing_of_the_identifier(identifier: str) -> None:
    made = pseudonyms.pseudonym("email", identifier)
    assert re.fullmatch(r"k1\.[A-Za-z0-9_-]{22}", made)
    assert len(identifier) < 6 or identifier not in made.removeprefix("k1.")


@pytest.mark.parametrize(
    ("keys", "current", "words"),
    [
        ({}, "k1", "none"),
        ({"k0": SECRET}, "k1", "not among the keys: k0"),
        ({"k1": ""}, "k1", "16 bytes"),
        ({"k0": "short", "k1": SECRET}, "k1", "16 bytes"),
    ],
)
def test_keys_that_cannot_serve_are_told_without_their_secrets(
    keys: dict[str, str], current: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Pseudonymizer(keys, current)
    assert SECRET not in str(caught.value)
