"""The batch form of the model learns and ranks what the served one does."""

from __future__ import annotations

import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from evaluation_support import named, of_clicks

from evermail import ranking, repeats
from evermail.constants import SERVED
from evermail.evaluation import metrics
from evermail.evaluation.batch.learning import STATES, STEPS, Pairs, Returns, Rows, outlook, returns
from evermail.evaluation.batch.ranking import Cases, Reader
from evermail.evaluation.datasets import Case, DataSet, Ints, Sessions
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.progress import silent
from evermail.profiles import PROFILE_HISTORY

DAY_S = 86_400
START_S = 1_790_000_000


@pytest.fixture(params=range(6))
def data(request: pytest.FixtureRequest, tmp_path: Path) -> DataSet:
    """Long and short sessions of some items within two months, with repeats and clicks at one moment."""
    choose = random.Random(request.param)
    items = choose.choice([8, 30, 90])

    def sessions(count: int) -> list[list[tuple[str, int]]]:
        found = []
        for _ in range(count):
            begun = START_S + choose.randrange(60 * DAY_S)
            clicks = range(choose.choice([1, 2, 3, 8, 70]))
            liked = [f"i{choose.randrange(items)}" for _ in range(12)]
            found.append([(choose.choice(liked), begun + 30 * (at // 2)) for at in clicks])
        return found

    return of_clicks(tmp_path, sessions(60), sessions(12))


def names_of(data: DataSet) -> Ints:
    places = np.empty(len(data.names), np.int64)
    places[np.argsort(np.array(data.names))] = np.arange(len(data.names))
    return places


def learned(data: DataSet, kept: int | None) -> tuple[Evermail, Rows, Returns]:
    served = Evermail() if kept is None else Evermail(kept)
    served.fit(data, silent)
    pairs = Pairs.of(data.train, len(data.names), SERVED.look_back)
    return served, pairs.rows(data.train, names_of(data), SERVED, kept), returns(data.train, SERVED)


@pytest.mark.parametrize("kept", [5, 50])
def test_rows_are_those_of_the_stream(data: DataSet, kept: int) -> None:
    served, rows, _ = learned(data, kept)
    for item, name in enumerate(data.names):
        found = served.rows([name]).get(name)
        held = slice(rows.starts[item], rows.starts[item + 1])
        if found is None:
            assert held.start == held.stop
            continue
        assert named(data, rows.items[held]) == [one.item_id for one in found.neighbors]
        assert rows.weights[held] == pytest.approx([one.weight for one in found.neighbors], rel=1e-12)
        assert rows.totals[item] == pytest.approx(found.total, rel=1e-5)
        assert rows.as_of[item] == found.as_of


def test_returns_are_those_of_the_stream(data: DataSet) -> None:
    served, _, found = learned(data, None)
    row = served.rows([repeats.ROW_ID])[repeats.ROW_ID]
    counts = np.zeros((STATES, repeats.PLACES + 1))
    for entry in row.neighbors:
        many, step, again, place = entry.item_id
        state = (int(many) - 1) * len(STEPS) + STEPS.index(step)
        state = state * (1 + repeats.MOST_RETURNS) + int(again)
        counts[state, repeats.PLACES if place == repeats.NEW else int(place)] = entry.weight
    assert found.as_of == row.as_of
    assert found.counts == pytest.approx(counts, rel=1e-5)


@pytest.mark.parametrize("kept", [5, 50])
def test_scores_are_those_of_an_opened_email(data: DataSet, kept: int) -> None:
    served, rows, again = learned(data, kept)
    cases = list(data.cases)
    reader = Reader(rows, again, names_of(data), np.empty(0, np.int64), SERVED)
    ((place, items, scores),) = reader.scores(Cases.of(cases, len(data.names)))
    for at, case in enumerate(cases):
        profile, now = served.profile(case.history, case.times), case.times[-1]
        expected = ranking.personal(profile, served.read(profile, now), now_us=now)
        found = dict(zip(named(data, items[place == at]), scores[place == at], strict=True))
        assert found == pytest.approx({one.item_id: one.score for one in expected}, rel=1e-5)


def test_ranks_are_those_of_what_is_recommended(data: DataSet) -> None:
    served, rows, again = learned(data, 5)
    cases = list(data.cases)
    numbers = {name: number for number, name in enumerate(data.names)}
    popular = np.array([numbers[one.item_id] for one in served.trending()[0].items])
    reader = Reader(rows, again, names_of(data), popular, SERVED)
    everything, unseen = reader.ranks(Cases.of(cases, len(data.names)), 20)
    for at, case in enumerate(cases):
        for ranks, out in ((everything, set()), (unseen, set(case.history))):
            shown = served.recommend(case, 20, out)
            expected = shown.index(case.target) + 1 if case.target in shown else 0
            assert ranks[at] == expected
    assert metrics.hit_rate(everything, 20).mean() > 0.3


def a_long_session(clicks: int) -> list[Case]:
    items = [at * at % 37 for at in range(clicks)]
    return [Case(0, items, list(range(clicks)), end) for end in range(1, clicks)]


def alone(items: list[int]) -> Sessions:
    return Sessions(np.array(items), np.zeros(len(items), np.int64), np.array([0, len(items)]))


def test_of_a_long_session_each_case_is_what_it_is_alone() -> None:
    cases = a_long_session(150)
    together = Cases.of(cases, 37)
    for at in (1, PROFILE_HISTORY - 1, PROFILE_HISTORY, PROFILE_HISTORY + 1, len(cases) - 1):
        history = list(cases[at].history)
        _, expected, _ = outlook(alone([*history, cases[at].target]), PROFILE_HISTORY)
        states, _, _ = outlook(alone([*history, cases[at].target]))
        assert together.recent[at].tolist() == expected[-1].tolist()
        assert together.states[at] == states[-1]
        own = together.seen[together.seen // 37 == at] % 37
        assert own.tolist() == sorted(set(history))


def test_memory_grows_with_the_length_of_a_session_not_with_its_square() -> None:
    assert peak_of(a_long_session(1200)) < 3 * peak_of(a_long_session(600))


def peak_of(cases: list[Case]) -> int:
    tracemalloc.start()
    try:
        Cases.of(cases, 37)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
