from __future__ import annotations

import numpy as np
import pytest

from evermail.evaluation.bootstrap import intervals

RANDOM = np.random.default_rng(7)
SESSIONS = np.repeat(np.arange(200), 3)
VALUES = RANDOM.random((600, 2))


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, again = intervals(VALUES, SESSIONS, seed=3), intervals(VALUES, SESSIONS, seed=3)
    assert first.tolist() == again.tolist()
    assert intervals(VALUES, SESSIONS, seed=4).tolist() != first.tolist()


def test_an_interval_holds_the_mean_and_is_as_wide_as_theory_says() -> None:
    low, high = intervals(VALUES, SESSIONS)
    mean = VALUES.mean(axis=0)
    assert (low < mean).all()
    assert (mean < high).all()
    by_session = VALUES.reshape(200, 3, 2).mean(axis=1)
    error = by_session.std(axis=0, ddof=1) / np.sqrt(200)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_whole_sessions_are_drawn() -> None:
    """Cases of a session that all say the same count as one, not as ten."""
    values = (np.arange(40) % 2).astype(np.float64)[:, None]
    narrow = intervals(np.repeat(values, 10, axis=0), np.arange(400))
    wide = intervals(np.repeat(values, 10, axis=0), np.repeat(np.arange(40), 10))
    assert wide[1] - wide[0] > 2 * (narrow[1] - narrow[0])


def test_columns_are_drawn_together() -> None:
    """A constant difference has no spread, however much both figures have."""
    first = VALUES[:, 0]
    low, high = intervals(np.stack([first, first - (first - 0.5)], axis=1), SESSIONS)
    assert high[0] - low[0] > 0.01
    assert low[1] == pytest.approx(0.5)
    assert high[1] == pytest.approx(0.5)


def test_sessions_need_not_be_numbered_or_sorted() -> None:
    order = RANDOM.permutation(600)
    shuffled = intervals(VALUES[order], SESSIONS[order] * 5 + 1)
    assert shuffled == pytest.approx(intervals(VALUES, SESSIONS))
