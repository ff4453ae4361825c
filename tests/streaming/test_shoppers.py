"""One shopper at a time: what counts, what does not, and when the profile is written."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import msgspec
import pytest
from apache_beam.transforms.timeutil import TimeDomain
from streaming_support import NOW, Collected, Stream, config, event, pipeline, run

from evermail import repeats
from evermail.clock import DAY, SECOND
from evermail.decay import UNIT
from evermail.documents import Profile
from evermail.event_ids import MAX_IDS
from evermail.events import Accepted, Code, Event, Item, from_fields, to_wire
from evermail.interest import unpack_all
from evermail.profiles import PROFILE_RETENTION_US
from pipeline.config import JobConfig
from pipeline.remember import RememberFn
from pipeline.shoppers import Shoppers

Run = Callable[..., Collected]

LATENESS_S = 3600


@pytest.fixture
def shop(collected: Collected) -> Run:
    """Runs a stream of events through the transform."""

    def run_(stream: Stream, settings: JobConfig | None = None) -> Collected:
        p = pipeline()
        shopped = p | stream.source() | Shoppers(settings or config())
        shopped.profiles | collected.into("profiles")
        shopped.accepted | collected.into("accepted")
        shopped.row_updates | collected.into("row_updates")
        shopped.refused | collected.into("refused")
        shopped.late | collected.into("late")
        shopped.erasures | collected.into("erasures")
        run(p)
        return collected

    return run_


def accepted(collected: Collected) -> list[str]:
    return [each.event.event_id for each in collected["accepted"]]


def copy(original: Event) -> Event:
    """The same event once more, as its own object."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(original), type=Event)


def test_an_accepted_event_goes_on_unchanged(shop: Run) -> None:
    one = event("A", name="purchase", value=19.9, campaign_id="spring", source="web")
    assert shop(Stream().arrives(one))["accepted"] == [Accepted("anna", one)]


class TestDuplicates:
    def test_a_copy_in_the_same_bundle_counts_once(self, shop: Run) -> None:
        one = event()
        assert accepted(shop(Stream().arrives(one, copy(one)))) == [one.event_id]

    def test_a_copy_in_a_later_bundle_counts_once(self, shop: Run) -> None:
        one = event()
        assert accepted(shop(Stream().arrives(one).arrives(copy(one)).arrives(copy(one)))) == [one.event_id]

    def test_a_copy_after_the_profile_was_written_counts_once(self, shop: Run) -> None:
        one = event()
        out = shop(Stream().arrives(one).passes().arrives(copy(one)).passes())
        assert accepted(out) == [one.event_id]
        assert len(out["profiles"]) == 1

    def test_a_copy_that_comes_behind_the_watermark_counts_once(self, shop: Run) -> None:
        one = event()
        stream = Stream().arrives(one).watermark(7200).arrives(copy(one)).watermark(9000).arrives(copy(one))
        assert accepted(shop(stream)) == [one.event_id]

    def test_copies_with_events_of_other_windows_between_count_once(self, shop: Run) -> None:
        early, middle, now = (event(at=at) for at in (-1800, -600, 0))
        stream = Stream().arrives(early, now).watermark(0).arrives(copy(now), middle, copy(early))
        stream = stream.watermark(600).arrives(copy(middle), copy(early))
        assert sorted(accepted(shop(stream))) == sorted(one.event_id for one in (early, middle, now))

    def test_a_copy_is_nobodys_dead_letter_and_changes_no_row(self, shop: Run) -> None:
        first, second = event("A", at=-10), event("B", at=-5)
        once = shop(Stream().arrives(first, second))
        rows = list(once["row_updates"])
        again = shop(Stream().arrives(first, second).arrives(copy(second), copy(first)))
        assert again["refused"] == []
        assert len(again["row_updates"]) == 2 * len(rows)  # of both runs: the copies added none

    def test_the_same_id_of_two_shoppers_is_two_events(self, shop: Run) -> None:
        stream = Stream().arrives(event(event_id="1", shopper="anna"), event(event_id="1", shopper="ben"))
        assert accepted(shop(stream)) == ["1", "1"]


class TestCollisions:
    def test_an_id_used_again_with_another_content_is_a_dead_letter(self, shop: Run) -> None:
        first, other = event("A", event_id="1"), event("B", event_id="1")
        out = shop(Stream().arrives(first).arrives(other))
        (refused,) = out["refused"]
        assert accepted(out) == ["1"]
        assert (refused.stage, refused.code) == ("shoppers", Code.ID_COLLISION)
        assert "'1'" in refused.message
        assert (refused.pipeline_version, refused.first_seen, refused.attempts) == ("test", NOW, 1)

    def test_the_dead_letter_holds_the_whole_event(self, shop: Run) -> None:
        other = event(
            "B C", event_id="1", name="purchase", value=3.5, extra={"page": {"path": ["a", 1, None]}}
        )
        out = shop(Stream().arrives(event("A", event_id="1")).arrives(other))
        (refused,) = out["refused"]
        assert from_fields(msgspec.json.decode(refused.data), NOW) == other

    def test_it_does_not_touch_the_profile(self, shop: Run) -> None:
        out = shop(Stream().arrives(event("A", event_id="1"), event("B", event_id="1")).passes())
        (profile,) = out["profiles"]
        assert profile.events == 1
        assert [seen.item_id for seen in profile.history] == ["A"]


class TestLateEvents:
    def test_older_than_the_allowed_lateness_is_a_dead_letter(self, shop: Run) -> None:
        late = event("A", at=-LATENESS_S - 1)
        out = shop(Stream().arrives(late))
        (refused,) = out["refused"]
        assert accepted(out) == []
        assert (refused.stage, refused.code) == ("shoppers", Code.LATE)
        assert "3600 s" in refused.message
        assert msgspec.json.decode(refused.data) == msgspec.to_builtins(to_wire(late))

    def test_just_within_it_counts(self, shop: Run) -> None:
        edge = event("A", at=-LATENESS_S)
        assert accepted(shop(Stream().arrives(edge))) == [edge.event_id]

    def test_the_watermark_does_not_make_an_event_late(self, shop: Run) -> None:
        one = event("A", at=-60)
        assert accepted(shop(Stream().watermark(3000).arrives(one))) == [one.event_id]

    def test_a_late_event_leaves_no_profile(self, shop: Run) -> None:
        assert shop(Stream().arrives(event(at=-LATENESS_S - 1)).passes())["profiles"] == []


class TestProfiles:
    def test_many_events_before_the_flush_make_one_profile(self, shop: Run) -> None:
        stream = Stream()
        for at in range(20):
            stream.arrives(event(f"I{at}", at=at - 100))
        (profile,) = shop(stream.passes())["profiles"]
        assert isinstance(profile, Profile)
        assert profile.events == 20

    def test_nothing_is_written_before_the_interval_is_over(self, shop: Run) -> None:
        out = shop(Stream().arrives(event("A")).passes(0.25).arrives(event("B")).passes(0.25))
        (profile,) = out["profiles"]
        assert profile.events == 2

    def test_events_after_a_flush_make_another_with_a_higher_version(self, shop: Run) -> None:
        first, second = shop(Stream().arrives(event("A")).passes().arrives(event("B")).passes())["profiles"]
        assert (first.events, second.events) == (1, 2)
        assert second.version > first.version >= NOW

    def test_silence_after_a_flush_writes_nothing(self, shop: Run) -> None:
        assert len(shop(Stream().arrives(event()).passes().passes().passes())["profiles"]) == 1

    def test_a_profile_says_what_the_shopper_did(self, shop: Run) -> None:
        stream = Stream().arrives(
            event("A", at=-30),
            event([Item("B", quantity=2)], at=-20, name="add_to_cart"),
            event("C", at=-10, name="purchase"),
        )
        (profile,) = shop(stream.passes())["profiles"]
        assert profile.id == "anna"
        assert [(seen.item_id, seen.event_time - NOW, seen.event) for seen in profile.history] == [
            ("C", -10 * SECOND, "purchase"),
            ("B", -20 * SECOND, "add_to_cart"),
            ("A", -30 * SECOND, "view_item"),
        ]
        assert profile.cart == {"B": 2}
        assert profile.purchased == {"C": NOW - 10 * SECOND}
        assert (profile.as_of, profile.updated_at) == (NOW - 10 * SECOND, NOW)
        assert profile.expire_at is not None
        assert profile.expire_at > NOW

    def test_two_shoppers_do_not_mix(self, shop: Run) -> None:
        stream = Stream().arrives(event("A", shopper="anna"), event("B", shopper="ben"))
        out = shop(stream.arrives(event("C", shopper="anna")).passes())
        assert {profile.id: {seen.item_id for seen in profile.history} for profile in out["profiles"]} == {
            "anna": {"A", "C"},
            "ben": {"B"},
        }
        rows = {row for row, _ in out["row_updates"]}
        updates = [(row, one) for row, packed in out["row_updates"] for one in unpack_all(packed)]
        paired = {(row, item) for row, update in updates for item, _ in update.amounts}
        assert rows == {"A", "B", "C", repeats.ROW_ID}
        assert paired == {("A", "C"), ("C", "A"), (repeats.ROW_ID, "1n0-")}

    def test_returns_of_a_bundle_are_added_up(self, shop: Run) -> None:
        """Every event changes their row: it gets one record a bundle and hour, however many events."""
        viewed = [
            event(item, at=at, shopper=f"shopper {n}") for n in range(9) for at, item in enumerate("AB")
        ]
        out = shop(Stream().arrives(*viewed).passes())
        of_returns = [packed for row, packed in out["row_updates"] if row == repeats.ROW_ID]
        (update,) = [update for packed in of_returns for update in unpack_all(packed)]
        assert update.amounts == [("1n0-", 9 * UNIT)]


def test_disorder_gives_the_same_profile(shop: Run) -> None:
    story = [
        ("A", -40, "view_item"),
        ("B", -30, "add_to_cart"),
        ("B", -20, "remove_from_cart"),
        ("C", -10, "purchase"),
    ]
    stream = Stream()
    for step in zip(*permutations(story), strict=True):
        stream.arrives(
            *(
                event(item, at=at, name=name, event_id=f"{name} {at}", shopper=f"order {number}")
                for number, (item, at, name) in enumerate(step)
            )
        )
    profiles = shop(stream.passes())["profiles"]
    assert len(profiles) == 24
    first, *others = [msgspec.structs.replace(profile, id="", version=0, memory=b"") for profile in profiles]
    assert all(other == first for other in others)


class TestForgetting:
    RETENTION_S = PROFILE_RETENTION_US / 1e6

    def test_a_shopper_who_stays_away_is_forgotten(self, shop: Run) -> None:
        stream = Stream().arrives(event("A", at=-5)).passes().watermark(self.RETENTION_S + DAY / SECOND + 1)
        before, after = shop(stream.arrives(event("B")).passes())["profiles"]
        assert (before.events, after.events) == (1, 1)
        assert [seen.item_id for seen in after.history] == ["B"]

    def test_not_a_day_too_soon(self, shop: Run) -> None:
        stream = Stream().arrives(event("A", at=-5)).passes().watermark(self.RETENTION_S - 1)
        before, after = shop(stream.arrives(event("B")).passes())["profiles"]
        assert (before.events, after.events) == (1, 2)

    def test_what_is_not_written_yet_is_written_when_event_time_ends(self, shop: Run) -> None:
        """As it does when a job is drained."""
        (profile,) = shop(Stream().arrives(event("A", at=-5)))["profiles"]
        assert profile.events == 1

    def test_no_timer_of_processing_time_is_set_for_longer_than_a_flush(self) -> None:
        """On Dataflow it would hold back the watermark, and windows further on would never close."""
        domains = {timer.name: timer.time_domain for timer in (RememberFn.FLUSH, RememberFn.END)}
        assert domains == {"ts-flush": TimeDomain.REAL_TIME, "ts-end": TimeDomain.WATERMARK}


def test_events_whose_ids_are_forgotten_become_dead_letters_that_say_so(shop: Run) -> None:
    events = [event(at=-at / 100) for at in range(MAX_IDS + 1)]
    late_copy = event(at=-3000)
    collected = shop(Stream().arrives(*events, late_copy).passes())
    (refused,) = collected["refused"]
    assert (refused.stage, refused.code) == ("shoppers", Code.IDS_FORGOTTEN)
    assert str(MAX_IDS) in refused.message
    assert len(accepted(collected)) == MAX_IDS + 1
