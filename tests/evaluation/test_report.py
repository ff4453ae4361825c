from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_support import of_lines

from evermail.evaluation.models.popularity import Popular, RecentlyViewed
from evermail.evaluation.progress import silent
from evermail.evaluation.protocol import Repeats, counted, measure
from evermail.evaluation.report import Report, report, table

TRAIN = ["a", "a", "a", "b", "b", "c"]
TEST = ["c b a", "a a"]
"""Next items b, a and a. Popularity has them at 2, 1, 1; what was viewed at no place, no place, 1."""


@pytest.fixture
def found(tmp_path: Path) -> Report:
    data = of_lines(tmp_path, TRAIN, TEST)
    cases = counted(data, Repeats.YES)
    outcomes = [
        measure(name, model, data, cases, repeats=Repeats.YES, depth=2, track=silent)
        for name, model in (("pop", Popular()), ("viewed", RecentlyViewed()))
    ]
    return report(data, cases, outcomes, [1, 2], repeats=Repeats.YES)


def test_figures_by_hand(found: Report) -> None:
    assert (found.cases, found.test_sessions, found.train_sessions, found.train_clicks, found.items) == (
        3,
        2,
        6,
        6,
        3,
    )
    popular, viewed = found.models
    assert [at.k for at in popular.at] == [1, 2]
    assert popular.at[0].figures["hr"].value == pytest.approx(2 / 3)
    assert popular.at[1].figures["hr"].value == pytest.approx(1)
    assert popular.at[1].figures["mrr"].value == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert viewed.at[1].figures["hr"].value == pytest.approx(1 / 3)
    assert popular.at[0].coverage == pytest.approx(1 / 3)
    assert popular.at[1].popularity_bias == pytest.approx((3 + 2) / 2 / 3)
    assert viewed.at[0].popularity_bias == pytest.approx((1 + 2 + 3) / 3 / 3)


def test_all_but_the_first_model_are_compared_with_it(found: Report) -> None:
    popular, viewed = found.models
    assert popular.at[0].difference == {}
    difference = viewed.at[1].difference["hr"]
    assert difference.value == pytest.approx(1 / 3 - 1)
    # drawn together: both sessions (2 cases of 3 worse), the first twice (all worse), the last twice (none)
    assert (difference.low, difference.high) == pytest.approx((-1, 0))


def test_cases_by_length_of_history(found: Report) -> None:
    lengths = found.models[0].by_length
    assert [(one.clicks, one.cases) for one in lengths] == [("1", 2), ("2", 1)]
    assert [one.figures["mrr"] for one in lengths] == pytest.approx([(1 / 2 + 1) / 2, 1])


def test_the_table_says_the_same_in_per_cent(found: Report) -> None:
    lines = list(table(found))
    assert lines[0] == "3 cases of 2 sessions, after 6 clicks of 6 sessions on 3 items"
    assert lines[1].startswith("repeats yes: every next item counts")
    assert "no times in these files" in lines[2]
    (head,) = (line for line in lines if "HR@2" in line)
    assert [name for name in head.split() if "@" in name] == ["HR@2", "MRR@2", "NDCG@2"]
    after = lines[lines.index(head) :]
    assert after[1].split()[:2] == ["pop", "100.00"]
    assert after[1].split()[-2:] == ["66.7", "83.3"]
    assert after[3].split()[:5] == ["viewed", "-66.67", "-100.00", "..", "0.00"]
    assert after[3].endswith("against pop")
    assert lines[-2].split() == ["pop", "100.00", "/", "75.00", "100.00", "/", "100.00"]


def test_one_is_not_many(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a"], ["a b"])
    outcome = measure("pop", Popular(), data, data.cases, repeats=Repeats.YES, depth=1, track=silent)
    first, *_ = table(report(data, data.cases, [outcome], [1], repeats=Repeats.YES))
    assert first == "1 case of 1 session, after 1 click of 1 session on 1 item"


def test_columns_stand_below_their_heads_however_long_a_name_is(tmp_path: Path) -> None:
    data = of_lines(tmp_path, TRAIN, TEST)
    outcomes = [
        measure(name, Popular(), data, data.cases, repeats=Repeats.YES, depth=2, track=silent)
        for name in ("pop", "a name of thirty characters or")
    ]
    lines = list(table(report(data, data.cases, outcomes, [2], repeats=Repeats.YES)))
    at = next(place for place, line in enumerate(lines) if "HR@2" in line)
    end = lines[at].index("HR@2") + len("HR@2")
    assert [line[:end].split()[-1] for line in lines[at + 1 : at + 4]] == ["100.00", "100.00", "+0.00"]
