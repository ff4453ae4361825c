"""What is read quickly is what reading closely would have made of it, to the byte."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evermail import clock
from evermail.decoding import Decoder
from evermail.events import MAX_ITEMS, EventName, plain
from evermail.events.checks import LIMITS, MAX_CATEGORY_CHARS, MAX_ITEM_ID_CHARS
from evermail.events.reading import read_closely

NOW = 1_795_489_200 * clock.SECOND  # 2026-11-24T03:00:00Z
DECODER = Decoder({"k0": "an-older-secret-of-ours", "k1": "the-current-secret-of-us"}, "test")

LINE = {"item_id": "SKU1", "quantity": 2, "price": 19.9, "item_category": "Kettles"}
PURCHASE: dict[str, Any] = {
    "event_id": "e1",
    "event_name": "purchase",
    "event_time": "2026-11-24T02:59:59.123Z",
    "client_id": "GA1.1.1712345678",
    "user_id": "crm-10023",
    "items": [LINE, {"item_id": "SKU2"}],
    "value": 39.8,
    "currency": "EUR",
    "search_term": "red kettle",
    "campaign_id": "black-friday",
    "consent": {"personalization": True},
    "source": "web",
}


def encode(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def outcome(data: bytes) -> bytes:
    """All that decode says of a message, so that -0.0 is not 0.0 and 1 is not 1.0."""
    result = DECODER.decode(data, {}, published_us=NOW, now_us=NOW)
    return type(result).__name__.encode() + msgspec.msgpack.encode(result)


def check_equal(data: bytes) -> None:
    quick = outcome(data)
    with mock.patch.object(plain, "read", return_value=None):
        assert outcome(data) == quick
    event = plain.read(data, NOW)
    assert event is None or event == read_closely(data, NOW)


@pytest.mark.parametrize("name", sorted(set(EventName) - {EventName.IDENTIFY, EventName.UPDATE_CONSENT}))
@pytest.mark.parametrize(
    "gone", [[], ["client_id"], ["user_id"], ["consent", "value", "currency", "search_term", "campaign_id"]]
)
def test_what_is_plain_is_read_quickly(name: str, gone: list[str]) -> None:
    fields = {**PURCHASE, "event_name": name}
    data = encode({field: value for field, value in fields.items() if field not in gone})
    assert plain.read(data, NOW) == read_closely(data, NOW)


# Payloads are put together of JSON as it is written, which can be done in odd ways.

NUMBERS = """
    0 -0 -0.0 0e0 1 -1 1.0 1.5 1e0 1e3 10E-1 1e12 1000000000000 1000000000001 1.0000000000001e12 -1e12 -1.1e12
    1e999 1e-400 5e-324 01 NaN Infinity 9007199254740993 18446744073709551616 -9223372036854775809 1795489200
    123456789012345678901234567890 0.1000000000000000055511151231257827021181583404541015625
"""
TEXTS = r"""
    view_item search identify erase_user update_consent view\u005fitem web EUR EUREUREUR 10023 crm-10023
    2026-11-24T02:59:59Z 2026-11-24t02:59:59.5z 2026-11-24T03:00:00 2026-11-24T03:00:00\u005a 2026-11-24
    2026-11-24T03:11:00Z 2026-11-24T08:45:00+05:45 2009-12-31T23:59:59Z 0001-01-01T00:00:00+14:00
    9999-12-31T23:59:59-23:59 2026-11-24T02:59:59.999999500Z GA1.1.1712345678 for:crm-10023 crm-100234
    a@b.example a%40b.example a%2540b.example a&#64;b.example a\uff20b.example a＠b.example
    50% \u00e9 \u0040 \/ \ud800 \ud83d\ude00 \u0000 \n \" \
"""
OTHERS = """
    null true false [] {} [null] [[]] [{}] {"personalization":false} {"personalization":null} {"ads":1}
    {"personalization":1} {"personalization":true,"personalization":false} {"personalization":false,"ads":2}
"""
LIMITED = {*LIMITS.values(), MAX_ITEM_ID_CHARS, MAX_CATEGORY_CHARS}
LONG = [letter * (limit + more) for letter in "xé" for limit in LIMITED for more in (0, 1)]
SPACED = ["", " ", "a b", " a", "a ", "a\u00a0b", "a\u200db", "\x7f", "of crm-10023", *LONG]
ODD = [*NUMBERS.split(), *OTHERS.split(), *[f'"{text}"' for text in (*TEXTS.split(), *SPACED)]]


def written(fields: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}"


def as_json(fields: dict[str, Any], **changes: str) -> dict[str, str]:
    return {**{name: json.dumps(value) for name, value in fields.items()}, **changes}


@pytest.mark.parametrize("field", [*PURCHASE, "x", "event\\u005fid"])
@pytest.mark.parametrize("name", ["purchase", "search", "identify", "update_consent"])
def test_a_field_written_in_any_way_has_one_outcome(name: str, field: str) -> None:
    fields = as_json(PURCHASE, event_name=f'"{name}"')
    check_equal(written({key: value for key, value in fields.items() if key != field}).encode())
    for value in ODD:
        anew = written({**fields, field: value})
        check_equal(anew.encode())
        check_equal(f'{{"{field}":{value},{anew[1:]}'.encode())  # twice: the last counts


@pytest.mark.parametrize("field", [*LINE, "x", "item\\u005fid"])
def test_so_has_one_of_an_item(field: str) -> None:
    for value in ODD:
        line = written(as_json(LINE, **{field: value}))
        check_equal(written(as_json(PURCHASE, items=f"[{line}]")).encode())
        check_equal(written(as_json(PURCHASE, items=f'[{{}},{{"{field}":{value},{line[1:]}]')).encode())


@pytest.mark.parametrize("gone", [["client_id", "user_id"], ["items"], ["consent"]])
@pytest.mark.parametrize("name", EventName)
def test_so_has_an_event_of_any_name_without_what_it_may_need(name: str, gone: list[str]) -> None:
    fields = {**PURCHASE, "event_name": name}
    check_equal(encode({field: value for field, value in fields.items() if field not in gone}))


odd_items = st.dictionaries(st.sampled_from([*LINE, "x"]), st.sampled_from(ODD), max_size=1)
odd_fields = st.dictionaries(st.sampled_from([*PURCHASE, "x"]), st.sampled_from(ODD), max_size=3)
messages = st.builds(
    lambda items, changes: written(
        as_json(
            PURCHASE,
            **{"items": f"[{','.join(written(as_json(LINE, **item)) for item in items)}]", **changes},
        )
    ).encode(),
    st.lists(odd_items, max_size=3),
    odd_fields,
)


@given(messages, st.integers(0, 600), st.just(b"") | st.binary(max_size=3))
@example(encode({**PURCHASE, "items": [LINE] * (MAX_ITEMS + 1)}), 0, b"")
@example(encode(PURCHASE), 0, b"\xef\xbb\xbf{")
@example(encode(PURCHASE) + b" \n", 0, b"")
@example(encode(PURCHASE) + b"{}", 0, b"")
@example(json.dumps(PURCHASE, indent=1).encode(), 0, b"")
def test_so_has_a_message_of_several_such_or_a_damaged_one(data: bytes, at: int, noise: bytes) -> None:
    check_equal(data[:at] + noise + data[at + len(noise) :])
