"""Somebody asks the shop to be forgotten, and the shop asks Evermail: function, store and job together."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import flask
import job_under_fire
import msgspec
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from job_under_fire import Left, run_job, settings
from shop_people import Teller
from shop_story import Message
from streaming_support import NOW, SECRET, StoppedClock
from werkzeug.test import EnvironBuilder

from evermail import clock, person
from evermail.clock import MINUTE, SECOND
from evermail.documents import (
    TYPES,
    Document,
    Erasure,
    Exposure,
    Exposures,
    Feedback,
    Impression,
    Opinion,
    Profile,
    Suppression,
    Verdict,
)
from evermail.person import Name
from evermail.pseudonyms import Pseudonymizer
from evermail.stores.sqlite import SqliteStore
from functions import publisher
from functions.entry import endpoint
from functions.privacy import create_privacy
from functions.settings import PrivacySettings
from pipeline.keys import LiteralKeys

ANN, COOKIE = "person-ann@shop.example", "cookie-ann"
BOB = "person-bob@shop.example"
OLD = LiteralKeys({"k1": SECRET})
BOTH = LiteralKeys({"k1": SECRET, "k2": SECRET[::-1]})
PSEUDONYMS = Pseudonymizer(BOTH.keys(), "k2")
NAMES = [
    *person.names_of(PSEUDONYMS, "user", ANN),
    *person.names_of(PSEUDONYMS, "client", COOKIE),
]
ASKED_AT = NOW + MINUTE
LATER = NOW + 10 * MINUTE
CALLER = "a-secret-of-the-crm"


@dataclass(frozen=True)
class Published(Message):
    """What a function has published, with its attributes."""

    message: publisher.Message | None = None

    def to_pubsub(self) -> PubsubMessage:
        assert self.message is not None
        at = clock.to_datetime(self.arrives_us)
        return PubsubMessage(self.data, self.message.attributes, message_id="m", publish_time=at)


class Topic:
    """A publisher that keeps what it is given, for the job."""

    def __init__(self) -> None:
        self.published: list[Message] = []

    def publish(self, messages: Sequence[publisher.Message], *, wait_s: float | None = None) -> list[bool]:
        for message in messages:
            self.published.append(Published(ASKED_AT + SECOND, message.data, message=message))
        return [True] * len(messages)


def ask(store: SqliteStore, topic: Topic, action: str, **whom: str) -> flask.Response:
    asked = PrivacySettings("sqlite:///unused", "projects/p/topics/t", {"crm": CALLER}, BOTH.keys())
    handler = create_privacy(asked, lambda: store, topic, clock=lambda: ASKED_AT)
    builder = EnvironBuilder(
        method="POST",
        data=msgspec.json.encode({"action": action, **whom}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {CALLER}"},
    )
    return endpoint("privacy", lambda: handler)(flask.Request(builder.get_environ()))


def day(teller: Teller, user: str, cookie: str) -> list[Message]:
    """A visit by a browser that is told in its middle whose it is."""
    at = NOW - 50 * MINUTE
    told = [teller.event(at + number * MINUTE, "view_item", None, cookie) for number in range(4)]
    told.append(teller.event(at + 4 * MINUTE, "identify", user, cookie))
    told += [
        teller.event(at + (5 + number) * MINUTE, name, user, cookie)
        for number, name in enumerate(["view_item", "add_to_cart", "view_item", "purchase", "add_to_cart"])
    ]
    told.append(teller.event(at + 10 * MINUTE, "view_item", None, cookie))
    return [Message(time_us + SECOND, data) for time_us, data in told]


def late(teller: Teller) -> list[Message]:
    """What happened before the erasure and had not arrived."""
    told = [
        teller.event(NOW - 5 * MINUTE, "view_item", ANN, COOKIE),
        teller.event(NOW - 4 * MINUTE, "add_to_cart", ANN, None),
        teller.event(NOW - 3 * MINUTE, "view_item", None, COOKIE),
    ]
    return [Message(ASKED_AT, data) for _, data in told]


def at(moment: int, messages: Sequence[Message]) -> list[Message]:
    return [replace(message, arrives_us=moment) for message in messages]


def shown(name: str) -> list[Document]:
    """What emails have made of somebody."""
    common: dict[str, Any] = {"version": NOW, "updated_at": NOW, "expire_at": NOW + clock.DAY}
    return [
        Impression(id=f"spring:{name}", shopper=name, source="personal", campaign="spring", **common),
        Exposures(id=name, campaigns=(Exposure("spring", NOW, ("I1",)),), **common),
        Feedback(id=name, opinions={"I1": Opinion(Verdict.NOT_FOR_ME, NOW)}, **common),
        Suppression(id=name, version=NOW, updated_at=NOW, reason="page"),
    ]


def run_on(messages: Sequence[Message], path: Path) -> Left:
    """The job, begun anew later, with both keys."""
    left = Left()
    at_last = replace(settings(path), wall_clock=StoppedClock(LATER), pseudonym_keys=BOTH)
    job_under_fire._run(messages, at_last, None, left, size=3)
    return left


def about(store: SqliteStore, names: Sequence[Name]) -> Iterator[Document]:
    """Every document that has one of these names in it."""
    for collection in TYPES:
        for document in store.scan(collection):
            said = msgspec.json.encode(document).decode()
            if any(name.pseudonym in said for name in names):
                yield document


def is_nothing(document: Document) -> bool:
    """Whether it says no more than that somebody was erased, wants no email, or has another name now."""
    return isinstance(document, Erasure | Suppression) or (
        isinstance(document, Profile)
        and not (document.events or document.history or document.cart or document.purchased)
    )


def profile(store: SqliteStore, user: str) -> dict[str, Any]:
    [found] = [one for one in store.scan("profiles") if one.id == PSEUDONYMS.pseudonym("user", user)]
    return {name: getattr(found, name) for name in ("events", "history", "cart", "purchased")}


@pytest.mark.usefixtures("quick_runner")
def test_nothing_of_who_is_erased_on_request_stays_or_comes_back(tmp_path: Path) -> None:
    path, teller = tmp_path / "store.sqlite3", Teller(NOW, 1, random.Random(1))
    anns, bobs = day(teller, ANN, COOKIE), day(teller, BOB, "cookie-bob")
    messages = sorted([*anns, *bobs], key=lambda message: message.arrives_us)
    run_job(messages, path, restarts=1, keys=[OLD, BOTH])
    store = SqliteStore(path, clock=lambda: ASKED_AT)
    store.put_many([document for name in NAMES[:2] for document in shown(name.pseudonym)])
    of_bob = profile(store, BOB)
    assert profile(store, ANN)["events"] > 5
    assert len(list(about(store, NAMES))) > 8

    topic = Topic()
    response = ask(store, topic, "erase", user_id=ANN, client_id=COOKIE)
    assert response.status_code == 202
    assert [one for one in about(store, NAMES) if not is_nothing(one)] == []

    # An email was being opened, and wrote what it had shown after that.
    store.put_many(shown(NAMES[0].pseudonym)[:2])
    too_late = late(teller)
    copies = at(ASKED_AT, anns)
    left = run_on(
        [
            *copies[:6],
            too_late[0],
            *topic.published,
            *at(ASKED_AT + 2 * SECOND, [*too_late[1:], *copies[6:]]),
        ],
        path,
    )
    assert left.counters["erased"] > 0
    assert left.letters == {}
    store = SqliteStore(path, clock=lambda: LATER)
    assert [one for one in about(store, NAMES) if not is_nothing(one)] == []
    assert profile(store, BOB) == of_bob
    held = msgspec.json.decode(ask(store, Topic(), "export", user_id=ANN, client_id=COOKIE).get_data())[
        "held"
    ]
    assert {entry["collection"] for entry in held} <= {"erasures", "profiles", "suppressions"}

    came_back = Message(LATER, teller.event(LATER, "view_item", ANN, None)[1])
    job_under_fire._run(
        [came_back],
        replace(settings(path), wall_clock=StoppedClock(LATER + MINUTE), pseudonym_keys=BOTH),
        None,
        Left(),
        size=1,
    )
    assert profile(SqliteStore(path, clock=lambda: LATER + MINUTE), ANN)["events"] == 1


@pytest.mark.usefixtures("quick_runner")
@pytest.mark.parametrize("whom", [{"user_id": ANN}, {"user_id": ANN, "client_id": COOKIE}])
def test_the_job_lets_go_of_what_it_remembers(tmp_path: Path, whom: dict[str, str]) -> None:
    """Without a look at the store: it has run since before, and hears of it by the topic alone."""
    topic, teller = Topic(), Teller(NOW, 1, random.Random(2))
    ask(SqliteStore(tmp_path / "another.sqlite3", clock=lambda: ASKED_AT), topic, "erase", **whom)
    path = tmp_path / "store.sqlite3"
    told = sorted(
        [*day(teller, ANN, COOKIE), *day(teller, BOB, "cookie-bob")], key=lambda one: one.arrives_us
    )
    run_job([*told, *topic.published, *at(ASKED_AT + 2 * SECOND, late(teller))], path, keys=[BOTH])
    store = SqliteStore(path, clock=lambda: LATER)
    assert [one for one in about(store, NAMES) if not is_nothing(one)] == []
    assert profile(store, BOB)["events"] > 5


@pytest.mark.usefixtures("quick_runner")
def test_a_browser_alone_takes_nothing_of_its_user(tmp_path: Path) -> None:
    topic, teller = Topic(), Teller(NOW, 1, random.Random(3))
    path = tmp_path / "store.sqlite3"
    ask(SqliteStore(tmp_path / "another.sqlite3", clock=lambda: ASKED_AT), topic, "erase", client_id=COOKIE)
    run_job([*day(teller, ANN, COOKIE), *topic.published], path, keys=[BOTH])
    store = SqliteStore(path, clock=lambda: LATER)
    assert profile(store, ANN)["events"] > 5
    of_browser = person.names_of(PSEUDONYMS, "client", COOKIE)
    assert [one for one in about(store, of_browser) if not is_nothing(one)] == []
