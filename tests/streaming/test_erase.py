"""What is stored of an erased shopper goes, whatever the store does meanwhile; what comes later stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from faulty_store import BAD_DAY, DOWN, NONE, Faults, UnreliableStore, unreliable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_support import NOW, Collected, Sleeper, Stream, config, pipeline, run

from evermail.clock import DAY, SECOND
from evermail.documents import (
    Document,
    Erasure,
    Feedback,
    Impression,
    Key,
    Opinion,
    Profile,
    Shown,
    Suppression,
    Verdict,
)
from evermail.erasure import first_version
from evermail.events import Code
from evermail.stores import Store, StoreError, StoreUnavailable
from evermail.stores.sqlite import SqliteStore
from pipeline import erase
from pipeline.erase import DeleteFn, EraseShoppers

BUDGET_S = 60

AFTER = first_version(Erasure(id="ann", version=NOW, updated_at=NOW, erased_at=NOW))
"""What is written of somebody who is back."""


def erasure(shopper: str = "ann", *, at: float = 0.0, version: int = NOW) -> Erasure:
    erased_at = NOW + round(at * SECOND)
    return Erasure(
        id=shopper, version=version, updated_at=NOW, expire_at=version + 400 * DAY, erased_at=erased_at
    )


def personal(shopper: str, version: int = 1) -> list[Document]:
    """All that others than the job write of a shopper."""
    return [
        *(
            Impression(
                id=f"{campaign}:{shopper}",
                version=version,
                updated_at=NOW,
                shopper=shopper,
                source="personal",
                slots=[Shown("A", "seen")],
            )
            for campaign in ("spring", "autumn")
        ),
        Suppression(id=shopper, version=version, updated_at=NOW, reason="asked"),
        Feedback(
            id=shopper,
            version=version,
            updated_at=NOW,
            opinions={"A": Opinion(Verdict.NOT_FOR_ME, NOW)},
        ),
    ]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.sqlite3"


@pytest.fixture
def real(url: str) -> Iterator[SqliteStore]:
    """The store as a reader sees it who knows of no faults."""
    store = SqliteStore(url.removeprefix("sqlite:///"))
    yield store
    store.close()


def keys(store: Store, *collections: str) -> list[str]:
    names = collections or ("profiles", "impressions", "suppressions", "feedback", "erasures")
    return [f"{name}/{document.id}" for name in names for document in store.scan(name)]


class Eraser:
    """Deletes as a bundle of the job does."""

    def __init__(self, store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sleeper = Sleeper()
        monkeypatch.setattr(erase, "shared_store", lambda url: store)
        self._fn = DeleteFn(
            config(store_retry_us=BUDGET_S * SECOND, store_backoff=self.sleeper.backoff(longest_s=5.0))
        )
        self._fn.setup()

    def delete(self, *erasures: Erasure) -> list[Document]:
        return [document for one in erasures for document in self._fn.process(one)]


class TestInTheJob:
    def erase(self, url: str, collected: Collected, *erasures: Erasure, **changes: Any) -> list[Any]:
        p = pipeline()
        refused = p | Stream().arrives(*erasures).source() | EraseShoppers(config(url, **changes))
        refused | collected.into("refused")
        run(p)
        return collected["refused"]

    def test_all_of_the_shopper_goes_and_the_erasure_stays(
        self, url: str, real: SqliteStore, collected: Collected
    ) -> None:
        real.put_many([*personal("ann"), *personal("ben")])
        assert self.erase(url, collected, erasure("ann")) == []
        assert keys(real) == [
            "impressions/autumn:ben",
            "impressions/spring:ben",
            "suppressions/ann",
            "suppressions/ben",
            "feedback/ben",
            "erasures/ann",
        ]
        assert real.get_many([erasure("ann").key]) == {erasure("ann").key: erasure("ann")}

    def test_the_profile_is_left_to_the_stage_that_knows_its_version(
        self, url: str, real: SqliteStore, collected: Collected
    ) -> None:
        real.put_many([Profile(id="ann", version=1, updated_at=NOW, as_of=NOW, events=1)])
        self.erase(url, collected, erasure("ann"))
        assert keys(real, "profiles") == ["profiles/ann"]

    def test_a_shopper_of_whom_nothing_is_stored_can_be_erased(
        self, url: str, real: SqliteStore, collected: Collected
    ) -> None:
        assert self.erase(url, collected, erasure("ann"), erasure("cleo")) == []
        assert keys(real) == ["erasures/ann", "erasures/cleo"]

    @pytest.mark.parametrize("seed", range(5))
    def test_it_is_done_on_bad_days_too(
        self, url: str, real: SqliteStore, collected: Collected, seed: int
    ) -> None:
        shoppers = ["ann", "ben", "cleo", "dora"]
        real.put_many([document for shopper in shoppers for document in personal(shopper)])
        backoff = Sleeper().backoff()
        with unreliable(url, BAD_DAY, seed=seed) as store:
            erasures = [erasure(shopper) for shopper in shoppers]
            assert self.erase(url, collected, *erasures, store_backoff=backoff) == []
        assert sum(store.happened.values()) > 0
        kept = [f"suppressions/{shopper}" for shopper in shoppers]
        assert keys(real) == [*kept, *(f"erasures/{shopper}" for shopper in shoppers)]

    def test_an_erasure_that_cannot_be_stored_becomes_a_dead_letter_once_the_rest_is_done(
        self, url: str, real: SqliteStore, collected: Collected
    ) -> None:
        real.put_many(personal("ann"))
        [refused] = self.erase(url, collected, erasure("ann", version=2**63))
        assert (refused.code, refused.attributes) == (Code.STORE_REFUSED, {"collection": "erasures"})
        assert keys(real) == ["suppressions/ann"]

    def test_it_does_not_stand_in_the_line_of_a_ramp_up(
        self, url: str, real: SqliteStore, collected: Collected
    ) -> None:
        def no_sleep(seconds: float) -> None:
            raise AssertionError("nobody sleeps here")

        backoff = Sleeper().backoff(sleep=no_sleep)
        many = [erasure(f"s{n}") for n in range(20)]
        self.erase(url, collected, *many, store_ramp_up=True, store_workers=9_999, store_backoff=backoff)
        assert len(keys(real, "erasures")) == 20


class TestComingAgain:
    def test_it_spares_what_the_shopper_has_done_since(
        self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        eraser = Eraser(real, monkeypatch)
        real.put_many(personal("ann"))
        real.put_many(eraser.delete(erasure("ann", at=0)))
        real.put_many(personal("ann", AFTER))  # she is back
        rebuilt = erasure("ann", at=0, version=NOW + DAY)
        assert eraser.delete(rebuilt) == [rebuilt]
        assert len(keys(real, "impressions", "feedback")) == 3

    def test_an_earlier_one_does_not_replace_what_the_store_knows(
        self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        eraser = Eraser(real, monkeypatch)
        real.put_many(eraser.delete(erasure("ann", at=0)))
        real.put_many(personal("ann", AFTER))
        assert eraser.delete(erasure("ann", at=-5, version=NOW + DAY)) == []
        assert len(keys(real, "impressions", "feedback")) == 3

    def test_a_later_erasure_erases_again(self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        eraser = Eraser(real, monkeypatch)
        real.put_many(eraser.delete(erasure("ann", at=0)))
        real.put_many(personal("ann", AFTER))
        assert eraser.delete(erasure("ann", at=1)) == [erasure("ann", at=1)]
        assert keys(real, "impressions", "feedback") == []

    def test_an_erasure_that_was_never_written_is_done_again_whole(
        self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        eraser = Eraser(real, monkeypatch)
        for _ in range(2):
            real.put_many(personal("ann"))
            assert eraser.delete(erasure("ann")) == [erasure("ann")]
            assert keys(real) == ["suppressions/ann"]


class TestWhenTheStoreFails:
    def test_it_is_tried_again_with_longer_and_longer_pauses(
        self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = UnreliableStore(real, DOWN)
        eraser = Eraser(store, monkeypatch)
        with pytest.raises(
            StoreUnavailable, match="within 60 s: StoreUnavailable: a fault for the test: before"
        ):
            eraser.delete(erasure())
        assert eraser.sleeper.pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
        assert sum(eraser.sleeper.pauses) == pytest.approx(BUDGET_S)
        store.faults = NONE
        assert eraser.delete(erasure()) == [erasure()]

    def test_an_error_that_should_pass_by_no_means_leaves_nothing_undone(
        self, real: SqliteStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Odd(UnreliableStore):
            def about(self, shopper: str) -> list[Key]:
                self.calls["about"] += 1
                if self.calls["about"] < 3:
                    raise StoreError("an index is missing")
                return super().about(shopper)

        real.put_many(personal("ann"))
        assert Eraser(Odd(real, NONE), monkeypatch).delete(erasure()) == [erasure()]
        assert keys(real) == ["suppressions/ann"]

    @settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        faults=st.builds(
            Faults, before=st.floats(0, 0.3), after=st.floats(0, 0.3), partial=st.floats(0, 0.3)
        ),
        seed=st.integers(0, 2**32),
    )
    def test_an_erasure_is_given_on_only_when_nothing_is_left(
        self, real: SqliteStore, faults: Faults, seed: int
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            real.put_many([*personal("ann"), *personal("ben")])
            eraser = Eraser(UnreliableStore(real, faults, seed=seed), patch)
            given_on: list[Document] = []
            while not given_on:
                with suppress(StoreUnavailable):  # the runner tries again
                    given_on = eraser.delete(erasure())
            assert given_on == [erasure()]
            assert [key.collection for key in real.get_many(real.about("ann"))] == ["suppressions"]
            assert len(real.about("ben")) == len(personal("ben"))
