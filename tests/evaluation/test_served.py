"""What is measured is what is served."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from evaluation_support import named, of_clicks, of_lines

from evermail import clock, repeats
from evermail.constants import SERVED
from evermail.documents import Product
from evermail.evaluation.datasets import DataSet
from evermail.evaluation.models import served
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.progress import silent
from evermail.interest import HALF_LIFE_US
from evermail.serving import Recommender
from evermail.stores import open_store
from pipeline.config import JobConfig
from pipeline.neighbors import STATE_FACTOR
from pipeline.trending import STATE_ITEMS

DAY_S = 86_400
START_S = 1_790_000_000


def learned(data: DataSet) -> Evermail:
    model = Evermail()
    model.fit(data, silent)
    return model


@pytest.fixture(params=range(4))
def data(request: pytest.FixtureRequest, tmp_path: Path) -> DataSet:
    """Sessions of twenty items within two months, with repeats and clicks at one moment."""
    choose = random.Random(request.param)

    def sessions(count: int) -> list[list[tuple[str, int]]]:
        found = []
        for _ in range(count):
            begun = START_S + choose.randrange(60 * DAY_S)
            clicks = range(choose.randint(1, 30))
            found.append([(f"i{choose.randrange(20)}", begun + 30 * (at // 2)) for at in clicks])
        return found

    return of_clicks(tmp_path, sessions(30), sessions(5))


def test_the_job_keeps_as_much_by_default() -> None:
    config = JobConfig(store_url="sqlite://")
    assert config.neighbors_kept == served.NEIGHBORS_KEPT
    assert served.STATE_FACTOR == STATE_FACTOR
    assert config.trending_kept == served.TRENDING_KEPT
    assert config.trending_half_life_us == served.TRENDING_HALF_LIFE_US
    assert STATE_ITEMS == served.TRENDING_IN_STATE


def test_rows_are_the_formula_written_out(data: DataSet) -> None:
    """R[i][j] += 1/d and R[j][i] += 0.75/d for the d-th previous distinct item i, d up to 4, faded to now."""
    last: dict[str, int] = {}
    pairs: list[tuple[str, str, float, int]] = []
    for items, times in data.train:
        names = named(data, items)
        for at, (item, time) in enumerate(zip(names, times, strict=True)):
            last[item] = max(last.get(item, 0), time)
            before = [one for one in dict.fromkeys(reversed(names[:at])) if one != item]
            for distance, earlier in enumerate(before[: SERVED.look_back], start=1):
                pairs.append((earlier, item, 1 / distance, time))
                pairs.append((item, earlier, SERVED.backward / distance, time))
    expected: dict[str, dict[str, float]] = {item: {} for item in last}
    for item, other, weight, time in pairs:
        faded = weight * 2 ** ((time - last[item]) / HALF_LIFE_US)
        expected[item][other] = expected[item].get(other, 0.0) + faded

    rows = learned(data).all_rows()
    del rows[repeats.ROW_ID]
    found = {item: {one.item_id: one.weight for one in row.neighbors} for item, row in rows.items()}
    assert found.keys() == expected.keys()
    for item, row in expected.items():
        assert found[item] == pytest.approx(row, rel=1e-4)
        assert rows[item].as_of == last[item]


def test_an_opened_email_shows_the_same(data: DataSet, tmp_path: Path) -> None:
    model = learned(data)
    store = open_store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    products = [_product(name) for name in data.names]
    store.put_many([*model.all_rows().values(), *model.trending(), *products])
    for version, case in enumerate(data.cases):
        now = case.times[-1]
        profile = msgspec.structs.replace(model.profile(case.history, case.times), id="ann", version=version)
        store.put_many([profile])
        answer = Recommender(store, clock=clock.Stopped(now), monotonic=lambda: 0.0).recommend("ann", slots=6)
        assert named(data, model.recommend(case, 6, ())) == [item.item_id for item in answer.items]


def test_popular_items_fill_up_but_not_the_current_one(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a", "a", "a", "b", "b", "x y"], ["a x"])
    (case,) = data.cases
    model = learned(data)
    assert named(data, model.recommend(case, 4, ())) == ["a", "b", "x", "y"]
    assert named(data, model.recommend(case, 4, {data.names.index("b")})) == ["a", "x", "y"]
    assert named(data, model.recommend(case, 4, {data.names.index("a")})) == ["b", "x", "y"]


def test_items_that_training_lacks_are_reminders_at_most(tmp_path: Path) -> None:
    data = of_lines(tmp_path, ["a b", "a b"], ["new newer newest"])
    *_, case = data.cases
    assert named(data, learned(data).recommend(case, 5, ())) == ["new", "newer", "a", "b"]


def _product(item_id: str) -> Product:
    return Product(
        id=item_id,
        version=1,
        updated_at=1,
        title=item_id,
        url="https://shop.example/",
        image_url="https://shop.example/i.jpg",
        price=1.0,
        currency="EUR",
    )
