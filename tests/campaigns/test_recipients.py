"""Recipients are read as a stream; whoever cannot get an email is told by the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from evermail.campaigns.audience import AudienceRefused
from evermail.campaigns.recipients import MAX_ITEMS, Called, Row, names_of_row, read_recipients
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
        ("a@example.com,NULL,,", "user_id is 'NULL', which names nobody; put who it is, or leave it empty"),
        ("a@example.com,,n/a,", "shopper is 'n/a', which names nobody"),
        ("a@example.com,#N/A,,", "user_id is '#N/A', which names nobody"),
        ("a@example.com,None,,", "user_id is 'None', which names nobody"),
        ("a@example.com,undefined,,", "user_id is 'undefined', which names nobody"),
        ("a@example.com,Unknown,,", "user_id is 'Unknown', which names nobody"),
        ("a@example.com,NaN,,", "user_id is 'NaN', which names nobody"),
        ("a@example.com,0,,", "user_id is '0', which names nobody"),
        ("a@example.com,4.91E+12,,", "rounded number of it; export it anew, and have the spreadsheet open"),
        ('a@example.com,"4,91E+12",,', "user_id is '4,91E+12': a spreadsheet"),
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


def test_a_user_id_of_two_addresses_is_told_with_the_line_of_the_first(file: Path) -> None:
    rows, wrong = read(
        file,
        "email,user_id,client_id\na@example.com,1,\nb@example.com,,1\nc@example.com,1,\nd@example.com,2,\n",
    )
    assert [one.line for one in rows] == [2, 3, 5]
    assert wrong == [
        "4: the user_id of line 2 is here again, with another email address; "
        "keep the one that is theirs, and give the other its own user_id"
    ]


@pytest.mark.parametrize("user_id", ["1e5", "4.91E12", "00", "nullpointer", "-0", "NA"])
def test_identifiers_that_only_look_strange_are_taken(file: Path, user_id: str) -> None:
    [row], wrong = read(file, f"email,user_id\na@example.com,{user_id}\n")
    assert (row.user_id, wrong) == (user_id, [])


def test_a_placeholder_is_no_first_name(file: Path) -> None:
    given = ["NULL", "#N/A", "none", "undefined", "unknown", "nan", "0", "4.91E+12", "#REF!", "Nan", "Mara"]
    lines = (f"p{number}@example.com,u{number},{name}\n" for number, name in enumerate(given))
    rows, wrong = read(file, "email,user_id,first_name\n" + "".join(lines))
    assert not wrong
    assert [row.first_name for row in rows] == [None] * 9 + ["Nan", "Mara"]


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
    called = names_of_row(Row(2, "", user_id="crm-1", client_id="c-1"), PSEUDONYMS)
    user, client = str(decoded.user_id), str(decoded.client_id)
    former_user, former_client = (
        PSEUDONYMS.pseudonym(*one, key_id="k1") for one in (("user", "crm-1"), ("client", "c-1"))
    )
    assert called == Called(
        aliases=(Name("user", former_user), Name("user", user)),
        others=(Name("client", former_client), Name("client", client)),
    )
    assert called.pseudonyms == (former_user, user, former_client, client)


def test_a_pseudonym_is_taken_as_it_is() -> None:
    assert names_of_row(Row(2, "", shopper=SHOPPER), None) == Called((Name("user", SHOPPER),))
    both = names_of_row(Row(2, "", shopper=SHOPPER, client_id="c-1"), PSEUDONYMS)
    assert isinstance(both, Called)
    assert both.aliases == (Name("user", SHOPPER),)
    assert len(both.others) == 2


@pytest.mark.parametrize(
    ("row", "pseudonyms"),
    [(Row(7, "", user_id="crm-1"), None), (Row(7, "", shopper="k9." + "A" * 22), PSEUDONYMS)],
)
def test_whom_no_key_names_is_told(row: Row, pseudonyms: Pseudonymizer | None) -> None:
    problem = names_of_row(row, pseudonyms)
    assert isinstance(problem, Problem)
    assert problem.line == 7
    assert "EVERMAIL_PSEUDONYM_KEYS" in f"{problem.what} {problem.remedy}"
