"""Constants are searched on the tail of training sessions, and the search finds what there is to find."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import typer
from evaluation_support import write
from typer.testing import CliRunner, Result

from evermail.constants import SERVED
from evermail.evaluation.models.session_knn import SessionKnn
from evermail.evaluation.progress import silent
from evermail.evaluation.reading import DataError, Format, read_training
from evermail.evaluation.report import Figure
from evermail.evaluation.tuning.command import tune
from evermail.evaluation.tuning.report import Change, Tail, Tuned, table
from evermail.evaluation.tuning.search import search
from evermail.evaluation.tuning.subjects import SUBJECTS, TuneEvermail, TuneModel, as_constants
from evermail.evaluation.tuning.tail import split

app = typer.Typer(rich_markup_mode=None)
app.command()(tune)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def training(folder: Path) -> Path:
    """Forty sessions of four items that follow each other in a circle, with returns."""
    circle = ["a", "b", "c", "d"]
    lines = [" ".join(circle[(at + step) % 4] for step in (0, 1, 0, 2)) for at in range(40)]
    return write(folder / "train.txt", *lines)


class TestSplit:
    def test_the_newest_tenth_is_what_the_others_are_judged_by(self, tmp_path: Path) -> None:
        path = write(tmp_path / "train.txt", *["a b"] * 18, "c d e", "f g")
        tail = split(read_training(path, Format.LINES, silent), 100, seed=1)
        assert len(tail.train) == 18
        told = [([tail.names[one] for one in case.history], tail.names[case.target]) for case in tail.cases]
        assert told == [(["c"], "d"), (["c", "d"], "e"), (["f"], "g")]

    def test_the_newest_by_time_wherever_they_stand_in_the_file(self, tmp_path: Path) -> None:
        rows = [f"{session}\t{item}\t{time}" for session, time in ((1, 900), (2, 100)) for item in "xy"]
        path = write(tmp_path / "train.tsv", "SessionId\tItemId\tTime", *rows)
        tail = split(read_training(path, Format.SESSIONS, silent), 100, seed=1)
        assert set(tail.train.times.tolist()) == {100_000_000}

    def test_as_many_sessions_as_wished_and_the_same_for_the_same_seed(self, tmp_path: Path) -> None:
        read = read_training(write(tmp_path / "train.txt", *["a b"] * 400), Format.LINES, silent)

        def drawn(seed: int) -> list[int]:
            return [case.session for case in split(read, 7, seed).cases]

        assert len(drawn(1)) == 7
        assert drawn(1) == drawn(1) != drawn(2)

    @pytest.mark.parametrize("lines", [["a b"], ["a b"] * 9 + ["c"]])
    def test_too_little_to_split(self, lines: list[str], tmp_path: Path) -> None:
        read = read_training(write(tmp_path / "train.txt", *lines), Format.LINES, silent)
        with pytest.raises(DataError):
            split(read, 100, seed=1)


class TestSearch:
    SPACE = {"x": (0, 1, 2, 3, 4), "y": (0, 1, 2, 3), "z": (0, 1)}
    START = {"x": 0.0, "y": 0.0, "z": 0.0}

    @staticmethod
    def hill(point: Mapping[str, float]) -> float:
        return -((point["x"] - 3) ** 2) - (point["y"] - 2) ** 2 + point["z"]

    def tried(self, budget: int, seed: int = 1) -> list[tuple[dict[str, float], float]]:
        return search(self.SPACE, self.START, self.hill, budget=budget, seed=seed, track=silent)

    def test_the_top_is_found_long_before_all_points_are_tried(self) -> None:
        found, value = max(self.tried(25), key=lambda one: one[1])
        assert (found, value) == ({"x": 3, "y": 2, "z": 1}, 1)

    def test_the_start_comes_first_and_nothing_twice(self) -> None:
        tried = self.tried(25)
        assert tried[0] == (self.START, self.hill(self.START))
        assert len(tried) == len({tuple(point.items()) for point, _ in tried})
        assert 12 < len(tried) <= 25

    def test_no_more_than_there_are(self) -> None:
        assert len(self.tried(1_000)) == 40

    def test_the_same_seed_tries_the_same(self) -> None:
        assert self.tried(20) == self.tried(20)
        assert self.tried(20) != self.tried(20, seed=2)

    def test_a_start_beside_the_grid_is_tried_too(self) -> None:
        tried = search(self.SPACE, {**self.START, "x": 2.5}, self.hill, budget=5, seed=1, track=silent)
        assert tried[0][0]["x"] == 2.5


class TestSubjects:
    def test_every_constant_is_searched(self) -> None:
        assert TuneEvermail.space.keys() == TuneEvermail.start.keys()
        assert as_constants(TuneEvermail.start) == SERVED

    @pytest.mark.parametrize("name", SUBJECTS)
    def test_the_values_in_use_are_among_those_tried(self, name: str) -> None:
        subject = SUBJECTS[name]()
        assert all(subject.start[constant] in values for constant, values in subject.space.items())

    def test_a_model_ranks_as_it_recommends(self, tmp_path: Path) -> None:
        tail = split(read_training(training(tmp_path), Format.LINES, silent), 100, seed=1)
        subject = TuneModel({}, {}, SessionKnn)
        subject.prepare(tail)
        everything, unseen = subject.ranks(0, {"neighbors": 5, "recent_sessions": 5})
        model = SessionKnn(neighbors=5, recent_sessions=5)
        model.fit(tail, silent)
        for at, case in enumerate(tail.cases):
            shown = [*model.recommend(case, 20, ())]
            assert everything[at] == (shown.index(case.target) + 1 if case.target in shown else 0)
            if case.target in case.history:
                assert unseen[at] == 0


class TestCommand:
    @pytest.mark.parametrize("model", SUBJECTS)
    def test_what_is_told(self, model: str, tmp_path: Path) -> None:
        call = ["--train", training(tmp_path), "--format", "lines", "--model", model, "--budget", "4"]
        result = run(*call, "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert found["tried"] == 4
        assert found["value"] >= found["before"] > 0
        assert found["constants"].keys() == SUBJECTS[model]().space.keys()
        start = SUBJECTS[model]().start
        other = [name for name, value in found["constants"].items() if value != start[name]]
        assert [change["constant"] for change in found["changes"]] == other
        assert len(found["lines"]) == len(other)
        (tail,) = found["tails"]
        assert tail["cases"] == 12
        for figure, one in tail["difference"].items():
            assert one["value"] == pytest.approx(tail["after"][figure] - tail["before"][figure])
            assert one["low"] <= one["value"] + 1e-12
        told = run(*call)
        assert f"{model}: 4 sets of constants tried" in told.stdout
        assert "the constants in use" in told.stderr

    def test_whole_numbers_stay_whole(self, tmp_path: Path) -> None:
        call = ["--train", training(tmp_path), "--format", "lines", "--model", "vmisknn", "--budget", "4"]
        found = json.loads(run(*call, "--json").stdout)
        assert all(type(value) is int for value in found["constants"].values())

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--format", "cases"], "cases are for testing"),
            (["--format", "lines", "--format", "lines"], "give one for each --train"),
            (["--format", "lines", "--model", "pop"], "no model 'pop' with constants"),
            (["--format", "lines", "--test", "test.txt"], "No such option"),
        ],
    )
    def test_a_wrong_call(self, arguments: list[str], said: str, tmp_path: Path) -> None:
        result = run("--train", training(tmp_path), *arguments)
        assert result.exit_code == 2
        assert said in result.stderr

    def test_a_file_of_test_cases_is_refused(self, tmp_path: Path) -> None:
        result = run("--train", write(tmp_path / "cases.tsv", "a b\tc"), "--format", "lines")
        assert result.exit_code == 2
        assert "cases.tsv, line 1: a tab" in result.stderr


class TestReport:
    FIGURE = Figure(0.01, 0.0, 0.02)

    def tuned(self, **constants: float) -> Tuned:
        subject = TuneEvermail()
        return Tuned(
            model="evermail",
            tried=9,
            seed=1,
            before=0.4,
            value=0.5,
            constants={**subject.start, **constants},
            changes=[Change(name, subject.start[name], value, 0.45) for name, value in constants.items()],
            tails=[Tail("a.txt", 3, {"hr@20": 0.4}, {"hr@20": 0.41}, {"hr@20": self.FIGURE})],
            file=subject.file,
            lines=[subject.line(name, value) for name, value in constants.items()],
        )

    def test_each_change_has_its_old_and_new_value_and_what_it_is_worth(self) -> None:
        told = list(table(self.tuned(look_back=3, lift=0.3)))
        head = next(at for at, line in enumerate(told) if line.startswith("constant"))
        assert told[head].split()[:4] == ["constant", "from", "to", "score"]
        assert told[head + 1].split() == ["look_back", "4", "3", "45.000"]
        assert told[head + 2].split() == ["lift", "0.4", "0.3", "45.000"]
        assert told[-2:] == ["    look_back: int = 3", "    lift: float = 0.3"]

    def test_if_nothing_is_better_there_is_nothing_to_paste(self) -> None:
        assert list(table(self.tuned()))[-1] == "Nothing that was tried is better than the constants in use."

    def test_the_lines_fit_into_the_file_and_have_their_effect(self) -> None:
        better = {"half_life_days": 90.0, "look_back": 3, "lift": 0.3}
        found = self.tuned(**better)
        root = Path(__file__).parents[2]
        source = (root / found.file).read_text(encoding="utf-8").splitlines()
        for line in found.lines:
            begins = line.partition("=")[0] + "="
            [at] = [at for at, old in enumerate(source) if old.startswith(begins)]
            source[at] = line
        module: dict[str, object] = {"__name__": "evermail.constants"}
        exec(compile("\n".join(source), found.file, "exec"), module)
        assert msgspec.structs.asdict(module["SERVED"]) == found.constants

    @pytest.mark.parametrize("name", SUBJECTS)
    def test_every_constant_has_a_line_in_its_file(self, name: str) -> None:
        subject = SUBJECTS[name]()
        lines = (Path(__file__).parents[2] / subject.file).read_text(encoding="utf-8").splitlines()
        assert all(subject.line(constant, value) in lines for constant, value in subject.start.items())
