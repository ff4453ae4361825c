"""What emails have shown to a shopper who then withdraws consent: it goes, and does not come back."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from faulty_store import BAD_DAY, UnreliableStore
from people_support import Shop, browser, erase, identify, says
from streaming_support import NOW, Collected, Sleeper, Stream, config, counters, event, pipeline, run

from evermail.clock import SECOND
from evermail.documents import Document, Exposure, Exposures, Key
from evermail.events import Event
from evermail.shelf.exposures import RETENTION_US, remembering, withdrawn
from evermail.stores import Outcome, Store
from evermail.stores.sqlite import SqliteStore
from pipeline import erase as erasing
from pipeline import names, store_writer
from pipeline.erase import EraseShoppers
from pipeline.rotation import FormerNames
from pipeline.users import Users


def shown(shopper: str, *campaigns: tuple[str, float], version: int = NOW - 100 * SECOND) -> Exposures:
    """Each campaign with when it showed something, in seconds from NOW."""
    return Exposures(
        id=shopper,
        version=version,
        updated_at=NOW,
        expire_at=NOW + RETENTION_US,
        campaigns=tuple(Exposure(name, NOW + round(at * SECOND), ("A",)) for name, at in campaigns),
    )


def word(shopper: str = "anna", *, at: int) -> Exposures:
    return withdrawn(shopper, NOW // SECOND + at, NOW)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)


class TestWhatGoes:
    @pytest.fixture
    def take_out(self, store: SqliteStore, collected: Collected, monkeypatch: pytest.MonkeyPatch) -> Any:
        def take_out(*words: Document, faulty: Store | None = None, **changes: Any) -> Counter[str]:
            for module in (erasing, store_writer):
                monkeypatch.setattr(module, "shared_store", lambda url: faulty or store)
            p = pipeline()
            refused = p | Stream().arrives(*words).source() | EraseShoppers(config(**changes))
            refused | collected.into("refused")
            counted = counters(run(p))
            assert collected["refused"] == []
            return counted

        return take_out

    def campaigns(self, store: SqliteStore, shopper: str = "anna") -> list[str]:
        found = store.get_many([Key(Exposures.COLLECTION, shopper)]).get(Key(Exposures.COLLECTION, shopper))
        return [one.campaign for one in found.campaigns] if isinstance(found, Exposures) else []

    def test_what_was_shown_before(self, store: SqliteStore, take_out: Any) -> None:
        store.put_many([shown("anna", ("spring", -20)), shown("ben", ("spring", -20))])
        take_out(word(at=-10))
        assert self.campaigns(store) == []
        assert self.campaigns(store, "ben") == ["spring"]

    def test_not_what_was_shown_after(self, store: SqliteStore, take_out: Any) -> None:
        store.put_many([shown("anna", ("june", -5), ("spring", -20))])
        for _ in range(2):  # as when a bundle is tried again, or an archive is read
            take_out(word(at=-10))
            assert self.campaigns(store) == ["june"]

    @pytest.mark.parametrize("known", [True, False])
    def test_a_write_that_was_under_way_comes_too_late(
        self, store: SqliteStore, take_out: Any, known: bool
    ) -> None:
        before = shown("anna", ("spring", -20))
        if known:
            store.put_many([before])
        late = remembering(
            before.campaigns if known else (), "anna", "may", "B", before.version if known else 0, 0, NOW - 1
        )
        assert late is not None
        take_out(word(at=-10))
        [result] = store.put_many([late])
        assert result.outcome is Outcome.STALE
        assert self.campaigns(store) == []

    def test_a_later_open_can_write(self, store: SqliteStore, take_out: Any) -> None:
        store.put_many([shown("anna", ("spring", -20))])
        take_out(word(at=-10))
        key = Key(Exposures.COLLECTION, "anna")
        left = store.get_many([key])[key]
        assert isinstance(left, Exposures)
        opened = remembering(left.campaigns, "anna", "may", "B", left.version, 0, NOW + SECOND)
        assert opened is not None
        store.put_many([opened])
        assert self.campaigns(store) == ["may"]

    def test_each_is_written_or_stale_so_that_the_job_comes_to_rest(
        self, store: SqliteStore, take_out: Any
    ) -> None:
        store.put_many([shown("anna", ("spring", -20)), shown("ben", ("june", -5))])
        counted = take_out(word(at=-10), word("ben", at=-10), word("cleo", at=-10))
        assert (counted[names.DOCUMENTS_WRITTEN], counted[names.DOCUMENTS_STALE]) == (2, 1)

    def test_what_cannot_be_read_goes_whole(self, store: SqliteStore, take_out: Any) -> None:
        damaged = shown("anna", ("spring", -20))
        damaged.campaigns = "damaged"  # type: ignore[assignment]
        store.put_many([damaged])
        take_out(word(at=-10))
        assert self.campaigns(store) == []

    @pytest.mark.parametrize("seed", range(3))
    def test_on_bad_days_too(self, store: SqliteStore, take_out: Any, seed: int) -> None:
        shoppers = [f"s{n}" for n in range(20)]
        store.put_many([shown(one, ("june", -5), ("spring", -20)) for one in shoppers])
        faulty = UnreliableStore(store, BAD_DAY, seed=seed)
        words = [word(one, at=-10) for one in shoppers]
        take_out(*words, faulty=faulty, store_backoff=Sleeper().backoff())
        assert sum(faulty.happened.values()) > 0
        assert {tuple(self.campaigns(store, one)) for one in shoppers} == {("june",)}


def told(shop: Shop) -> list[tuple[str, int]]:
    """Whose emails are forgotten, and up to when, in seconds from NOW."""
    return [
        (one.id, one.version // SECOND - NOW // SECOND)
        for one in shop.out["erasures"]
        if isinstance(one, Exposures)
    ]


@pytest.fixture
def shop(collected: Collected, store: SqliteStore, every_bundle_counts: None) -> Shop:
    return Shop(collected, store)


class TestWhoIsTold:
    def test_a_user(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)).arrives(says(False, at=-8)))
        assert told(shop) == [("anna", -8)]
        assert shop.counters[names.ERASURES_SENT] == 1

    def test_a_browser(self, shop: Shop) -> None:
        shop(Stream().arrives(browser("A", at=-9)).arrives(says(False, at=-8, user=None, cookie="c1")))
        assert told(shop) == [("c1", -8)]

    def test_a_user_and_the_browser_it_came_by(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-9), event("B", at=-9))
        shop(stream.arrives(says(False, at=-8, cookie="c1")))
        assert sorted(told(shop)) == [("anna", -8), ("c1", -8)]

    @pytest.mark.parametrize("user", ["anna", None])
    def test_a_known_browser_and_its_user(self, shop: Shop, user: str | None) -> None:
        stream = Stream().arrives(browser("A", at=-12)).arrives(identify("anna", at=-10))
        shop(stream.arrives(says(False, at=-8, user=user, cookie="c1")))
        assert sorted(told(shop)) == [("anna", -8), ("c1", -8)]

    def test_the_user_that_a_browser_which_refused_turns_out_to_be(self, shop: Shop) -> None:
        stream = Stream().arrives(browser("A", at=-12))
        stream.arrives(says(False, at=-10, user=None, cookie="c1")).arrives(identify("anna", at=-8))
        shop(stream)
        assert [one for one in told(shop) if one[0] == "c1"] == [("c1", -10)]
        assert shop.history("anna") == ""

    def test_who_was_renamed_by_both_names(self, shop: Shop) -> None:
        settings = config(f"sqlite:///{shop.store.path}", bootstrap=True)
        keeper = Users(settings, FormerNames.of(settings))
        state = keeper.recall("anna")
        state.formerly = "formerly-anna"
        keeper.take("anna", state, says(False, at=-8))
        words = [one.value for one in keeper.out if isinstance(one.value, Exposures)]
        assert [one.id for one in words] == ["anna", "formerly-anna"]

    @pytest.mark.parametrize("user", ["anna", None])
    def test_nobody_of_whom_there_was_no_history(self, shop: Shop, user: str | None) -> None:
        """A banner asks everybody, and may tell with every page what was said."""
        stream = Stream()
        for at in range(-9, 0):
            stream.arrives(says(False, at=at, user=user, cookie="c1"))
        shop(stream)
        assert told(shop) == []
        assert shop.counters[names.ERASURES_SENT] == 0

    def test_who_is_known_by_the_store_alone(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)))
        shop(Stream().arrives(says(False, at=-8)))  # a new job, without the state
        assert told(shop) == [("anna", -8)]

    def test_everybody_who_refuses_where_the_job_may_not_ask_the_store(self) -> None:
        settings = config(bootstrap=False)
        keeper = Users(settings, FormerNames.of(settings))
        keeper.take("anna", keeper.recall("anna"), says(False, at=-8))
        assert [one.value.id for one in keeper.out if isinstance(one.value, Exposures)] == ["anna"]

    def test_nobody_who_agrees_or_says_nothing(self, shop: Shop) -> None:
        shop(Stream().arrives(event("A", at=-9)).arrives(says(True, at=-8)).arrives(event("B", at=-7)))
        assert told(shop) == []

    def test_copies_are_not_told_again(self, shop: Shop) -> None:
        no = says(False, at=-8)
        shop(Stream().arrives(event("A", at=-9)).arrives(no).passes().arrives(no))
        shop(Stream().arrives(no))  # a new job, without the state
        assert len(told(shop)) == 1

    def test_who_was_erased_since_is_not(self, shop: Shop) -> None:
        shop(Stream().arrives(erase("anna", at=-8, cookie="c1")).arrives(says(False, at=-9, cookie="c1")))
        assert told(shop) == []

    @pytest.mark.parametrize("late", [False, True])
    def test_what_was_shown_before_consent_was_given_again_goes(self, shop: Shop, late: bool) -> None:
        """An open may have been answered by a profile that did not know of the withdrawal yet."""
        said: list[Event] = [says(False, at=-8), says(True, at=-4)]
        stream = Stream().arrives(event("A", at=-9))
        for one in reversed(said) if late else said:
            stream.arrives(one)
        shop(stream)
        assert told(shop) == ([("anna", -5)] if late else [("anna", -8), ("anna", -5)])

    def test_a_refused_one_is_told_as_well(self, shop: Shop) -> None:
        no = msgspec.structs.replace(says(False, at=-8), event_id="twice")
        shop(Stream().arrives(event("A", at=-9, event_id="twice")).arrives(no))
        assert told(shop) == [("anna", -8)]
