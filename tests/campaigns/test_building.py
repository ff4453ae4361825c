"""People become addressees, and a folder is built for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.campaigns import Renderer
from evermail.campaigns.addressing import (
    BATCH,
    MOST_TOLD,
    Addressing,
    CannotAddress,
    Person,
    Wrong,
    people,
    values,
)
from evermail.campaigns.building import EXAMPLE, Order, write_for_all
from evermail.campaigns.context import Tokens
from evermail.campaigns.dialects import DIALECTS
from evermail.campaigns.folder import (
    Built,
    FolderRefused,
    fresh,
    read_description,
    read_parts,
    write_description,
)
from evermail.campaigns.merge import TOKEN_FIELDS, Field, harmless
from evermail.campaigns.snapshot import SLOTS, Snapshot
from evermail.documents import Product, Suppression
from evermail.pseudonyms import Pseudonymizer
from evermail.serving import RecommendedItem
from evermail.stores.sqlite import SqliteStore
from evermail.tokens import Recipient

NOW = 1_795_500_000_000_000
RENDERER = Renderer()
PSEUDONYMS = Pseudonymizer({"k0": "o" * 16, "k1": "p" * 16}, "k1")


def tokens(recipient: Recipient) -> Tokens:
    return Tokens(recommendations="rec", slots="slo", actions="act", unsubscribe=f"uns-{recipient.shopper}")


def person(number: int = 1, **changes: object) -> Person:
    fields = {
        "email": f"p{number}@x.example",
        "recipient": Recipient(f"k1.{number}", "autumn"),
        "names": (f"k1.{number}", f"k0.{number}"),
        "place": f"a.csv:{number + 1}",
    }
    return Person(**{**fields, **changes})


def product(item_id: str) -> Product:
    return Product(
        id=item_id,
        version=1,
        updated_at=1,
        title=f"Kettle {item_id}",
        url=f"https://shop.example/{item_id}",
        image_url=f"https://shop.example/{item_id}.png",
        price=19.9,
        currency="EUR",
    )


def item(item_id: str) -> RecommendedItem:
    return RecommendedItem(
        item_id, f"Kettle {item_id}", "€19.90", "https://x.example/i", "https://x.example/", ""
    )


def order(template: str = "recommended_for_you", **changes: object) -> Order:
    fields = {
        "template": template,
        "brand": RENDERER.sample_context(template).brand,
        "campaign": "autumn",
        "endpoint": "https://live.example",
        "sent_at": NOW,
        "sender": "hi@shop.example",
    }
    return Order(**{**fields, **changes})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "s.sqlite3")
    yield opened
    opened.close()


class TestAddressing:
    def test_who_wants_no_email_under_any_of_their_names_is_left_out(self, store: SqliteStore) -> None:
        store.put_many([Suppression(id="k0.2", version=1, updated_at=1, reason="link")])
        addressing = Addressing(Snapshot(store), tokens, Wrong(), about=False)
        found = addressing.addressed(person(number) for number in (1, 2, 3))
        assert [one.person.email for one in found] == ["p1@x.example", "p3@x.example"]
        assert addressing.left_out == 1

    def test_everybody_comes_in_order_over_several_batches(self) -> None:
        addressing = Addressing(Snapshot(None), tokens, Wrong(), about=False)
        found = addressing.addressed(person(number) for number in range(2 * BATCH + 3))
        assert [one.person.recipient.shopper for one in found] == [f"k1.{n}" for n in range(2 * BATCH + 3)]

    def test_products_come_as_they_are_named(self, store: SqliteStore) -> None:
        store.put_many([product("A"), product("B")])
        addressing = Addressing(Snapshot(store, locale="en_GB"), tokens, Wrong(), about=True)
        [one] = addressing.addressed([person(item_ids=("B", "A"))])
        assert [(about.title, about.price) for about in one.about] == [
            ("Kettle B", "€19.90"),
            ("Kettle A", "€19.90"),
        ]

    def test_all_who_cannot_be_addressed_are_told_with_place_and_remedy(self, store: SqliteStore) -> None:
        store.put_many([product("A")])
        addressing = Addressing(Snapshot(store), tokens, Wrong(), about=True)
        audience = [person(1, item_ids=("A",)), person(2, item_ids=("NOPE",)), person(3)]
        with pytest.raises(CannotAddress) as refused:
            list(addressing.addressed(audience))
        missing, empty = str(refused.value).splitlines()
        assert missing.startswith("a.csv:3: there is no product 'NOPE'")
        assert "catalog import" in missing
        assert empty == "a.csv:4: item_id is empty, and this email is about a product; fill it in"

    def test_no_more_than_a_screen_of_them_is_told(self) -> None:
        wrong = Wrong()
        for number in range(MOST_TOLD + 5):
            wrong.add(f"a.csv:{number}: broken")
        with pytest.raises(CannotAddress, match="and 5 more"):
            wrong.refuse()

    def test_a_file_gives_people_with_all_their_names(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        file.write_text("email,user_id,first_name,item_id\nmara@x.example,crm-1,Mara,A B\n")
        wrong = Wrong()
        [one] = people(file, "autumn", PSEUDONYMS, wrong)
        wrong.refuse()
        assert one.recipient == Recipient(PSEUDONYMS.pseudonym("user", "crm-1", key_id="k0"), "autumn")
        assert set(one.names) == {PSEUDONYMS.pseudonym("user", "crm-1", key_id=key) for key in ("k0", "k1")}
        assert (one.first_name, one.item_ids, one.place) == ("Mara", ("A", "B"), f"{file}:2")

    def test_identifiers_without_keys_are_told(self, tmp_path: Path) -> None:
        file = tmp_path / "a.csv"
        file.write_text("email,user_id\nmara@x.example,crm-1\n")
        wrong = Wrong()
        assert list(people(file, "autumn", None, wrong)) == []
        with pytest.raises(CannotAddress, match=r"a\.csv:2: .*EVERMAIL_PSEUDONYM_KEYS"):
            wrong.refuse()


class TestValues:
    def test_of_a_product_are_those_of_the_first(self) -> None:
        one = next(Addressing(Snapshot(None), tokens, Wrong(), about=False).addressed([person()]))
        one = type(one)(one.person, one.tokens, [item("A"), item("B")])
        assert values(one, [Field.UNSUBSCRIBE, Field.ITEM_TITLE]) == {
            Field.UNSUBSCRIBE: "uns-k1.1",
            Field.ITEM_TITLE: "Kettle A",
        }

    def test_that_are_missing_refuse_the_email(self) -> None:
        one = next(Addressing(Snapshot(None), tokens, Wrong(), about=False).addressed([person()]))
        with pytest.raises(CannotAddress, match=r"a\.csv:2: there is no first_name.*--first-name"):
            values(one, [Field.FIRST_NAME])

    @given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(Field))
    def test_hold_nothing_that_is_markup_or_a_tag(self, text: str, field: Field) -> None:
        made = harmless(field, text)
        assert not set(made) & set('<>"{}\n\r\0')

    def test_of_addresses_stay_addresses(self) -> None:
        url = "https://shop.example/p/A?x=1&y=%20#z"
        assert harmless(Field.ITEM_URL, url) == url


class TestSnapshot:
    def test_without_a_store_is_what_the_file_says(self) -> None:
        snapshot = Snapshot(None, [item(str(number)) for number in range(9)])
        assert [one.item_id for one in snapshot.for_everybody()] == [str(n) for n in range(SLOTS)]
        assert snapshot.for_shopper("k1.1", "autumn") == snapshot.for_everybody()
        assert snapshot.suppressed(["k1.1"]) == set()

    def test_of_an_empty_store_is_empty(self, store: SqliteStore) -> None:
        assert Snapshot(store).for_everybody() == []
        assert Snapshot(store).for_shopper("k1.1", "autumn") == []


class TestWriteForAll:
    def test_without_recipients_the_payload_has_an_example(self, tmp_path: Path) -> None:
        number = write_for_all(tmp_path, order(), DIALECTS["sparkpost"], RENDERER, Snapshot(None))
        payload = json.loads((tmp_path / "payload.json").read_text())
        [recipient] = payload["recipients"]
        assert recipient["address"]["email"] == EXAMPLE.email
        assert set(recipient["substitution_data"]) == set(TOKEN_FIELDS)
        assert number == 0

    def test_parts_and_description_can_be_read_again(self, tmp_path: Path) -> None:
        write_for_all(tmp_path, order(), DIALECTS["sparkpost"], RENDERER, Snapshot(None))
        content = json.loads((tmp_path / "payload.json").read_text())["content"]
        parts = read_parts(tmp_path)
        assert (parts.subject, parts.text, parts.amp, parts.html) == (
            content["subject"],
            content["text"],
            content["amp_html"],
            content["html"],
        )
        built = read_description(tmp_path)
        assert (built.template, built.service, built.campaign) == (
            "recommended_for_you",
            "sparkpost",
            "autumn",
        )

    def test_more_recipients_than_a_call_takes_make_several_calls(self, tmp_path: Path) -> None:
        most = DIALECTS["sendgrid"].most_addressees
        addressing = Addressing(Snapshot(None), tokens, Wrong(), about=False)
        addressed = addressing.addressed(person(number) for number in range(most + 1))
        number = write_for_all(tmp_path, order(), DIALECTS["sendgrid"], RENDERER, Snapshot(None), addressed)
        assert number == most + 1
        counts = [
            len(json.loads((tmp_path / name).read_text())["personalizations"])
            for name in ("payload.json", "payload-2.json")
        ]
        assert counts == [most, 1]

    @pytest.mark.parametrize("template", RENDERER.templates())
    def test_steps_name_every_column_that_the_email_needs(self, template: str, tmp_path: Path) -> None:
        write_for_all(tmp_path, order(template), DIALECTS["klaviyo"], RENDERER, Snapshot(None))
        parts, steps = read_parts(tmp_path), (tmp_path / "STEPS.md").read_text()
        for field in Field:
            wanted = str(field) in parts.amp + parts.html + parts.text or field is Field.UNSUBSCRIBE
            assert (f"`{field}`" in steps) is wanted


class TestFolder:
    """A build replaces an earlier one, and nothing else."""

    BUILT = Built(template="t", service="smtp", campaign="c", endpoint="https://e.example", sent_at=1)

    def test_of_a_build_nothing_stays(self, tmp_path: Path) -> None:
        for name in ("email.html", "amp.html"):
            with fresh(tmp_path / "out") as folder:
                write_description(folder, self.BUILT)
                (folder / name).write_text(name)
        assert {one.name for one in (tmp_path / "out").iterdir()} == {"build.json", "amp.html"}
        assert [one.name for one in tmp_path.iterdir()] == ["out"]

    def test_a_file_is_no_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        with pytest.raises(FolderRefused, match="a file"), fresh(tmp_path / "file"):
            pass

    @pytest.mark.parametrize("description", ['{"scripts": {}}', "", None])
    def test_a_folder_of_somebody_elses_is_left_alone(self, tmp_path: Path, description: str | None) -> None:
        (tmp_path / "precious.txt").write_text("mine")
        if description is not None:
            (tmp_path / "build.json").write_text(description)
        with pytest.raises(FolderRefused, match="something else"), fresh(tmp_path):
            pass
        assert (tmp_path / "precious.txt").read_text() == "mine"

    def test_what_lies_beside_a_build_is_left_alone_and_named(self, tmp_path: Path) -> None:
        write_description(tmp_path, self.BUILT)
        (tmp_path / "audience.csv").write_text("mine")
        with pytest.raises(FolderRefused, match="and audience"), fresh(tmp_path):
            pass
        assert (tmp_path / "audience.csv").read_text() == "mine"

    def test_a_build_that_fails_leaves_the_earlier_one(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        write_description(tmp_path / "out", self.BUILT)
        with pytest.raises(ZeroDivisionError), fresh(tmp_path / "out"):
            raise ZeroDivisionError
        assert [one.name for one in tmp_path.rglob("*")] == ["out", "build.json"]

    def test_the_folder_one_is_in_may_be_named(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        inside = tmp_path / "out"
        inside.mkdir()
        monkeypatch.chdir(inside)
        with fresh(Path()) as folder:
            write_description(folder, self.BUILT)
        assert [one.name for one in inside.iterdir()] == ["build.json"]
