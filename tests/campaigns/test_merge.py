"""Markers stand where a mail service fills in what is each recipient's own."""

from __future__ import annotations

import msgspec
import pytest

from evermail.campaigns import render, sample_context
from evermail.campaigns.merge import TOKEN_FIELDS, Field, any_item, everybody, fields_of, marker, with_tags

TEMPLATE = "abandoned_cart"
FOR_ALL = msgspec.structs.replace(
    sample_context(TEMPLATE), recipient=everybody(first_name=True), about=[any_item()]
)
PARTS = render(TEMPLATE, FOR_ALL)


def test_no_filter_or_escape_changes_a_marker() -> None:
    for part in (PARTS.subject, PARTS.text, PARTS.amp, PARTS.html):
        replaced = with_tags(part, lambda field: f"[{field.name}]")
        assert "MERGE" not in replaced
        assert "merge.invalid" not in replaced
    assert {Field.ITEM_TITLE, Field.ITEM_PRICE, Field.ITEM_IMAGE, Field.ITEM_URL} <= fields_of(PARTS.html)


def test_the_whole_of_an_address_is_replaced() -> None:
    assert 'href="[ITEM_URL]"' in with_tags(PARTS.html, lambda field: f"[{field.name}]")


def test_a_part_tells_which_fields_it_needs() -> None:
    assert fields_of(PARTS.subject) == {Field.FIRST_NAME, Field.ITEM_TITLE}
    assert Field.RECOMMENDATIONS in fields_of(PARTS.amp)
    assert fields_of("nothing") == set()


@pytest.mark.parametrize("field", Field)
def test_what_follows_a_marker_is_left_alone(field: Field) -> None:
    assert with_tags(f"a{marker(field)}-b", lambda found: f"<{found}>") == f"a<{field}>-b"


def test_without_a_first_name_nobody_needs_one() -> None:
    nameless = render(TEMPLATE, msgspec.structs.replace(FOR_ALL, recipient=everybody()))
    assert Field.FIRST_NAME not in fields_of(nameless.amp + nameless.subject)


def test_there_is_a_field_for_every_token() -> None:
    tokens = msgspec.to_builtins(everybody().tokens)
    assert list(tokens.values()) == [marker(field) for field in TOKEN_FIELDS]
