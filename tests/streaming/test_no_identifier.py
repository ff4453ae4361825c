"""Wherever somebody is named in a message, valid or not: nothing that leaves decode names them."""

from __future__ import annotations

import json
import logging
from typing import Any, NamedTuple

import msgspec
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.pvalue import TaggedOutput
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from streaming_support import NOW, config, pseudonym

from demo.malformed import SPOILERS, spoil
from evermail import clock
from evermail.events import Event, EventName, Rejected, to_json
from pipeline.coders import EventCoder
from pipeline.dead_letters import to_message
from pipeline.decode import DecodeFn


class Person(NamedTuple):
    user: str
    client: str
    email: str

    def appears_in(self, data: bytes) -> str | None:
        """As what, if anywhere. Capitals and the ways of JSON and URLs to write an `@` make no difference."""
        plain = data.decode("utf-8", "replace").lower().replace("%40", "@").replace("\\u0040", "@")
        return next((name for name in self if name and name.lower() in plain), None)


PEOPLE = [
    Person("crm-Q7Zx91kLm2", "GA1.1.5550001112223", "Someone.Secret@hidden.example"),
    Person("918273645564738", "c0ffee00-dead-beef-8888", "q7zx+shop@mail.hidden.co.uk"),
    Person("Owner@private.example", "anna müller-lüdenscheidt", "анна@скрыто.рф"),
    Person("Q7Zx91kL@x", "Q7Zx91kL", "Q7Zx91kL@hidden.example"),
    Person('o"neill\\7788', "a/b?c=d&e=4711", "o'neill@hidden.example"),
]

texts_about = st.sampled_from(
    ["{}", "to {} today", "({})", "id={}&x=1", "/u/{}/", "{}_2", "7-{}", "{}.", "Ann <{}>", "{}", "{} {}"]
)
names = ["note", "email", "E-Mail", "userId", "x", "customer_id", "url", "items", "consent"]


def mostly(usual: Any, other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda dice: other if dice == 9 else st.just(usual))


@st.composite
def messages(draw: st.DrawFn) -> tuple[Person, bytes, dict[str, str]]:
    person = draw(st.sampled_from(PEOPLE))
    # Who an event does not say it is about cannot be known in its texts, except by an address.
    if not draw(st.integers(0, 2)):
        person = person._replace(client="")
    named = [name for name in person if name]
    value = st.builds(lambda text, name: text.replace("{}", name), texts_about, st.sampled_from(named))
    anything = st.recursive(
        value | st.integers() | st.booleans() | st.none() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(value | st.sampled_from(names), inner, max_size=3)
        ),
        max_leaves=4,
    )
    item = st.fixed_dictionaries(
        {"item_id": mostly("SKU1", value)},
        optional={
            "item_category": mostly("Shoes", value),
            "item_name": value,
            "note": anything,
            "price": mostly(1.5, value),
        },
    )
    texts = st.sampled_from(["search_term", "campaign_id", "source", "currency"])
    unknown = st.sampled_from([name for name in names if name not in ("items", "consent")])
    fields: dict[str, Any] = {
        "event_id": draw(st.just("e1") | value),
        "event_name": draw(mostly("view_item", st.sampled_from(EventName) | value)),
        "event_time": draw(mostly(clock.to_rfc3339(NOW), value)),
        "user_id": draw(mostly(person.user, st.lists(value) | st.integers() | st.dictionaries(value, value))),
        "client_id": person.client,
        "items": draw(mostly([draw(item)], anything)),
        **draw(st.dictionaries(texts, value, max_size=2)),
        **draw(mostly({}, st.fixed_dictionaries({"value": value}))),
        **draw(mostly({}, st.fixed_dictionaries({"consent": anything}))),
        **draw(st.dictionaries(value | unknown, anything, max_size=3)),
    }
    data = json.dumps(fields, ensure_ascii=draw(st.booleans())).encode()
    broken = draw(st.sampled_from(["", "", "", "escaped", "quoted", "spoiled", "cut", "damaged"]))
    if broken == "spoiled":
        data = spoil(draw(st.sampled_from(list(SPOILERS))), fields)
    elif broken == "cut":
        data = data[: draw(st.integers(0, len(data)))]
    elif broken == "escaped":
        data = data.replace(b"@", rb"\u0040")
    elif broken == "quoted":
        data = data.replace(b"@hidden", b"%40hidden").replace(b"@mail", b"%40mail")
    elif broken == "damaged":
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[at:]
    attributes = {"event_id": fields["event_id"], **draw(st.dictionaries(value, value, max_size=2))}
    if draw(st.booleans()) and draw(st.booleans()):
        attributes["pseudonymized"] = "1"
    return person, data, attributes


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(messages())
def test_nothing_that_leaves_names_anybody(
    caplog: pytest.LogCaptureFixture, message: tuple[Person, bytes, dict[str, str]]
) -> None:
    person, data, attributes = message
    caplog.clear()
    caplog.set_level(logging.DEBUG)
    fn = DecodeFn(config())
    fn.setup()
    (output,) = fn.process(PubsubMessage(data, attributes))
    left = output.value if isinstance(output, TaggedOutput) else output
    assert person.appears_in(caplog.text.encode()) is None
    if isinstance(left, Event):
        # Damage may have made others of them.
        assume(left.user_id == pseudonym("user", person.user))
        known = left.client_id == pseudonym("client", person.client)
        assume(known or person.client.encode() not in data)
        event("taken in")
        assert person.appears_in(EventCoder().encode(left)) is None
        assert person.appears_in(to_json(left)) is None
    else:
        assert isinstance(left, Rejected)
        event(left.code)
        letter = to_message(left)
        assert person.appears_in(letter.data) is None
        assert person.appears_in(msgspec.json.encode(letter.attributes)) is None
        assert person.appears_in(left.data) is None
        assert person.appears_in(left.message.encode()) is None


@pytest.mark.parametrize("person", PEOPLE)
def test_the_property_would_see_them(person: Person) -> None:
    for name in person:
        assert person.appears_in(f"\x01{name}.".encode())
        assert person.appears_in(name.upper().replace("@", "%40").encode())
