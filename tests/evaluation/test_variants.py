"""The same model over a range: bounds of rows, and how far it is behind."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import typer
from evaluation_support import named, of_clicks, of_lines, write
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from evermail.clock import SECOND
from evermail.evaluation import variants
from evermail.evaluation.chart import LINE_HEIGHT, Line, line_chart, ticks
from evermail.evaluation.command import evaluate
from evermail.evaluation.datasets import Case, DataSet
from evermail.evaluation.models.lagging import Lagging
from evermail.evaluation.models.served import Evermail
from evermail.evaluation.progress import silent

app = typer.Typer(rich_markup_mode=None)
app.command()(evaluate)

HEADER = "SessionId\tItemId\tTime"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


class TestBounds:
    def test_a_row_keeps_so_many_neighbours(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["a b c d e", "a b"], ["a b"])
        lengths = {}
        for name, make in variants.by_bound("1,3,all").items():
            model = make()
            assert isinstance(model, Evermail)
            model.fit(data, silent)
            lengths[name] = len(model.rows(["a"])["a"].neighbors)
        assert lengths == {"rows 1": 1, "rows 3": 3, "rows all": 4}

    @pytest.mark.parametrize("written", ["", "0", "-1", "ten", "5,"])
    def test_what_is_no_bound(self, written: str) -> None:
        with pytest.raises(ValueError):
            variants.by_bound(written)


class TestLags:
    """In training x came after a. While it is tested another shopper goes from a to n, at 1,000 s."""

    @pytest.fixture
    def data(self, tmp_path: Path) -> DataSet:
        train = [[("a", 1), ("x", 2)], [("n", 1), ("x", 2)]]
        test = [
            [("a", 990), ("n", 1_000), ("a", 1_010), ("n", 1_020), ("x", 1_030)],
            [("a", 2_000), ("n", 2_010)],
        ]
        return of_clicks(tmp_path, train, test)

    def shown(self, data: DataSet, lag_s: int, at: Case, *, all_of_it: bool = False) -> list[str]:
        model = Lagging(lag_s * SECOND, all_of_it=all_of_it)
        model.fit(data, silent)
        return named(data, model.recommend(at, 10, {at.history[-1]}))

    def test_rows_hold_what_happened_longer_ago_than_the_lag(self, data: DataSet) -> None:
        last = list(data.cases)[-1]
        assert set(self.shown(data, 0, last)) == {"n", "x"}
        assert self.shown(data, 1_100, last)[0] == "x"
        assert self.shown(data, 0, last)[0] == "n"

    def test_nothing_is_known_before_it_happens(self, data: DataSet) -> None:
        first = next(iter(data.cases))
        assert self.shown(data, 0, first)[0] == "x"

    def test_a_profile_that_is_behind_shows_what_is_popular(self, data: DataSet) -> None:
        last = list(data.cases)[-1]
        now = self.shown(data, 0, last, all_of_it=True)
        assert now == self.shown(data, 0, last)
        assert self.shown(data, 1_500, last, all_of_it=True)[0] == "x"  # seen twice in training

    def test_without_times_nothing_lags(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError):
            Lagging(0, all_of_it=False).fit(of_lines(tmp_path, ["a b"], ["a b"]), silent)

    @pytest.mark.parametrize("written", ["", "1", "h", "1y", "-1h", "1h,"])
    def test_what_is_no_lag(self, written: str) -> None:
        with pytest.raises(ValueError):
            variants.by_lag(written)


class TestChart:
    SPACE = "{http://www.w3.org/2000/svg}"

    def texts(self, drawn: str) -> dict[str, tuple[float, float]]:
        """Where each text stands; those of the axes that are turned or moved stand nowhere."""
        found = ET.fromstring(drawn).iter(f"{self.SPACE}text")
        return {text.text or "": (float(text.get("x", "nan")), float(text.get("y", "nan"))) for text in found}

    def test_a_point_for_each_step_of_each_line_the_higher_the_higher_up(self) -> None:
        lines = [Line("HR", [50.0, 25.0]), Line("MRR", [10.0, 0.0], hue=1, dashed=True)]
        drawn = line_chart("A & B", ["0s", "1h"], lines, across="behind", up="HR, %")
        first, second = (
            [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
            for line in ET.fromstring(drawn).iter(f"{self.SPACE}polyline")
        )
        assert first[0][0] == second[0][0] < first[1][0]
        assert first[0][1] < first[1][1] < second[0][1] < second[1][1]
        assert {"A & B", "0s", "1h", "HR", "MRR", "behind", "HR, %", "50.0", "25.0"} <= self.texts(
            drawn
        ).keys()

    def test_names_stand_beside_the_ends_of_their_lines_and_apart(self) -> None:
        lines = [Line("low", [1.0, 20.0]), Line("high", [1.0, 20.5]), Line("far", [1.0, 60.0])]
        told = self.texts(line_chart("t", ["a", "b"], lines, across="x", up="y"))
        heights = [told[name][1] for name in ("far", "high", "low")]
        assert heights == sorted(heights)
        assert heights[2] - heights[1] >= LINE_HEIGHT

    def test_values_that_would_cover_each_other_are_written_once(self) -> None:
        lines = [Line("one", [50.0]), Line("other", [49.9]), Line("far", [10.0])]
        told = self.texts(line_chart("t", ["a"], lines, across="x", up="y"))
        assert {"50.0", "10.0"} <= told.keys()
        assert "49.9" not in told

    @given(st.floats(min_value=1e-3, max_value=100))
    def test_ticks_are_few_round_and_hold_the_highest_value(self, highest: float) -> None:
        found = ticks(highest)
        assert found[0] == 0
        assert found[-2] < highest <= found[-1] * (1 + 1e-9)
        assert 2 <= len(found) <= 7
        assert f"{found[1]:e}"[0] in "125"

    def test_without_a_hit_there_is_an_axis_all_the_same(self) -> None:
        assert ticks(0.0) == [0.0, 1.0]


class TestCommand:
    @pytest.fixture
    def files(self, tmp_path: Path) -> list[str | Path]:
        train = write(tmp_path / "train.tsv", HEADER, "1\ta\t1", "1\tb\t2", "2\ta\t3", "2\tb\t4")
        test = write(tmp_path / "test.tsv", HEADER, "8\ta\t20", "8\tb\t21", "9\ta\t30", "9\tb\t31")
        return ["--train", train, "--test", test, "--format", "sessions"]

    @pytest.mark.parametrize(
        ("option", "names", "drawn"),
        [
            ("--rows=1,all", ["rows 1", "rows all"], ["neighbours kept in a row", ">all<", ">HR@20<"]),
            (
                "--lag=0s,1h",
                ["rows 0s", "rows 1h", "all 0s", "all 1h"],
                ["behind the clicks", ">1 h<", ">HR@20, only rows behind<", ">MRR@20, profile behind too<"],
            ),
        ],
    )
    def test_a_table_and_a_chart(
        self, option: str, names: list[str], drawn: list[str], files: list[str | Path], tmp_path: Path
    ) -> None:
        path = tmp_path / "chart.svg"
        result = run(*files, option, "--chart", path)
        assert result.exit_code == 0, result.output
        assert all(f"\n{name} " in result.stdout for name in names)
        svg = path.read_text(encoding="utf-8")
        assert all(text in svg for text in ["test.tsv", "HR@20 and MRR@20, %", *drawn])

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--rows", "x"], "'x' is not like 10,50,all"),
            (["--lag", "x"], "'x' is not like 0s,1h,48h"),
            (["--rows", "1", "--lag", "1h"], "not together with --rows"),
            (["--chart", "a.svg"], "needs --rows or --lag"),
        ],
    )
    def test_a_wrong_call(self, options: list[str], said: str, files: list[str | Path]) -> None:
        result = run(*files, *options)
        assert result.exit_code == 2
        assert said in result.stderr

    def test_no_lag_without_times(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt", "a b")
        result = run("--train", path, "--test", path, "--format", "lines", "--lag", "1h")
        assert result.exit_code == 2
        assert "needs times: --format sessions" in result.stderr
