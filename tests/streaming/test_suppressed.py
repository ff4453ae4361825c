"""Who wants no email gets none: no trigger is published, whatever the store does and whatever the name is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.transforms.window import TimestampedValue
from faulty_store import DOWN, NONE, Faults, unreliable
from streaming_support import (
    NOW,
    Collected,
    Sleeper,
    Stream,
    config,
    counters,
    message,
    pipeline,
    pseudonym,
    run,
    wire,
)

from evermail import clock
from evermail.clock import MINUTE, SECOND
from evermail.documents import Document, Key, Profile, Suppression
from evermail.stores import StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from evermail.suppression import MAX_ASKED, is_suppressed, lift, suppress
from pipeline import names
from pipeline.job import Sinks, build
from pipeline.suppressed import CarryFn, CarrySuppressions, DropFn, DropSuppressed


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


@pytest.fixture
def store(url: str) -> Iterator[SqliteStore]:
    store = SqliteStore(url.removeprefix("sqlite:///"), clock=lambda: NOW)
    yield store
    store.close()


def trigger(shopper: str) -> PubsubMessage:
    return PubsubMessage(b"{}", {"trigger": "cart_left", "cart_id": "1", "shopper": shopper})


def moved(name: str, to: str | None) -> Profile:
    return Profile(id=name, version=NOW, updated_at=NOW, as_of=NOW, events=0, moved_to=to)


def shoppers(published: list[PubsubMessage]) -> list[str]:
    return [one.attributes["shopper"] for one in published]


class TestTriggers:
    def published(
        self, url: str, collected: Collected, *about: str, **changes: Any
    ) -> tuple[list[str], Counter[str]]:
        p = pipeline()
        stream = Stream().arrives(*map(trigger, about))
        p | stream.source() | DropSuppressed(config(url, **changes)) | collected.into("published")
        counted = counters(run(p))
        return shoppers(collected["published"]), counted

    def test_of_those_who_want_no_email_are_dropped_and_counted(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        for shopper in ("ann", "cleo"):
            suppress(store, shopper, "page", NOW, link="may:somebody")
        lift(store, "cleo", "page", NOW, link="may:somebody")
        published, counted = self.published(url, collected, "ann", "ben", "cleo", "ann")
        assert published == ["ben", "cleo"]
        assert counted[names.TRIGGERS_SUPPRESSED] == 2

    def test_keep_their_time(self, url: str, store: SqliteStore, collected: Collected) -> None:
        p = pipeline()
        arrived = p | Stream().arrives(trigger("ben")).source() | beam.Map(_at_a_minute)
        arrived | DropSuppressed(config(url)) | collected.timed_into("published")
        run(p)
        [(_, time_us)] = collected["published"]
        assert time_us == NOW + MINUTE

    def test_are_asked_about_in_one_call_for_a_bundle(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        with unreliable(url, NONE) as counting:
            published, _ = self.published(url, collected, *(f"s{n}" for n in range(50)))
        assert (len(published), counting.calls["get_many"]) == (50, 1)

    def test_wait_while_the_store_does_not_answer(self, url: str, store: SqliteStore) -> None:
        suppress(store, "ann", "page", NOW, link="may:somebody")
        sleeper = Sleeper()
        with unreliable(url, DOWN) as faulty:

            def recovers(seconds: float) -> None:
                sleeper.sleep(seconds)
                if len(sleeper.pauses) == 3:
                    faulty.faults = NONE

            fn = DropFn(config(url, store_backoff=sleeper.backoff(sleep=recovers)))
            found = _bundle(fn, trigger("ann"), trigger("ben"))
        assert (shoppers([one.value for one in found]), len(sleeper.pauses)) == (["ben"], 3)

    def test_are_not_sent_rather_than_sent_blindly(self, url: str, store: SqliteStore) -> None:
        """The runner tries the bundle again."""
        fn = DropFn(config(url, store_retry_us=10 * SECOND, store_backoff=Sleeper().backoff()))
        with unreliable(url, DOWN), pytest.raises(StoreUnavailable):
            _bundle(fn, trigger("ben"))

    def test_on_bad_days_nobody_who_left_is_written_to(self, url: str, store: SqliteStore) -> None:
        everybody = [f"s{n}" for n in range(40)]
        for shopper in everybody[::2]:
            suppress(store, shopper, "page", NOW, link="may:somebody")
        fn = DropFn(config(url, store_backoff=Sleeper().backoff()))
        with unreliable(url, Faults(before=0.5), seed=3) as faulty:
            for shopper in everybody:
                assert len(_bundle(fn, trigger(shopper))) == (0 if shopper in everybody[::2] else 1)
        assert faulty.happened

    def test_of_a_large_bundle_leave_on_the_way(self, url: str, store: SqliteStore) -> None:
        fn = DropFn(config(url))
        found = _bundle(fn, *(trigger(f"s{n}") for n in range(MAX_ASKED + 1)))
        assert len(found) == MAX_ASKED + 1

    def test_nothing_is_remembered(self, url: str, store: SqliteStore) -> None:
        fn = DropFn(config(url))
        assert len(_bundle(fn, trigger("ann"))) == 1
        suppress(store, "ann", "page", NOW, link="may:somebody")
        assert _bundle(fn, trigger("ann")) == []
        lift(store, "ann", "page", NOW, link="may:somebody")
        assert len(_bundle(fn, trigger("ann"))) == 1


class TestMoves:
    def carried(self, url: str, collected: Collected, *profiles: Document) -> tuple[list[Any], Counter[str]]:
        p = pipeline()
        p | Stream().arrives(*profiles).source() | CarrySuppressions(config(url)) | collected.into("carried")
        counted = counters(run(p))
        return collected["carried"], counted

    def test_a_suppression_goes_along_with_a_profile(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        suppress(store, "browser", "page", NOW, link="may:somebody")
        profiles = [moved("browser", "ann"), moved("other", "ben"), moved("stays", None)]
        carried, counted = self.carried(url, collected, *profiles)
        assert [document.key for document in carried] == [Key(Suppression.COLLECTION, "ann")]
        assert counted[names.DOCUMENTS_MADE] == 1

    def test_profiles_that_stay_cost_no_call(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        with unreliable(url, NONE) as counting:
            self.carried(url, collected, moved("stays", None))
        assert not counting.calls

    def test_what_the_store_cannot_say_now_is_asked_again(self, url: str, store: SqliteStore) -> None:
        suppress(store, "browser", "page", NOW, link="may:somebody")
        fn = CarryFn(config(url, store_backoff=Sleeper().backoff()))
        with unreliable(url, Faults(before=0.7), seed=1):
            [carried] = _bundle(fn, moved("browser", "ann"))
        assert carried.value.id == "ann"


@pytest.mark.usefixtures("every_bundle_counts")
class TestTheJob:
    def triggers(
        self, url: str, collected: Collected, *sent: dict[str, Any]
    ) -> tuple[list[str], Counter[str]]:
        p = pipeline()
        stream = Stream().watermark(-1)
        for one in sent:
            stream.arrives(message(one)).passes()
        for minute in range(1, 30):
            stream.watermark(60 * minute)
        sinks = Sinks(collected.into("dead letters"), triggers=collected.into("triggers"))
        build(p, stream.source(), sinks, config(url, cart_gap_us=10 * MINUTE, bootstrap=True))
        counted = counters(run(p))
        assert collected["dead letters"] == []
        return shoppers(collected["triggers"]), counted

    def add(self, at: float = 0.0, **whose: Any) -> dict[str, Any]:
        return wire(event_name="add_to_cart", event_time=clock.to_rfc3339(NOW + round(at * SECOND)), **whose)

    def test_announces_no_cart_of_who_wants_no_email(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        ann, ben = (pseudonym("user", name) for name in ("ann", "ben"))
        suppress(store, ann, "one_click", NOW, link="may:somebody")
        published, counted = self.triggers(
            url, collected, self.add(user_id="ann", client_id=None), self.add(user_id="ben", client_id=None)
        )
        assert published == [ben]
        assert (counted[names.CARTS_LEFT], counted[names.TRIGGERS_SUPPRESSED]) == (2, 1)

    def test_nor_of_who_left_as_a_browser_and_says_who_it_is_later(
        self, url: str, store: SqliteStore, collected: Collected
    ) -> None:
        browser, ann = pseudonym("client", "c1"), pseudonym("user", "ann")
        suppress(store, browser, "one_click", NOW, link="may:somebody")
        identify = wire(event_name="identify", client_id="c1", user_id="ann", items=[])
        published, counted = self.triggers(
            url, collected, self.add(client_id="c1"), identify, self.add(at=5, user_id="ann", client_id="c1")
        )
        assert published == []
        assert counted[names.TRIGGERS_SUPPRESSED] == 1
        assert is_suppressed(store, [browser, ann]) == {browser, ann}
        written = counted[names.DOCUMENTS_WRITTEN] + counted[names.DOCUMENTS_STALE]
        assert counted[names.DOCUMENTS_MADE] == written  # the job comes to rest


def _at_a_minute(element: Any) -> TimestampedValue:
    return TimestampedValue(element, (NOW + MINUTE) / SECOND)


def _bundle(fn: beam.DoFn, *elements: Any) -> list[Any]:
    """What a DoFn gives for one bundle."""
    fn.setup()
    fn.start_bundle()
    given = []
    for element in elements:
        if isinstance(fn, DropFn):
            given += fn.process(element, NOW / SECOND, beam.window.GlobalWindow())
        else:
            given += fn.process(element)
    return [*given, *fn.finish_bundle()]
