"""Rows of neighbours: changes add up whatever their order, and one document an interval tells the sum."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streaming_support import (
    NOW,
    Collected,
    Stream,
    config,
    counters,
    event,
    pipeline,
    run,
    stream_clock,
    totals,
)

from evermail import repeats
from evermail.clock import DAY, SECOND
from evermail.decay import UNIT, DecayedRow
from evermail.documents import SHARED_RETENTION_US, Neighbor, Neighbors
from evermail.interest import RowUpdate, pack_all
from evermail.stores.sqlite import SqliteStore
from pipeline import names, neighbors
from pipeline.neighbors import CountNeighbors, NeighborsFn
from pipeline.rows import FOLD_EVERY
from pipeline.shoppers import Shoppers

Rows = Callable[..., list[Neighbors]]

FOREVER = 10**6 * DAY
"""A half-life so long that weights stay what they were."""


@pytest.fixture
def rows(collected: Collected, monkeypatch: pytest.MonkeyPatch) -> Rows:
    """Runs a stream of (item id, RowUpdate) through the transform."""

    def run_(stream: Stream, half_life_us: int = FOREVER, **changes: Any) -> list[Neighbors]:
        monkeypatch.setattr(neighbors, "HALF_LIFE_US", half_life_us)
        job = config(**changes)
        p = pipeline()
        p | stream.source() | CountNeighbors(job) | collected.into("rows")
        run(p)
        return collected["rows"]

    return run_


def update(row: str, at: float = 0.0, *, touched: bool = True, **weights: float) -> tuple[str, bytes]:
    amounts = [(item_id, round(weight * UNIT)) for item_id, weight in weights.items()]
    return row, pack_all([RowUpdate(NOW + round(at * SECOND), touched, amounts).pack()])


def test_many_changes_make_one_document(rows: Rows) -> None:
    stream = Stream()
    for at in range(10):
        stream.arrives(update("A", at, B=1.0), update("A", at, C=0.5))
    (row,) = rows(stream.passes())
    assert isinstance(row, Neighbors)
    assert (row.id, row.updated_at, row.as_of) == ("A", NOW, NOW + 9 * SECOND)
    assert totals(row.neighbors) == {"B": 10.0, "C": 5.0}
    assert row.total == 15.0


def test_a_row_is_written_once_an_interval(rows: Rows) -> None:
    stream = Stream().arrives(update("A", B=1.0)).passes(0.25).arrives(update("A", B=1.0)).passes(0.25)
    stream.arrives(update("A", C=1.0)).passes()
    first, second = rows(stream)
    assert totals(first.neighbors) == {"B": 2.0}
    assert totals(second.neighbors) == {"B": 2.0, "C": 1.0}
    assert second.version > first.version >= NOW


def test_without_changes_nothing_is_written_again(rows: Rows) -> None:
    assert len(rows(Stream().arrives(update("A", B=1.0)).passes().passes().passes())) == 1


def test_rows_of_two_items_do_not_mix(rows: Rows) -> None:
    stream = Stream().arrives(update("A", B=1.0), update("B", A=0.5)).passes()
    assert {row.id: totals(row.neighbors) for row in rows(stream)} == {"A": {"B": 1.0}, "B": {"A": 0.5}}


def test_the_order_of_changes_does_not_matter(rows: Rows) -> None:
    changes = [update("A", -3 * 3600, B=3.0), update("A", -60, B=0.3, C=1.0), update("A", 0, C=-0.5, D=0.1)]
    stream = Stream()
    for step in zip(*permutations(changes), strict=True):
        stream.arrives(*((f"row {number}", change) for number, (_, change) in enumerate(step)))
    found = rows(stream.passes(), half_life_us=3600 * SECOND)
    assert len(found) == 6
    assert len({(row.as_of, row.total, tuple(row.neighbors)) for row in found}) == 1


def test_weights_fade_by_half_in_a_half_life(rows: Rows) -> None:
    stream = Stream().arrives(update("A", -2 * 3600, B=8.0), update("A", 0, C=1.0)).passes()
    (row,) = rows(stream, half_life_us=3600 * SECOND)
    assert totals(row.neighbors) == pytest.approx({"B": 2.0, "C": 1.0})


def test_only_a_touch_of_the_item_itself_moves_the_time_of_its_row(rows: Rows) -> None:
    stream = Stream().arrives(update("A", -60, B=1.0), update("A", -5, touched=False, C=1.0)).passes()
    (row,) = rows(stream)
    assert row.as_of == NOW - 60 * SECOND


def test_what_is_taken_back_leaves_nothing(rows: Rows) -> None:
    stream = (
        Stream().arrives(update("A", -5, B=1.0)).passes().arrives(update("A", -5, B=-1.0, C=1.0)).passes()
    )
    *_, row = rows(stream)
    assert totals(row.neighbors) == {"C": 1.0}


def test_the_heaviest_are_kept(rows: Rows) -> None:
    stream = Stream().arrives(*(update("A", **{f"N{weight}": float(weight)}) for weight in range(1, 8)))
    (row,) = rows(stream.passes(), neighbors_kept=3)
    assert totals(row.neighbors) == {"N7": 7.0, "N6": 6.0, "N5": 5.0}
    assert row.total == 28.0


def test_the_row_of_returns_is_kept_whole(rows: Rows) -> None:
    entries = {f"{at // 10}n{at % 10}{place}": 1.0 for at in range(40) for place in "0-"}
    (row,) = rows(Stream().arrives(update(repeats.ROW_ID, **entries)).passes(), neighbors_kept=3)
    assert totals(row.neighbors) == entries


def test_an_item_seen_alone_has_no_row(rows: Rows) -> None:
    assert rows(Stream().arrives(update("A")).passes()) == []


def test_duplicates_and_refused_events_count_for_nothing(
    collected: Collected, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "HALF_LIFE_US", FOREVER)
    first, second = event("A", at=-20), event("B", at=-10)
    collision, late = event("C", at=-5, event_id=second.event_id), event("D", at=-7200)
    p = pipeline()
    stream = Stream().arrives(first, second).arrives(second, first, collision, late).arrives(second).passes()
    job = config()
    shopped = p | stream.source() | Shoppers(job)
    shopped.row_updates | CountNeighbors(job) | collected.into("rows")
    run(p)
    # B was seen right after A: 1 forwards, three quarters of that backwards, and one step to a new item
    assert {row.id: totals(row.neighbors) for row in collected["rows"]} == {
        "A": {"B": 1.0},
        "B": {"A": 0.75},
        repeats.ROW_ID: {"1n0-": 1.0},
    }


def test_a_row_that_nothing_changes_is_forgotten(rows: Rows) -> None:
    stream = Stream().arrives(update("A", B=1.0)).passes().watermark(SHARED_RETENTION_US / SECOND + 1)
    first, second = rows(stream.arrives(update("A", C=1.0)).passes())
    assert totals(first.neighbors) == {"B": 1.0}
    assert totals(second.neighbors) == {"C": 1.0}


def test_a_row_expires_in_the_store_as_well(rows: Rows) -> None:
    (row,) = rows(Stream().arrives(update("A", B=1.0)).passes())
    assert row.expire_at == NOW + SHARED_RETENTION_US


def test_a_row_that_was_written_and_is_empty_now_is_written_empty(rows: Rows) -> None:
    stream = Stream().arrives(update("A", B=1.0)).passes().arrives(update("A", B=-1.0)).passes()
    first, second = rows(stream)
    assert totals(first.neighbors) == {"B": 1.0}
    assert (second.neighbors, second.version > first.version) == ([], True)


def test_a_row_that_was_never_more_than_touched_is_not_written(rows: Rows) -> None:
    assert rows(Stream().arrives(update("A")).passes()) == []


class TestSmallChanges:
    """A row whose head ranks as it did waits with its document."""

    SETTLE = 600 * SECOND
    FIRST = update("A", -60, B=8.0, C=4.0)
    MORE = update("A", -50, B=0.5)

    def test_it_is_not_written_for_a_change_that_changes_no_ranking(self, rows: Rows) -> None:
        stream = Stream().arrives(self.FIRST).passes()
        for _ in range(3):
            stream.arrives(self.MORE).passes(100)
        first, drained = rows(stream, neighbors_settle_us=self.SETTLE)
        assert totals(first.neighbors) == {"B": 8.0, "C": 4.0}
        assert totals(drained.neighbors) == {"B": 9.5, "C": 4.0}  # when the stream ends

    def test_it_is_written_when_it_has_waited_long_enough(self, rows: Rows) -> None:
        stream = Stream().arrives(self.FIRST).passes().arrives(self.MORE).passes().passes(601)
        _, row = rows(stream, neighbors_settle_us=self.SETTLE)
        assert totals(row.neighbors) == {"B": 8.5, "C": 4.0}

    def test_waiting_longer_for_nothing_writes_nothing(self, rows: Rows) -> None:
        stream = Stream().arrives(self.FIRST).passes().arrives(self.MORE).passes().passes(601).passes(2000)
        assert len(rows(stream, neighbors_settle_us=self.SETTLE)) == 2

    def test_many_small_changes_do_not_put_it_off(self, rows: Rows) -> None:
        stream = Stream().arrives(self.FIRST).passes()
        for _ in range(9):
            stream.arrives(update("A", -50, B=0.1)).passes(100)
        _, row, _ = rows(stream, neighbors_settle_us=self.SETTLE)
        assert 8.5 < totals(row.neighbors)["B"] < 8.9

    def test_a_change_of_the_ranking_takes_what_waits_with_it(self, rows: Rows) -> None:
        stream = Stream().arrives(self.FIRST).passes().arrives(self.MORE).passes()
        stream.arrives(update("A", -40, C=9.0)).passes()
        _, row = rows(stream, neighbors_settle_us=self.SETTLE)
        assert totals(row.neighbors) == {"B": 8.5, "C": 13.0}


class _FewReadings:
    """A wall clock that a job which never ends cannot go on reading."""

    left = 0

    def __call__(self) -> int:
        assert _FewReadings.left, "the job reads the clock again and again"
        _FewReadings.left -= 1
        return NOW


class TestWhatComesToNothing:
    """A change that shows in no ranking waits; then it is taken back, and no document ever told of it."""

    WAITS, BACK = update("A", -5, C=-0.5), update("A", -5, C=0.5)

    @pytest.mark.usefixtures("every_bundle_counts")
    @pytest.mark.parametrize(
        "stream",
        [
            Stream().arrives(WAITS).passes().arrives(BACK).passes(),
            Stream().arrives(WAITS).passes().arrives(BACK).passes(700),
            Stream().arrives(WAITS).passes().arrives(BACK),
        ],
        ids=["by a flush", "after it waited long enough", "by the end"],
    )
    def test_nothing_is_written_and_the_job_comes_to_rest(self, stream: Stream, collected: Collected) -> None:
        _FewReadings.left = 50
        job = config(neighbors_settle_us=600 * SECOND, wall_clock=_FewReadings())
        p = pipeline()
        p | stream.source() | CountNeighbors(job) | collected.into("rows")
        counted = counters(run(p))
        assert collected["rows"] == []
        assert counted[names.ROWS_WAITING] == counted[names.ROWS_WAITED] == 1
        assert counted[names.ROW_FLUSHES_DUE] == counted[names.ROW_FLUSHES_DONE] == 2

    def test_the_row_begins_anew(self, rows: Rows) -> None:
        stream = Stream().arrives(self.WAITS).passes().arrives(self.BACK).passes()
        (row,) = rows(stream.arrives(update("A", B=1.0)).passes(), neighbors_settle_us=600 * SECOND)
        assert totals(row.neighbors) == {"B": 1.0}


@pytest.mark.usefixtures("every_bundle_counts")
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["passes", -1.0, -0.5, 0.5, 1.0]), max_size=8))
def test_whatever_comes_and_goes_the_job_comes_to_rest(steps: list[str | float]) -> None:
    stream = Stream()
    for step in steps:
        stream.passes() if step == "passes" else stream.arrives(update("A", B=step))
    _FewReadings.left = 50
    p, collected = pipeline(), Collected()
    slow = config(neighbors_settle_us=600 * SECOND, wall_clock=_FewReadings())
    p | stream.source() | CountNeighbors(slow) | collected.into("rows")
    counted = counters(run(p))
    assert counted[names.ROWS_WAITING] == counted[names.ROWS_WAITED]
    assert counted[names.ROW_FLUSHES_DUE] == counted[names.ROW_FLUSHES_DONE]
    weight = sum(step for step in steps if step != "passes")
    assert [totals(row.neighbors) for row in collected["rows"][-1:] if row.neighbors] == (
        [{"B": weight}] if weight > 0 else []
    )


class TestBusyRows:
    """What is put aside is worked in before its time, now and then; the document keeps its time."""

    CHANGES = 4 * FOLD_EVERY

    def stream(self) -> Stream:
        stream = Stream()
        for at in range(0, self.CHANGES, 64):
            stream.arrives(*(update("A", (at + n) / 1000, B=1.0) for n in range(64))).passes(0.001)
        return stream

    def test_they_are_written_once_an_interval(self, rows: Rows) -> None:
        (row,) = rows(self.stream().passes(3600), neighbors_flush_us=3000 * SECOND)
        assert totals(row.neighbors) == {"B": float(self.CHANGES)}

    def test_they_do_not_pile_up_what_they_put_aside(
        self, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken_at, take = [], NeighborsFn.take

        def watched(self: NeighborsFn, row: DecayedRow, packed: bytes) -> None:
            taken_at.append(stream_clock())
            take(self, row, packed)

        monkeypatch.setattr(NeighborsFn, "take", watched)
        rows(self.stream().passes(3600), neighbors_flush_us=3000 * SECOND)
        assert len(taken_at) == self.CHANGES
        assert sum(at < SECOND for at in taken_at) > self.CHANGES / 2

    @pytest.mark.usefixtures("every_bundle_counts")
    def test_a_flush_counts_once_however_often_its_row_was_worked_in(self, collected: Collected) -> None:
        p = pipeline()
        job = config(neighbors_flush_us=3000 * SECOND)
        p | self.stream().passes(3600).source() | CountNeighbors(job) | collected.into("rows")
        counted = counters(run(p))
        assert counted[names.ROW_FLUSHES_DUE] == counted[names.ROW_FLUSHES_DONE] == 1
        assert counted[names.ROW_UPDATES_TAKEN] == self.CHANGES


class TestBootstrap:
    """A job without state goes on from what the store holds."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> SqliteStore:
        return SqliteStore(tmp_path / "store.sqlite3", clock=lambda: NOW)

    def settings(self, store: SqliteStore) -> dict[str, Any]:
        return {"store_url": f"sqlite:///{store.path}", "bootstrap": True, "neighbors_kept": 2}

    def test_a_new_job_adds_to_a_stored_row(self, rows: Rows, store: SqliteStore) -> None:
        (before,) = rows(
            Stream().arrives(update("A", -60, B=3.0, C=2.0, D=1.0)).passes(), **self.settings(store)
        )
        store.put_many([before])
        *_, after = rows(Stream().arrives(update("A", -30, D=5.0, E=0.5)).passes(), **self.settings(store))
        assert totals(after.neighbors) == {"D": 6.0, "B": 3.0}
        assert after.total == 11.5  # what the document did not show was remembered as well
        assert after.version > before.version

    def test_a_row_without_memory_goes_on_from_what_it_shows(self, rows: Rows, store: SqliteStore) -> None:
        store.put_many(
            [Neighbors(id="A", version=5, updated_at=5, as_of=NOW, total=9.0, neighbors=[Neighbor("B", 3.0)])]
        )
        (after,) = rows(Stream().arrives(update("A", 0, C=1.0)).passes(), **self.settings(store))
        assert totals(after.neighbors) == {"B": 3.0, "C": 1.0}

    def test_a_busy_row_remembers_what_the_store_shows(self, rows: Rows, store: SqliteStore) -> None:
        store.put_many([Neighbors(id="A", version=NOW + 9, updated_at=5, as_of=NOW, total=0.0, neighbors=[])])
        (after,) = rows(TestBusyRows().stream().passes(3600), **self.settings(store))
        assert after.version == NOW + 10

    def test_it_may_be_told_to_begin_from_nothing(self, rows: Rows, store: SqliteStore) -> None:
        store.put_many([Neighbors(id="A", version=5, updated_at=5, as_of=NOW, total=0.0, neighbors=[])])
        (after,) = rows(
            Stream().arrives(update("A", 0, C=1.0)).passes(), **{**self.settings(store), "bootstrap": False}
        )
        assert totals(after.neighbors) == {"C": 1.0}
