"""Who was named in an event, and what stands there afterwards."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, identities
from evermail.events import Code, Event, Receipt, Refusal, parse_or_refuse, to_json
from evermail.identities import KINDS, MAX_REPLACED, kind_of, pseudonymize
from evermail.pseudonyms import Pseudonymizer
from evermail.traces import normal_email

NOW = 1_795_489_200 * clock.SECOND  # 2026-11-24T03:00:00Z
PSEUDONYMS = Pseudonymizer({"k0": "an-older-secret-of-ours", "k1": "the-current-secret-of-us"}, "k1")
RECEIPT = Receipt(received_at=NOW)
USER, CLIENT, EMAIL = "crm-10023", "GA1.1.555", "ann@example.com"

BASE: dict[str, Any] = {
    "event_id": "e1",
    "event_name": "view_item",
    "event_time": "2026-11-24T03:00:00Z",
    "client_id": CLIENT,
    "user_id": USER,
    "items": [{"item_id": "SKU1"}],
}


def of(kind: str, identifier: str) -> str:
    return PSEUDONYMS.pseudonym(kind, identifier)


def conceal(*, again: bool = False, ascii_only: bool = True, **changes: Any) -> Event:
    sent = json.dumps({**BASE, **changes}, ensure_ascii=ascii_only).encode()
    return pseudonymize(parse_or_refuse(sent, NOW, 2**20), PSEUDONYMS, RECEIPT, sent=sent, again=again)


def extra(**changes: Any) -> Any:
    return conceal(**changes).extra


def test_user_and_client_are_pseudonyms_and_the_receipt_is_there() -> None:
    event = conceal()
    assert (event.user_id, event.client_id) == (of("user", USER), of("client", CLIENT))
    assert event.receipt is RECEIPT
    assert event.event_id == "e1"


@pytest.mark.parametrize("missing", ["user_id", "client_id"])
def test_who_is_not_named_has_no_pseudonym(missing: str) -> None:
    assert getattr(conceal(**{missing: None}), missing) is None
    assert getattr(conceal(**{missing: ""}), missing) is None


# Names of fields


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in KINDS for name in KINDS[kind].split()])
def test_a_name_of_the_list_says_that_an_identity_stands_there(kind: str, name: str) -> None:
    assert kind_of(name) == kind
    assert extra(x={name: "someone"}) == {"x": {name: of(kind, "someone")}}


@pytest.mark.parametrize(
    "name", ["E-Mail", "EMAIL", "e_mail", "userEmail", "User-ID", "user__id", "USERID", "Customer-Id"]
)
def test_letters_and_separators_of_a_name_do_not_matter(name: str) -> None:
    assert kind_of(name)


@pytest.mark.parametrize("name", ["", "email_type", "userland", "ids", "id", "page", "_" * 70_000])
def test_any_other_name_says_nothing(name: str) -> None:
    assert kind_of(name) is None


def test_everything_under_such_a_name_is_an_identity() -> None:
    below = {"id": 17, "more": ["a", {"x": 2.5}], "opted_in": True, "none": None, "empty": ""}
    assert extra(customer_id=below) == {
        "customer_id": {
            "id": of("user", "17"),
            "more": [of("user", "a"), {"x": of("user", "2.5")}],
            "opted_in": True,
            "none": None,
            "empty": "",
        }
    }


def test_a_number_and_a_text_of_it_are_the_same_person() -> None:
    assert extra(customer_id=[17, 17.0, "17"]) == {"customer_id": [of("user", "17")] * 3}


def test_a_users_own_id_under_another_name_is_the_same_person() -> None:
    assert extra(customer_id=USER) == {"customer_id": of("user", USER)}


def test_identities_are_found_in_items_and_consents_too() -> None:
    event = conceal(
        items=[{"item_id": "a", "customer_id": 1}, {"item_id": "b", "note": 2}],
        consent={"personalization": True, "given_by": {"email": EMAIL}},
    )
    assert [item.extra for item in event.items] == [{"customer_id": of("user", "1")}, {"note": 2}]
    assert event.consent is not None
    assert event.consent.extra == {"given_by": {"email": of("email", EMAIL)}}


# Addresses


@pytest.mark.parametrize(
    "written", [EMAIL, "Ann@Example.com", " ANN@EXAMPLE.COM ", "Ann Lee <ann@example.com>"]
)
def test_an_address_has_one_pseudonym_however_it_is_written(written: str) -> None:
    assert extra(email=written) == {"email": of("email", EMAIL)}


def test_an_address_is_found_in_any_text() -> None:
    event = conceal(
        event_id=f"open-{EMAIL}",
        search_term=f"gift for {EMAIL}",
        campaign_id=EMAIL,
        source=EMAIL,
        notes=[f"<{EMAIL}>", {EMAIL: 1, "url": "https://x.example/?m=ann%40example.com&n=1"}],
    )
    found = of("email", EMAIL)
    assert event.event_id == of("email", f"open-{EMAIL}")
    assert event.search_term == f"gift for {found}"
    assert (event.campaign_id, event.source) == (found, found)
    assert event.extra == {"notes": [f"<{found}>", {found: 1, "url": f"https://x.example/?m={found}&n=1"}]}


def test_an_address_quoted_as_in_a_url_is_found_where_no_other_sign_is() -> None:
    assert conceal(source="m=ann%40example.com").source == f"m={of('email', EMAIL)}"


SPELLINGS = ["ann%2540example.com", "ann%252540example.com", "ann＠example.com", "ann&#64;example.com"]


@pytest.mark.parametrize("written", [*SPELLINGS, "ann&#x40;example.com", "Ann%40Example.com"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_so_is_one_in_any_other_spelling(written: str, ascii_only: bool) -> None:
    found = of("email", EMAIL)
    assert conceal(search_term=f"m={written}", ascii_only=ascii_only).search_term == f"m={found}"
    assert extra(x=[f"/?m={written}&b"], ascii_only=ascii_only) == {"x": [f"/?m={found}&b"]}
    assert extra(email=written, ascii_only=ascii_only) == {"email": found}
    assert extra(x={written: 1}, ascii_only=ascii_only) == {"x": {found: 1}}


@given(st.emails(), st.integers(0, 5))
def test_an_address_has_one_pseudonym_however_often_it_is_quoted(address: str, times: int) -> None:
    quoted = address
    for _ in range(times):
        quoted = quote(quoted, safe="")
    assert extra(email=quoted) == extra(email=address)
    assert address not in extra(note=f"<{quoted}>")["note"]
    assert of("email", normal_email(address)) in extra(note=f"<{quoted}>")["note"]


def test_an_id_that_is_an_address_is_the_user_in_its_own_spelling() -> None:
    written = "ann＠example.com"
    assert extra(user_id=written, note=f"to {written}") == {"note": f"to {of('user', written)}"}


def test_escapes_hide_nothing() -> None:
    sent = json.dumps({**BASE, "a": "x"}).replace('"x"', r'"ann\u0040example.com \u0063rm-10023"').encode()
    event = pseudonymize(parse_or_refuse(sent, NOW), PSEUDONYMS, RECEIPT, sent=sent)
    assert event.extra == {"a": f"{of('email', EMAIL)} {of('user', USER)}"}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_names_nobody_stays_as_it_is(ascii_only: bool) -> None:
    plain = {"page": {"path": ["ä", 1, None, 0.5, True]}, "q": '50 % @ home "x"', "n": 2**64 - 1, "e": {}}
    event = conceal(ascii_only=ascii_only, search_term="größe 40", currency="EUR", source="web", **plain)
    assert event.extra == plain
    assert (event.search_term, event.currency, event.source) == ("größe 40", "EUR", "web")


# The event's own user and client


def test_they_are_found_as_words_in_any_text() -> None:
    event = conceal(
        event_id=f"{USER}-7",
        search_term=f"orders of {USER}",
        campaign_id=f"welcome_{USER}",
        source=CLIENT,
        note={"by": [f"{USER}, {CLIENT}"], USER: 1},
    )
    user, client = of("user", USER), of("client", CLIENT)
    assert event.event_id == f"{user}-7"
    assert event.search_term == f"orders of {user}"
    assert event.campaign_id == f"welcome_{user}"
    assert event.source == client
    assert event.extra == {"note": {"by": [f"{user}, {client}"], user: 1}}


def test_a_part_of_a_longer_word_is_somebody_else() -> None:
    assert extra(note=f"{USER}4 x{USER}") == {"note": f"{USER}4 x{USER}"}


def test_of_two_that_contain_each_other_the_longer_is_seen_first() -> None:
    event = conceal(user_id="555", note="GA1.1.555 and 555")
    assert event.extra == {"note": f"{of('client', CLIENT)} and {of('user', '555')}"}


def test_an_id_that_is_an_address_is_the_user_wherever_it_stands() -> None:
    assert extra(user_id=EMAIL, note=f"to {EMAIL}") == {"note": f"to {of('user', EMAIL)}"}


def test_an_address_that_contains_an_id_stays_one_address() -> None:
    assert extra(user_id="ann", note=f"{EMAIL} ann") == {"note": f"{of('email', EMAIL)} {of('user', 'ann')}"}


def test_a_number_is_an_id_only_if_it_is_a_telling_one() -> None:
    numbers = [12345678, 12345678.0, 123456789, 7]
    found = of("user", "12345678")
    assert extra(user_id="12345678", numbers=numbers) == {"numbers": [found, found, 123456789, 7]}
    assert extra(user_id="7", numbers=numbers) == {"numbers": numbers}


@pytest.mark.parametrize(
    "number", ["12345678.0", "1.2345678e7", "1.2345678E+7", "1234567.8e1", "123456780e-1"]
)
@pytest.mark.parametrize("more", ["", r'"\\n",'])
def test_a_number_is_the_same_however_it_is_written(number: str, more: str) -> None:
    sent = json.dumps({**BASE, "user_id": "12345678", "n": ["?"]}).replace('"?"', more + number).encode()
    event = pseudonymize(parse_or_refuse(sent, NOW), PSEUDONYMS, RECEIPT, sent=sent)
    assert event.extra["n"][-1] == of("user", "12345678")


def test_so_is_one_too_long_to_be_written_out() -> None:
    number = "1" + "0" * 20
    sent = json.dumps({**BASE, "user_id": number, "n": [r"\\", 1e20]}).encode()
    event = pseudonymize(parse_or_refuse(sent, NOW), PSEUDONYMS, RECEIPT, sent=sent)
    assert event.extra["n"][-1] == of("user", number)


def test_a_currency_that_is_an_identifier_is_none() -> None:
    assert conceal(user_id="crm-7", currency="crm-7").currency is None


@pytest.mark.parametrize(
    ("field", "limit"), [("event_id", 128), ("search_term", 512), ("campaign_id", 128), ("source", 64)]
)
def test_no_text_grows_beyond_what_its_field_may_hold(field: str, limit: int) -> None:
    texts = [f"{USER} {filler * (limit - len(USER) - 1)}" for filler in "xy"]
    found = [getattr(conceal(**{field: text}), field) for text in texts]
    assert found == [of("text", text) for text in texts]


def test_an_event_cannot_be_blown_up() -> None:
    notes = ["7"] * (MAX_REPLACED + 1)
    assert extra(user_id="7", notes=notes[:-1]) == {"notes": [of("user", "7")] * MAX_REPLACED}
    with pytest.raises(Refusal, match="more than 1000 places") as refused:
        conceal(user_id="7", notes=notes)
    assert refused.value.code is Code.OUT_OF_RANGE


def test_copies_stay_copies() -> None:
    once, twice = (conceal(event_id=f"{USER}/{EMAIL}", note=EMAIL) for _ in range(2))
    assert once == twice
    assert conceal(event_id=f"{USER}/b@example.com").event_id != once.event_id


# What is not looked into

some_texts = st.sampled_from(
    [
        "a",
        USER,
        CLIENT,
        EMAIL,
        f"{USER} {EMAIL}!",
        f"{CLIENT}_{USER}",
        "7",
        "m=ann%40example.com",
        "",
        *SPELLINGS,
    ]
)
some_values = st.recursive(
    some_texts | st.integers(0, 9) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(some_texts | st.sampled_from(["email", "userId", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


places = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.just("e 1") | some_texts.filter(bool),
        "search_term": some_texts,
        "campaign_id": some_texts,
        "source": some_texts,
        "currency": st.sampled_from(["EUR", "7", "a@b.cc", "crm-10"]),
        "user_id": st.sampled_from([USER, "7", EMAIL, "crm-10", "", "12345678"]),
        "items": st.lists(
            st.fixed_dictionaries({"item_id": st.just("7")}, optional={"note": some_values}), min_size=1
        ),
        "consent": st.fixed_dictionaries({}, optional={"note": some_values}),
        "note": some_values | st.sampled_from([12345678, 12345678.0]),
    },
)


@given(places, st.booleans())
def test_where_nothing_is_looked_for_nothing_could_be_found(fields: dict[str, Any], ascii_only: bool) -> None:
    quick = conceal(ascii_only=ascii_only, **fields)
    with mock.patch.object(identities, "_may_name", return_value=True):
        assert conceal(ascii_only=ascii_only, **fields) == quick


# Done before


@given(
    st.dictionaries(st.sampled_from(["note", "email", "customer", "user_id_2"]), some_values, max_size=3),
    some_texts,
)
def test_what_was_concealed_comes_back_from_the_wire_as_it_was(notes: dict[str, Any], text: str) -> None:
    first = conceal(**notes, event_id=f"id {text}".strip(), search_term=text)
    sent = to_json(first)
    again = pseudonymize(parse_or_refuse(sent, NOW), PSEUDONYMS, RECEIPT, sent=sent, again=True)
    assert again == first


def test_what_was_not_concealed_after_all_is_so_then() -> None:
    known = of("user", "someone")
    event = conceal(again=True, user_id=known, client_id=None, note=EMAIL, email=[EMAIL, of("email", "b")])
    assert event.user_id == known
    assert event.extra == {"note": of("email", EMAIL), "email": [of("email", EMAIL), of("email", "b")]}


def test_a_pseudonym_of_an_older_key_is_one() -> None:
    older = PSEUDONYMS.pseudonym("user", "ann", key_id="k0")
    assert conceal(again=True, user_id=older, client_id=None).user_id == older


@pytest.mark.parametrize("field", ["user_id", "client_id"])
@pytest.mark.parametrize("value", [USER, EMAIL, of("user", "x")[:-1], of("user", "x").replace("k1", "k2")])
def test_identifiers_that_are_none_of_our_pseudonyms_are_refused(field: str, value: str) -> None:
    known = {"user_id": of("user", "a"), "client_id": of("client", "b")}
    with pytest.raises(Refusal, match=field) as refused:
        conceal(again=True, **{**known, field: value})
    assert refused.value.code is Code.INVALID_IDENTIFIER
    assert value not in refused.value.message


def test_a_pseudonym_in_a_message_that_does_not_say_so_is_an_identifier_like_any_other() -> None:
    assert conceal(user_id=of("user", "ann")).user_id == of("user", of("user", "ann"))


def test_no_field_of_an_event_is_forgotten() -> None:
    """Whoever adds a field has to say here what becomes of somebody named in it."""
    texts = {"event_id", "client_id", "user_id", "currency", "search_term", "campaign_id", "source"}
    others = {"event_name", "event_time", "items", "value", "consent", "extra", "receipt"}
    assert {field.name for field in msgspec.structs.fields(Event)} == texts | others
