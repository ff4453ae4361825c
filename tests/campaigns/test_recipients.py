"""Recipients are read as a stream; whoever cannot get an email is told by the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evermail.campaigns.audience import AudienceRefused
from evermail.campaigns.recipients import MAX_ITEMS, Row, names_of_row, read_recipients
from evermail.decoding import Decoder
from evermail.events import Event
from evermail.person import Name
from evermail.pseudonyms import Pseudonymizer
from evermail.written_yaml import Problem

KEYS = {"k1": "an old secret of 16 bytes", "k2": "a new secret of 16 bytes"}
PSEUDONYMS = Pseudonymizer(KEYS, "k2")
SHOPPER = PSEUDONYMS.pseudonym("user", "crm-1")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def read(file: Path, text: str) -> tuple[list[Row], list[str]]:
    """The rows, and what is wrong with others."""
    file.write_text(text, encoding="utf-8")
    wrong: list[Problem] = []
    rows = list(read_recipients(file, wrong=wrong.append))
    return rows, [f"{one.line}: {one.what}; {one.remedy}" for one in wrong]


def test_columns_are_found_by_name_in_any_order_and_case(file: Path) -> None:
    rows, wrong = read(
        file,
        "Item ID;SHOPPER;vip;First Name;Client_Id;user_id;Email\n"
        f"MUG-01  LAMP-03;{SHOPPER};yes; Mara ;c-1;crm-1;Mara@example.com\n"
        ";;;;c-2;;b@example.com\n",
    )
    assert not wrong
    assert rows == [
        Row(2, "Mara@example.com", "crm-1", "c-1", SHOPPER, "Mara", ("MUG-01", "LAMP-03")),
        Row(3, "b@example.com", client_id="c-2"),
    ]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (",1,,", "there is no email address; add it"),
        ("mara,1,,", "'mara' is not an email address; write it as in"),
        ("a@b,1,,", "'a@b' is not an email address"),
        ("a..b@example.com,1,,", "is not an email address"),
        (f"{'a' * 65}@example.com,1,,", "is not an email address"),
        ("Mara <a@example.com>,1,,", "is not an email address alone; write one address, without a name"),
        ("a@example.com b@example.com,1,,", "is not an email address alone"),
        ("a@bücher.example,1,,", "write it as xn--bcher-kva.example"),
        ("mára@example.com,1,,", "letters before its @"),
        ("a@example.com,,,", "nothing says who this is; give a user_id, client_id or shopper"),
        (f"a@example.com,{'1' * 257},,", "user_id has 257 characters"),
        ("a@example.com,a\x07b,,", "control characters"),
        ("a@example.com,,crm-1,", "`shopper` is not a pseudonym"),
        ("a@example.com,1,,mara@example.com", "item_id contains an email address"),
        (f"a@example.com,1,,{'x ' * (MAX_ITEMS + 1)}", "item_id has 21 items"),
    ],
)
def test_a_row_that_is_wrong_is_told_with_its_line(file: Path, row: str, told: str) -> None:
    rows, wrong = read(file, f"email,user_id,shopper,item_id\n\n{row}\nz@example.com,9,,\n")
    assert [one.line for one in rows] == [4]
    [only] = wrong
    assert only.startswith("3: ")
    assert told in only


def test_an_address_that_is_here_again_is_told_with_the_line_of_the_first(file: Path) -> None:
    rows, wrong = read(file, "email,user_id\na@example.com,1\nb@example.com,2\nA@Example.com,3\n")
    assert [one.line for one in rows] == [2, 3]
    assert wrong == ["4: the email address of line 2 is here again; keep one of them"]


def test_without_anybody_to_tell_the_first_mistake_is_raised(file: Path) -> None:
    file.write_text("email,user_id\na@example.com,1\nb,2\n")
    found = read_recipients(file)
    assert next(found).email == "a@example.com"
    with pytest.raises(AudienceRefused, match=r"people\.csv:3: 'b' is not an email address; write it as in"):
        next(found)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("e-mail,user_id", "1: there is no column `email`; call one so; is it `e_mail`?"),
        (
            "email,userid",
            "1: there is no column `user_id`, `client_id` or `shopper`; call one so; is it `userid`?",
        ),
        ("email,vip", "call one so; there are: email, vip"),
    ],
)
def test_columns_that_are_missing_are_told(file: Path, header: str, told: str) -> None:
    file.write_text(header + "\n")
    with pytest.raises(AudienceRefused) as caught:
        list(read_recipients(file))
    assert told in str(caught.value)


def test_people_are_called_as_the_job_calls_them() -> None:
    event = (
        b'{"event_id":"e1","event_name":"view_item","event_time":"2026-11-24T03:00:00Z",'
        b'"user_id":"crm-1","client_id":"c-1","items":[{"item_id":"A"}]}'
    )
    decoded = Decoder(KEYS, "v").decode(event, {}, published_us=0, now_us=1_795_489_200_000_000)
    assert isinstance(decoded, Event)
    names = names_of_row(Row(2, "", user_id="crm-1", client_id="c-1"), PSEUDONYMS)
    assert names == [
        Name("user", str(decoded.user_id)),
        Name("user", PSEUDONYMS.pseudonym("user", "crm-1", key_id="k1")),
        Name("client", str(decoded.client_id)),
        Name("client", PSEUDONYMS.pseudonym("client", "c-1", key_id="k1")),
    ]


def test_a_pseudonym_is_taken_as_it_is() -> None:
    assert names_of_row(Row(2, "", shopper=SHOPPER), None) == [Name("user", SHOPPER)]
    both = names_of_row(Row(2, "", shopper=SHOPPER, client_id="c-1"), PSEUDONYMS)
    assert isinstance(both, list)
    assert both[0] == Name("user", SHOPPER)


@pytest.mark.parametrize(
    ("row", "pseudonyms"),
    [(Row(7, "", user_id="crm-1"), None), (Row(7, "", shopper="k9." + "A" * 22), PSEUDONYMS)],
)
def test_whom_no_key_names_is_told(row: Row, pseudonyms: Pseudonymizer | None) -> None:
    problem = names_of_row(row, pseudonyms)
    assert isinstance(problem, Problem)
    assert problem.line == 7
    assert "EVERMAIL_PSEUDONYM_KEYS" in f"{problem.what} {problem.remedy}"
