"""A brand is read as it was meant, or all that is wrong with its file is told: the line and the remedy."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evermail.campaigns.brand import DARK, LIGHT, Brand, FooterLink
from evermail.campaigns.brand_file import EXAMPLE, BrandRefused, read_brand
from evermail.campaigns.brand_schema import schema
from evermail.written_yaml import MAX_BYTES

SHORT = "name: Alder\nshop_url: https://shop.example\naddress: 1 Mill Lane, Leeds\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "brand.yaml"


def told(file: Path, text: str | bytes) -> list[str]:
    """The lines of the refusal, without the name of the file."""
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BrandRefused) as caught:
        read_brand(file)
    lines = str(caught.value).splitlines()
    assert all(line.startswith((f"{file}:", "and ")) for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


def test_what_is_not_said_is_the_default(file: Path) -> None:
    file.write_text(SHORT)
    assert read_brand(file) == Brand(
        name="Alder", shop_url="https://shop.example", address="1 Mill Lane, Leeds"
    )


def test_of_a_group_what_is_different_is_enough(file: Path) -> None:
    file.write_text(SHORT + 'light:\n  accent: "#102030"\ndark: {}\n')
    brand = read_brand(file)
    assert brand.light == msgspec.structs.replace(LIGHT, accent="#102030")
    assert brand.dark == DARK


def test_whatever_a_brand_can_be_can_be_written(file: Path) -> None:
    file.write_text(yaml.safe_dump(msgspec.to_builtins(EXAMPLE), allow_unicode=True), encoding="utf-8-sig")
    assert read_brand(file) == EXAMPLE


def test_groups_in_lists_are_told_where_they_stand(file: Path) -> None:
    links = "footer:\n  links:\n  - {label: Privacy, url: https://shop.example/p}\n"
    file.write_text(SHORT + links)
    assert read_brand(file).footer.links == (FooterLink("Privacy", "https://shop.example/p"),)
    wrong = "  - label: Terms\n    url: /terms\n  - {labl: Jobs, url: 'https://shop.example/jobs'}\n"
    assert told(file, SHORT + links + wrong) == [
        "7: links: url is not an absolute https or http URL: '/terms'",
        "9: links: `label` is missing; add `label: ...`",
        "9: there is no `labl` here; did you mean `label`?",
    ]


def test_everything_is_told_at_once(file: Path) -> None:
    assert told(
        file,
        "name: Alder\n"
        "shop_url: alder.example\n"
        "adress: x\n"
        "currency: EURO\n"
        "locale: no\n"
        "light:\n"
        "  accent: #123456\n"
        "  ink: red\n"
        "  acsent: '#123456'\n"
        "logo_width: '140'\n"
        "logo_url: http://shop.example/logo.png\n",
    ) == [
        "1: `address` is missing; add `address: ...`",
        "2: shop_url is not an absolute https or http URL: 'alder.example'; "
        "write it as in `shop_url: https://shop.example`",
        "3: there is no `adress` here; did you mean `address`?",
        "4: currency is not an ISO 4217 code: 'EURO'; write it as in `currency: USD`",
        "5: locale: this is yes or no, not text; put it in quotes",
        "7: accent: this is empty, not text; put it in quotes: what follows a # is a comment",
        f"8: ink is not a colour of the form #rrggbb: 'red'; write it as in `ink: \"{LIGHT.ink}\"`",
        "9: there is no `acsent` here; did you mean `accent`?",
        "10: logo_width: this is text, not a whole number; write digits alone, without quotes or a unit",
        "11: logo_url is not an absolute https URL: 'http://shop.example/logo.png'; "
        "write it as in `logo_url: https://shop.example/logo.png`",
    ]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("", "1", "`name` is missing"),
        ("- a\n", "1", "the file is a list; begin it with `name:"),
        ("name: [unclosed\n", "2", "this is not YAML"),
        ("name: a\nname: b\n", "2", "a second time"),
        (b"name: a\naddress: \xe4\n", "2", "not UTF-8 text; save the file as UTF-8"),
        ("a: &x 1\nb: *x\n", "2", "refers to another part"),
        (SHORT + "light: red\n", "4", "light: this is text, not a group"),
        (SHORT + "name: '  '\n", "4", "a second time"),
        ("#" * (MAX_BYTES + 1), "1", "more than 1,000,000 bytes"),
        ("[" * 100_000, "1", "too deep"),
    ],
)
def test_what_is_no_brand_says_what_it_is(file: Path, text: str | bytes, where: str, words: str) -> None:
    assert any(line.startswith(f"{where}: ") and words in line for line in told(file, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrandRefused, match=r"brand\.yaml:1: cannot be read: No such file"):
        read_brand(tmp_path / "brand.yaml")


names = (
    st.sampled_from([*Brand.__struct_fields__, *LIGHT.__struct_fields__, "text", "links", "url"]) | st.text()
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(names, inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(Brand.__struct_fields__), values) | values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_is_read_or_refused(file: Path, content: Any) -> None:
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    try:
        brand = read_brand(file)
    except BrandRefused:
        assert told(file, file.read_bytes())
    else:
        assert isinstance(brand, Brand)


def test_the_schema_that_is_shipped_is_that_of_a_brand() -> None:
    shipped = resources.files("evermail.campaigns").joinpath("brand.schema.json").read_text(encoding="utf-8")
    assert json.loads(shipped) == schema(), (
        "write it again: python -m evermail.campaigns.brand_schema > evermail/campaigns/brand.schema.json"
    )


def test_the_schema_asks_for_no_more_than_the_reader() -> None:
    parts = schema()["$defs"]
    assert parts["Brand"]["required"] == ["name", "shop_url", "address"]
    assert "required" not in parts["Palette"]
    assert all(part["additionalProperties"] is False for part in parts.values())
