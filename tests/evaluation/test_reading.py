from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from evaluation_support import named, of_clicks, of_lines, write
from hypothesis import given
from hypothesis import strategies as st

from evermail.clock import DAY
from evermail.evaluation.datasets import DataSet
from evermail.evaluation.progress import silent
from evermail.evaluation.reading import DataError, Format, read

HEADER = "SessionId\tItemId\tTime"


def cases(data: DataSet) -> list[tuple[str, str]]:
    return [(" ".join(named(data, case.history)), data.names[case.target]) for case in data.cases]


class TestSessions:
    def test_each_click_but_the_first_is_a_next_item(self, tmp_path: Path) -> None:
        data = of_clicks(tmp_path, [[("1", 5), ("2", 6)]], [[("1", 1), ("2", 2), ("3", 3)], [("4", 1)]])
        assert cases(data) == [("1", "2"), ("1 2", "3")]

    def test_clicks_are_sorted_by_time_and_sessions_by_their_end(self, tmp_path: Path) -> None:
        data = of_clicks(tmp_path, [[("1", 9), ("2", 5)], [("3", 7), ("4", 8)]], [[("2", 2), ("1", 1)]])
        assert [named(data, items) for items, _ in data.train] == [["3", "4"], ["2", "1"]]
        assert [times for _, times in data.train] == [[7_000_000, 8_000_000], [5_000_000, 9_000_000]]
        assert cases(data) == [("1", "2")]

    def test_columns_are_found_by_name(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tsv", "Time\tExtra\tItemId\tSessionId", "5\tx\t1\ts", "6\tx\t2\ts")
        data = read(path, path, Format.SESSIONS, silent)
        assert cases(data) == [("1", "2")]

    @pytest.mark.parametrize(
        ("written", "unit"),
        [
            ("1592337718.5", "seconds"),
            ("1592337718500", "milliseconds"),
            ("1592337718500000", "microseconds"),
        ],
    )
    def test_the_unit_of_times_is_told_from_their_size(self, tmp_path: Path, written: str, unit: str) -> None:
        path = write(tmp_path / "a.tsv", HEADER, f"1\t1\t{written}", f"1\t2\t{written}")
        data = read(path, path, Format.SESSIONS, silent)
        assert data.train.times.tolist() == [1_592_337_718_500_000] * 2
        assert f"a.tsv: times are read as {unit}, by their size" in data.notes

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            ([], "is empty: it needs a header and lines of SessionId, ItemId, Time"),
            (["1\t1\t5"], "line 1: no column SessionId, ItemId, Time; begin with a header"),
            (["SessionId\tItemId\tItemId\tTime"], "line 1: 2 columns are called ItemId; give one"),
            (["SessionId\tItemId", "1\t1"], "line 1: no column Time"),
            ([HEADER], "holds no click"),
            ([HEADER, "1\t1\t5", "1 1 5"], "line 3: '1 1 5' has 1 columns, the header 3; separate"),
            ([HEADER, "1\t1\t5\tx"], "line 2: '1\\t1\\t5\\tx' has 4 columns, the header 3; separate"),
            ([HEADER, "1\t1\tnoon"], "line 2: 'noon' is no time; write seconds or milliseconds"),
            ([HEADER, "1\t1\tnan"], "line 2: 'nan' is no time"),
            ([HEADER, "1\t1\t-5"], "line 2: '-5' is no time"),
            ([HEADER, "1\t\t5"], "line 2: a session or item id is empty"),
            ([HEADER, "1\t1\t5", "2\t1\t5"], "holds no case"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, tmp_path: Path, lines: list[str], said: str) -> None:
        path = write(tmp_path / "a.tsv", *lines)
        with pytest.raises(DataError) as error:
            read(path, path, Format.SESSIONS, silent)
        assert str(path) in str(error.value)
        assert said in str(error.value)


class TestLines:
    def test_the_order_of_lines_is_the_order_of_sessions(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["b a", "", "c"], ["a b c"])
        assert [named(data, items) for items, _ in data.train] == [["b", "a"], ["c"]]
        assert cases(data) == [("a", "b"), ("a b", "c")]
        assert not data.timed
        assert data.notes == [
            "no times in these files: the order of lines is the order of sessions, nothing fades"
        ]

    def test_items_are_numbered_by_id_those_of_training_first(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["10 9 200"], ["9 1 10"])
        assert list(data.names) == ["9", "10", "200", "1"]
        assert data.known == 3
        assert data.clicks.tolist() == [1, 1, 1, 0]

    def test_next_items_that_training_lacks_count_as_misses_and_are_told(self, tmp_path: Path) -> None:
        data = of_lines(tmp_path, ["a b"], ["a b x"])
        assert len(data.cases) == 2
        assert "training lacks 1 of 2 next items: nobody can hit them" in data.notes

    def test_gzip_goes_by_the_suffix(self, tmp_path: Path) -> None:
        path = tmp_path / "train.gz"
        path.write_bytes(gzip.compress(b"a b\n"))
        assert cases(read(path, path, Format.LINES, silent)) == [("a", "b")]

    def test_a_table_is_no_lines(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.tsv", HEADER)
        with pytest.raises(DataError, match=r"a\.tsv, line 1: a tab; .* choose another --format"):
            read(path, path, Format.LINES, silent)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.txt")
        with pytest.raises(DataError, match=r"a\.txt is empty"):
            read(path, path, Format.LINES, silent)

    @pytest.mark.parametrize("form", [Format.LINES, Format.CASES])
    def test_sessions_are_spread_over_days_and_asked_about_at_the_end(
        self, form: Format, tmp_path: Path
    ) -> None:
        train = write(tmp_path / "train.txt", "a b", "b c", "c", "d")
        test = write(tmp_path / "test.txt", "a b" if form is Format.LINES else "a\tb")
        data = read(train, test, form, silent, days=8)
        assert [times for _, times in data.train] == [[2 * DAY] * 2, [4 * DAY] * 2, [6 * DAY], [8 * DAY]]
        assert [case.times for case in data.cases] == [[8 * DAY]]
        assert data.notes[0].endswith("the order of lines is the order of sessions, spread over 8 days")
        assert not data.timed


class TestCases:
    def test_lines_that_get_shorter_are_one_session(self, tmp_path: Path) -> None:
        train = write(tmp_path / "train.txt", "a b c")
        test = write(tmp_path / "test.tsv", "a b\tc", "a\tb", "b\ta", "a b\tc")
        data = read(train, test, Format.CASES, silent)
        assert cases(data) == [("a b", "c"), ("a", "b"), ("b", "a"), ("a b", "c")]
        assert [case.session for case in data.cases] == [0, 0, 1, 2]

    @given(st.lists(st.lists(st.sampled_from("abc"), min_size=3, max_size=5), min_size=1, max_size=5))
    def test_sessions_are_told_whichever_way_round_their_cases_stand(
        self, tmp_path_factory: pytest.TempPathFactory, sessions: list[list[str]]
    ) -> None:
        path = tmp_path_factory.mktemp("data")
        train = write(path / "train.txt", "a b c")
        growing = [
            f"{' '.join(items[:end])}\t{items[end]}" for items in sessions for end in range(1, len(items))
        ]
        expected = [at for at, items in enumerate(sessions) for _ in items[1:]]
        data = read(train, write(path / "growing.tsv", *growing), Format.CASES, silent)
        assert [case.session for case in data.cases] == expected
        data = read(train, write(path / "shrinking.tsv", *reversed(growing)), Format.CASES, silent)
        assert [len(sessions) - 1 - case.session for case in data.cases] == expected[::-1]

    def test_one_session_may_begin_as_another_ended(self, tmp_path: Path) -> None:
        train = write(tmp_path / "train.txt", "a b c")
        lines = ["a\tb", "a b\tc", "a b c\ta", "a\tb", "b\tc", "b c\ta"]
        data = read(train, write(tmp_path / "test.tsv", *lines), Format.CASES, silent)
        assert [case.session for case in data.cases] == [0, 0, 0, 1, 2, 2]

    def test_no_case_at_all(self, tmp_path: Path) -> None:
        train = write(tmp_path / "train.txt", "a b c")
        with pytest.raises(DataError, match=r"test\.tsv holds no case"):
            read(train, write(tmp_path / "test.tsv"), Format.CASES, silent)

    @pytest.mark.parametrize("line", ["a b", "\ta", "a\t", "a\tb c", "a\tb\tc"])
    def test_a_line_that_is_no_case(self, tmp_path: Path, line: str) -> None:
        train = write(tmp_path / "train.txt", "a b c")
        test = write(tmp_path / "test.tsv", "a\tb", line)
        with pytest.raises(
            DataError, match=r"test\.tsv, line 2: .* is no case; write the items so far, a tab"
        ):
            read(train, test, Format.CASES, silent)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.gz", b"a b\n", r"a\.gz is no gzip: compress it, or give it a name without \.gz"),
        ("a.gz", b"", r"a\.gz is empty: it needs"),
        ("a.gz", gzip.compress(b"a b\n" * 99)[:-9], r"a\.gz, after line \d+: .* cut off; fetch it again"),
        ("a.gz", gzip.compress(b"a b\nb \xe9\n"), r"a\.gz, line 2: this is not UTF-8; save it as UTF-8 text"),
        ("a.txt", gzip.compress(b"a b\n"), r"a\.txt is gzip: give it a name that ends in \.gz"),
        ("a.txt", b"a b\n" * 20_000 + b"\xe9", r"a\.txt, line 20001: this is not UTF-8; save it as UTF-8"),
    ],
)
def test_files_that_are_not_what_their_name_says(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read(path, path, Format.LINES, silent)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt cannot be read: No such file .*; check the path"):
        read(tmp_path / "none.txt", tmp_path / "none.txt", Format.LINES, silent)


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_lines_may_end_as_on_windows_and_begin_with_a_mark(form: Format, mark: str, tmp_path: Path) -> None:
    lines = {
        Format.SESSIONS: [HEADER, "1\ta\t5", "1\tb\t6"],
        Format.LINES: ["a b"],
        Format.CASES: ["a\tb"],
    }
    told = []
    for end in ("\n", "\r\n"):
        path = tmp_path / f"{len(end)}.txt"
        path.write_bytes((mark + end.join(lines[form]) + end).encode())
        train = write(tmp_path / "train.txt", "a b") if form is Format.CASES else path
        data = read(train, path, form, silent)
        told.append((list(data.names), cases(data)))
    assert told == [(["a", "b"], [("a", "b")])] * 2


def test_the_cases_of_a_session_share_its_clicks(tmp_path: Path) -> None:
    data = of_clicks(tmp_path, [[("1", 5)]], [[("1", 1), ("2", 2), ("3", 3)]])
    first, second = data.cases
    assert first.items is second.items
    assert first.moments is second.moments
    assert [(list(case.history), list(case.times), case.target) for case in data.cases] == [
        ([0], [1_000_000], 1),
        ([0, 1], [1_000_000, 2_000_000], 2),
    ]
    assert [(case.current, case.now_us) for case in data.cases] == [(0, 1_000_000), (1, 2_000_000)]
