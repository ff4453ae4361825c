"""Environment variables: what they may hold, and errors that name the variable but not its value."""

from __future__ import annotations

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
