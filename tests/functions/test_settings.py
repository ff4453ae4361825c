"""Environment variables: what they may hold, and errors that name the variable but not its value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from functions import settings
from functions.settings import SettingsError, load_collect, load_recommendations

SECRET = "sixteen-bytes-or-more"
GOOD = {
    "EVERMAIL_STORE": "sqlite:////tmp/store.db",
    "EVERMAIL_TOKEN_KEYS": f"an-older-key-of-length, {SECRET}\n",
    "EVERMAIL_SENDERS": "offers@shop.example,*@news.shop.example",
}
TOPIC = {"EVERMAIL_EVENTS_TOPIC": "projects/p/topics/events"}


def test_reads_what_recommendations_needs() -> None:
    read = load_recommendations(GOOD)
    assert read.store_url == "sqlite:////tmp/store.db"
    assert read.token_keys == ("an-older-key-of-length", SECRET)
    assert read.senders.trusts("anyone@news.shop.example")
    assert read.slots == settings.DEFAULT_SLOTS
    assert read.locale == "en"
    assert load_recommendations(GOOD | {"EVERMAIL_SLOTS": " 20 "}).slots == 20
    assert load_recommendations(GOOD | {"EVERMAIL_LOCALE": "de-AT"}).locale == "de_AT"


def test_keys_do_not_show_when_settings_are_printed() -> None:
    assert SECRET not in repr(load_recommendations(GOOD))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERMAIL_STORE", ""),
        ("EVERMAIL_TOKEN_KEYS", " \n"),
        ("EVERMAIL_TOKEN_KEYS", "short-secret"),
        ("EVERMAIL_TOKEN_KEYS", f"{SECRET},"),
        ("EVERMAIL_SENDERS", "*"),
        ("EVERMAIL_SENDERS", "offers@shop.example,,x@y"),
        ("EVERMAIL_SLOTS", "0"),
        ("EVERMAIL_SLOTS", "21"),
        ("EVERMAIL_SLOTS", "four"),
        ("EVERMAIL_LOCALE", "English"),
    ],
)
def test_names_the_variable_that_is_wrong(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        load_recommendations(GOOD | {name: value})
    assert "short-secret" not in str(caught.value)


def test_reads_what_collect_needs() -> None:
    read = load_collect(TOPIC | {"EVERMAIL_SHOP_ORIGINS": "https://Shop.example, http://127.0.0.1:8080"})
    assert read.topic == "projects/p/topics/events"
    assert read.origins == {"https://shop.example", "http://127.0.0.1:8080"}
    assert load_collect(TOPIC).origins == frozenset()
    assert load_collect(TOPIC).keys == {}
    assert load_collect(EVERYTHING).keys == {"crm": SECRET}
    assert SECRET not in repr(load_collect(EVERYTHING))
    with pytest.raises(SettingsError, match="EVERMAIL_COLLECT_KEYS") as caught:
        load_collect(TOPIC | {"EVERMAIL_COLLECT_KEYS": "short-secret"})
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize("topic", ["", "events", "projects/p/topics/", "projects/p/topics/a/b"])
def test_a_topic_has_its_full_name(topic: str) -> None:
    with pytest.raises(SettingsError, match="EVERMAIL_EVENTS_TOPIC"):
        load_collect({"EVERMAIL_EVENTS_TOPIC": topic})


@pytest.mark.parametrize(
    "origins", ["*", "null", "shop.example", "https://shop.example/", "https://a.example,"]
)
def test_an_origin_is_a_scheme_and_a_host(origins: str) -> None:
    with pytest.raises(SettingsError, match="EVERMAIL_SHOP_ORIGINS"):
        load_collect(TOPIC | {"EVERMAIL_SHOP_ORIGINS": origins})


EVERYTHING = (
    GOOD
    | TOPIC
    | {
        "EVERMAIL_SHOP_URL": "https://shop.example/",
        "EVERMAIL_SHOP_ORIGINS": "https://shop.example",
        "EVERMAIL_COLLECT_KEYS": f"crm:{SECRET}",
        "EVERMAIL_FUNCTIONS_URL": "https://live.shop.example/",
        "EVERMAIL_SLOTS": "6",
        "EVERMAIL_LOCALE": "de_AT",
        "EVERMAIL_STATIC": "static.json",
        "EVERMAIL_REQUESTS_PER_MINUTE": "5",
        "EVERMAIL_PRIVACY_KEYS": f"support:{SECRET}",
        "EVERMAIL_PSEUDONYM_KEYS": f"k1:{SECRET}",
    }
)
LOADERS: dict[str, Callable[[Mapping[str, str]], object]] = {
    "recommendations": settings.load_recommendations,
    "trending": settings.load_trending,
    "slot_image": settings.load_slots,
    "slot_click": settings.load_slots,
    "wishlist": settings.load_wishlist,
    "feedback": settings.load_actions,
    "unsubscribe": settings.load_actions,
    "collect": settings.load_collect,
    "privacy": settings.load_privacy,
    "readyz": settings.load_readiness,
}


class Watched(dict[str, str]):
    """Variables that note which of them are asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("entry_point", LOADERS)
def test_each_entry_point_reads_the_variables_that_are_told(entry_point: str) -> None:
    environ = Watched(EVERYTHING)
    LOADERS[entry_point](environ)
    assert environ.asked == {f"EVERMAIL_{name}" for name in settings.VARIABLES[entry_point].split()}


def test_every_variable_is_explained() -> None:
    told = {name for names in settings.VARIABLES.values() for name in names.split()}
    assert set(re.findall(r"^EVERMAIL_(\w+) ", settings.__doc__ or "", re.MULTILINE)) == told


def test_addresses_lose_their_last_slash() -> None:
    assert settings.load_slots(EVERYTHING).shop_url == "https://shop.example"
    assert load_recommendations(EVERYTHING).functions_url == "https://live.shop.example"
    assert load_recommendations(GOOD).functions_url == ""


NO_ADDRESSES = [
    "shop.example",
    "javascript:alert(1)",
    "https://",
    "https://shop.example/?a=b",
    "//shop",
    "https://[::1",
]


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_an_address_that_is_none_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="EVERMAIL_SHOP_URL"):
        settings.load_slots(EVERYTHING | {"EVERMAIL_SHOP_URL": url})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVERMAIL_PRIVACY_KEYS", ""),
        ("EVERMAIL_PRIVACY_KEYS", "support:short-secret"),
        ("EVERMAIL_PSEUDONYM_KEYS", "short-secret"),
        ("EVERMAIL_EVENTS_TOPIC", "events"),
    ],
)
def test_privacy_names_the_variable_that_is_wrong(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        settings.load_privacy(EVERYTHING | {name: value})
    assert "short-secret" not in str(caught.value)
    assert SECRET not in repr(settings.load_privacy(EVERYTHING))


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5"])
def test_a_rate_is_a_whole_number(text: str) -> None:
    with pytest.raises(SettingsError, match="EVERMAIL_REQUESTS_PER_MINUTE"):
        load_recommendations(GOOD | {"EVERMAIL_REQUESTS_PER_MINUTE": text})
