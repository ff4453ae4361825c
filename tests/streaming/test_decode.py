"""Bytes to events: every good one with its own time and pseudonyms, every bad one whole and explained."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.pvalue import TaggedOutput
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from proto.datetime_helpers import DatetimeWithNanoseconds
from streaming_support import (
    KEYS,
    NOW,
    Collected,
    StoppedClock,
    Stream,
    config,
    message,
    pipeline,
    pseudonym,
    run,
    wire,
)

from demo.malformed import SPOILERS, spoil
from evermail import clock
from evermail.clock import SECOND
from evermail.dead_letters import replayed
from evermail.dead_letters.letter import letter_of
from evermail.dead_letters.seal import Seals
from evermail.events import MAX_PAYLOAD_BYTES, Code, Event, EventName, Receipt, Rejected, to_json
from evermail.pseudonyms import Pseudonymizer
from pipeline import dead_letters
from pipeline.coders import EventCoder, RejectedCoder
from pipeline.decode import Decode, DecodeFn
from pipeline.keys import LiteralKeys

Decoding = Callable[..., Collected]


@pytest.fixture
def decoding(collected: Collected) -> Decoding:
    """Runs messages through the transform."""

    def run_(*messages: PubsubMessage, **changes: Any) -> Collected:
        p = pipeline()
        decoded = p | Stream().arrives(*messages).source() | Decode(config(**changes))
        decoded.events | collected.timed_into("events")
        decoded.rejected | collected.into("rejected")
        run(p)
        return collected

    return run_


def decode(
    data: bytes, attributes: dict[str, str] | None = None, publish_time: Any = None, **changes: Any
) -> Event | Rejected:
    """What one message becomes, straight from the DoFn."""
    fn = DecodeFn(config(**changes))
    fn.setup()
    value = only(fn, PubsubMessage(data, attributes or {}, publish_time=publish_time))
    assert isinstance(value, Event | Rejected)
    return value


def only(fn: DecodeFn, message: PubsubMessage) -> Any:
    """The one thing that comes of a message: an event, or what was refused by an output of its own."""
    (output,) = fn.process(message)
    if not isinstance(output, TaggedOutput):
        assert isinstance(output, Event)
        return output
    assert isinstance(output.value, Rejected)
    return output.value


def opened(rejected: Rejected) -> tuple[bytes, dict[str, str]]:
    """The original that somebody with the secret finds in the letter."""
    return letter_of(rejected).original(Seals(KEYS.keys()))


def with_field(name: str, json: bytes) -> bytes:
    return msgspec.json.encode(wire())[:-1] + b',"' + name.encode() + b'":' + json + b"}"


class TestGoodMessages:
    def test_an_event_has_the_time_of_its_payload_and_its_element_that_of_the_message(
        self, decoding: Decoding
    ) -> None:
        times = [NOW - 1, NOW - 1_234_567, NOW + 333_333, NOW - clock.DAY - 7]
        # Another time in the attribute counts for nothing.
        out = decoding(
            *(
                message(wire(event_time=clock.to_rfc3339(at)), {"event_time": "2020-01-01T00:00:00Z"})
                for at in times
            )
        )
        assert sorted(event.event_time for event, _ in out["events"]) == sorted(times)
        assert {stamp for _, stamp in out["events"]} == {NOW - 10_000 * clock.SECOND}

    def test_a_bad_time_in_an_attribute_stops_nothing(self, decoding: Decoding) -> None:
        out = decoding(message(wire(), {"event_time": "not a time", "event_id": ""}))
        assert len(out["events"]) == 1
        assert out["rejected"] == []

    def test_identifiers_are_pseudonyms(self) -> None:
        decoded = decode(msgspec.json.encode(wire(client_id="cookie-1", user_id="crm-7")))
        assert isinstance(decoded, Event)
        assert decoded.client_id == pseudonym("client", "cookie-1")
        assert decoded.user_id == decoded.shopper == pseudonym("user", "crm-7")

    def test_an_absent_identifier_stays_absent(self) -> None:
        decoded = decode(msgspec.json.encode(wire(client_id="cookie-1", user_id="")))
        assert isinstance(decoded, Event)
        assert decoded.user_id is None
        assert decoded.shopper == pseudonym("client", "cookie-1")

    def test_the_last_key_makes_the_pseudonyms(self) -> None:
        keys = LiteralKeys({"old": "x" * 16, "new": "y" * 16})
        decoded = decode(msgspec.json.encode(wire(user_id="crm-7")), pseudonym_keys=keys)
        assert isinstance(decoded, Event)
        assert decoded.user_id is not None
        assert decoded.user_id.startswith("new.")

    @pytest.mark.parametrize("name", EventName)
    def test_every_known_name_is_read(self, name: EventName) -> None:
        fields = wire(event_name=name, user_id="crm-7", consent={"personalization": True})
        decoded = decode(msgspec.json.encode(fields))
        assert isinstance(decoded, Event)
        assert decoded.event_name is name

    def test_unknown_fields_are_kept(self) -> None:
        decoded = decode(msgspec.json.encode(wire(page={"path": ["a", None, 2**63]}, ab="7")))
        assert isinstance(decoded, Event)
        assert decoded.extra == {"page": {"path": ["a", None, 2**63]}, "ab": "7"}


class TestReceipts:
    def receipt(
        self, attributes: dict[str, str] | None = None, publish_time: Any = None, **changes: Any
    ) -> Receipt:
        decoded = decode(msgspec.json.encode(wire(user_id="crm-7")), attributes, publish_time, **changes)
        assert isinstance(decoded, Event)
        return decoded.receipt

    @pytest.mark.parametrize(
        "publish_time",
        [
            clock.to_datetime(NOW - 7),
            clock.to_datetime(NOW - 7).replace(tzinfo=None),
            DatetimeWithNanoseconds.from_timestamp_pb(
                Timestamp(seconds=(NOW - 7) // SECOND, nanos=999_993_000)
            ),
            Timestamp(seconds=(NOW - 7) // SECOND, nanos=999_993_000),
        ],
        ids=["a datetime", "one without a zone", "the client library's", "protobuf's"],
    )
    def test_an_event_was_received_when_it_was_published(self, publish_time: Any) -> None:
        assert self.receipt(publish_time=publish_time) == Receipt(received_at=NOW - 7)

    @pytest.mark.parametrize("publish_time", [None, Timestamp(), Timestamp(seconds=1), "yesterday", 0])
    def test_without_a_time_of_publishing_it_is_received_now(self, publish_time: Any) -> None:
        assert self.receipt(publish_time=publish_time) == Receipt(received_at=NOW)

    def test_a_replay_says_when_that_was_and_how_often_it_was_tried(self) -> None:
        first = Receipt(received_at=NOW - clock.DAY, attempts=3, first_seen=NOW - clock.HOUR)
        assert self.receipt(replayed.attributes_of(first), clock.to_datetime(NOW)) == first

    @pytest.mark.parametrize("name", ["replay_attempts", "replay_first_seen", "replay_received_at"])
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "0",
            "-1",
            "1.5",
            "one",
            "٣",
            "9" * 40,
            str(NOW + clock.DAY),
            "1000000000000000"[:15],
            " 2",
            "\ud800",
        ],
    )
    def test_an_attribute_that_cannot_be_is_ignored(self, name: str, value: str) -> None:
        assert self.receipt({name: value}) == Receipt(received_at=NOW)

    def test_a_refusal_has_the_same_receipt(self) -> None:
        first = Receipt(received_at=NOW - clock.DAY, attempts=3, first_seen=NOW - clock.HOUR)
        refused = decode(b"{", replayed.attributes_of(first))
        assert isinstance(refused, Rejected)
        assert (refused.received_at, refused.attempts, refused.first_seen) == (
            NOW - clock.DAY,
            3,
            NOW - clock.HOUR,
        )

    def test_a_message_that_is_refused_again_has_the_same_letter(self) -> None:
        first = decode(b"{", {"event_id": "e1", "event_digest": "a"})
        assert isinstance(first, Rejected)
        again = decode(
            b"{", {**replayed.attributes_of(Receipt(NOW, 2, NOW)), "event_id": "e1", "event_digest": "b"}
        )
        assert letter_of(first).id == letter_of(again).id

    def test_rotated_keys_say_what_somebody_was_called_before(self) -> None:
        keys = {"k1": "y" * 16, "k2": "z" * 16}
        receipt = self.receipt(pseudonym_keys=LiteralKeys(keys))
        before = Pseudonymizer(keys, "k2")
        assert receipt.user_aliases == (before.pseudonym("user", "crm-7", key_id="k1"),)
        assert receipt.client_aliases == (before.pseudonym("client", "cookie-1", key_id="k1"),)


class TestMessagesThatArePseudonymized:
    ATTRIBUTES = {"pseudonymized": "1"}

    def event(self, **changes: Any) -> bytes:
        return msgspec.json.encode(
            wire(**{"user_id": pseudonym("user", "crm-7"), "client_id": pseudonym("client", "c"), **changes})
        )

    def test_they_pass_as_they_are(self) -> None:
        decoded = decode(self.event(note={"email": pseudonym("email", "a")}), self.ATTRIBUTES)
        assert isinstance(decoded, Event)
        assert decoded.user_id == decoded.shopper == pseudonym("user", "crm-7")
        assert decoded.client_id == pseudonym("client", "c")
        assert decoded.extra == {"note": {"email": pseudonym("email", "a")}}
        assert decoded.receipt == Receipt(received_at=NOW)

    @pytest.mark.parametrize("value", ["crm-7", "k9.AAAAAAAAAAAAAAAAAAAAAA", "k1.AAAA"])
    def test_an_identifier_in_one_is_refused_and_sealed(self, value: str) -> None:
        data = self.event(user_id=value)
        refused = decode(data, self.ATTRIBUTES)
        assert isinstance(refused, Rejected)
        assert refused.code is Code.INVALID_IDENTIFIER
        assert value not in refused.message
        assert opened(refused) == (data, self.ATTRIBUTES)

    def test_they_may_be_longer_than_what_is_sent(self) -> None:
        data = self.event(note="x" * MAX_PAYLOAD_BYTES)
        assert isinstance(decode(data, self.ATTRIBUTES), Event)
        assert isinstance(decode(data), Rejected)

    def test_whatever_was_taken_in_can_be_taken_in_again(self) -> None:
        most = [{"a": "7"}] * 500 + [1e20] * 11_000
        fields = wire(
            user_id="7", client_id="0", event_id="7" + "x 7" * 40, notes=most, search_term="7 " * 256
        )
        first = decode(msgspec.json.encode(fields))
        assert isinstance(first, Event)
        assert len(to_json(first)) > MAX_PAYLOAD_BYTES
        assert decode(to_json(first), self.ATTRIBUTES) == first

    @pytest.mark.parametrize("value", ["", "0", "true", "yes"])
    def test_only_a_1_says_so(self, value: str) -> None:
        decoded = decode(self.event(), {"pseudonymized": value})
        assert isinstance(decoded, Event)
        assert decoded.user_id == pseudonym("user", pseudonym("user", "crm-7"))


class TestBadMessages:
    @pytest.mark.parametrize("code", SPOILERS)
    def test_each_kind_becomes_a_dead_letter_with_its_code(self, code: Code) -> None:
        data = spoil(code, wire())
        refused = decode(data, {"event_id": "e1", "source": "web"}, publish_time=clock.to_datetime(NOW - 5))
        assert isinstance(refused, Rejected)
        assert msgspec.structs.replace(refused, data=b"", letter_id="") == Rejected(
            stage="decode",
            code=code,
            message=self.message_of(decode(data)),
            data=b"",
            attributes={},
            pipeline_version="test",
            first_seen=NOW,
            received_at=NOW - 5,
            key_id="k1",
        )
        assert opened(refused) == (data, {"event_id": "e1", "source": "web"})

    @staticmethod
    def message_of(rejected: Event | Rejected) -> str:
        assert isinstance(rejected, Rejected)
        assert 5 < len(rejected.message) < 500
        return rejected.message

    def test_bad_and_good_part_ways_in_one_bundle(self, decoding: Decoding) -> None:
        bad = [message(spoil(code, wire()), {"n": code}) for code in SPOILERS]
        good = [message(wire()) for _ in SPOILERS]
        both = bad + good
        random.Random(1).shuffle(both)
        out = decoding(*both)
        assert len(out["events"]) == len(good)
        said = [opened(each)[1]["n"] for each in out["rejected"]]
        assert sorted(said) == sorted(SPOILERS)
        assert [each.code for each in out["rejected"]] == said

    def test_the_future_begins_at_the_jobs_clock(self) -> None:
        data = msgspec.json.encode(wire(event_time=clock.to_rfc3339(NOW)))
        earlier = decode(data, wall_clock=StoppedClock(NOW - clock.HOUR))
        assert isinstance(earlier, Rejected)
        assert earlier.code is Code.EVENT_TIME_IN_FUTURE
        assert earlier.first_seen == NOW - clock.HOUR

    def test_a_number_that_no_coder_carries_is_refused(self) -> None:
        for number in (2**64, -(2**63) - 1):
            refused = decode(with_field("n", b'[{"x": %d}]' % number))
            assert isinstance(refused, Rejected)
            assert refused.code is Code.OUT_OF_RANGE
            assert "64 bits" in refused.message

    def test_nesting_has_a_limit(self) -> None:
        assert isinstance(decode(with_field("n", b"[" * 20 + b"]" * 20)), Event)
        refused = decode(with_field("n", b'{"n":' * 200 + b"[]" + b"}" * 200))
        assert isinstance(refused, Rejected)
        assert refused.code is Code.OUT_OF_RANGE
        assert "nested" in refused.message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
some_fields = st.dictionaries(
    st.sampled_from(
        [*wire(), "value", "currency", "consent", "search_term", "source", "campaign_id", "extra", "x"]
    ),
    json_values | st.sampled_from([*EventName, clock.to_rfc3339(NOW)]),
    max_size=6,
)
some_bytes = (
    st.binary(max_size=200)
    | json_values.map(msgspec.json.encode)
    | some_fields.map(lambda changes: msgspec.json.encode(wire(**changes)))
    | st.tuples(some_fields, st.integers(0, 300), st.binary(max_size=4)).map(
        lambda cut: msgspec.json.encode(wire(**cut[0]))[: cut[1]] + cut[2]
    )
)


any_text = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of surrogates among them
KNOWN_ATTRIBUTES = ["event_id", "pseudonymized", "replay_attempts", "replay_first_seen", "replay_received_at"]


class TestNothingRaises:
    @settings(max_examples=600, deadline=None)
    @given(data=some_bytes, attributes=st.none() | st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
    @example(data=b"", attributes={"event_id": "e"})
    @example(data=b"[" * 20_000, attributes=None)
    @example(data=with_field("n", b"1" * 400), attributes=None)
    @example(data=with_field("n", b"[" * 950 + b"]" * 950), attributes=None)
    @example(data=with_field("n", b'"\\ud800"'), attributes=None)
    @example(data=with_field("n", b"1e999"), attributes=None)
    def test_whatever_arrives_leaves_as_one_thing_that_can_travel(
        self, data: bytes, attributes: dict[str, str] | None
    ) -> None:
        fn = DecodeFn(config())
        fn.setup()
        incoming = PubsubMessage(data, {"any": "thing"})
        incoming.attributes = attributes  # as the read leaves it
        value = only(fn, incoming)
        if isinstance(value, Event):
            assert EventCoder().decode(EventCoder().encode(value)) == value
        else:
            assert opened(value) == (data, attributes or {})
            assert value.code is not Code.INTERNAL_ERROR
            assert RejectedCoder().decode(RejectedCoder().encode(value)) == value
            assert dead_letters.from_message(dead_letters.to_message(value).data) == letter_of(value)

    @settings(max_examples=200, deadline=None)
    @given(
        data=st.none() | some_bytes,
        attributes=st.dictionaries(
            any_text | st.sampled_from(KNOWN_ATTRIBUTES), any_text | st.none(), max_size=5
        ),
        publish_time=st.none() | st.datetimes() | st.integers() | st.text(max_size=3),
    )
    def test_nor_does_anything_beside_the_data(
        self, data: bytes | None, attributes: dict[str, Any], publish_time: Any
    ) -> None:
        fn = DecodeFn(config(pseudonym_keys=LiteralKeys({"k0": "x" * 16, "k1": "y" * 16})))
        fn.setup()
        incoming = PubsubMessage(data, attributes or {"a": "b"}, publish_time=publish_time)
        value = only(fn, incoming)
        assert isinstance(value, Event | Rejected)
        if isinstance(value, Rejected):
            assert value.code is not Code.INTERNAL_ERROR
            assert dead_letters.to_message(value)._to_proto_str(for_publish=True)

    def test_a_message_of_attributes_alone(self) -> None:
        fn = DecodeFn(config())
        fn.setup()
        value = only(fn, PubsubMessage(None, {"event_id": "e1"}))
        assert value.code is Code.EMPTY_PAYLOAD
        assert opened(value) == (b"", {"event_id": "e1"})
