"""Erasure in the archive: whose rows go, whose stay, and that files are whole at any moment."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from archive_support import no_progress, row, write

from evermail.archive import forgetting
from evermail.archive.folder import ArchiveError, changing, files, lines_of
from evermail.archive.forgetting import Forgotten, forget
from evermail.archive.record import Row, Verdict, to_line


def left(folder: Path, *rows: Row) -> set[str]:
    """The ids of the events that are left of rows, each in a file of its own."""
    write(folder, *([one] for one in rows))
    forget(folder, no_progress)
    return ids(folder)


def ids(folder: Path) -> set[str]:
    return {line.row.event_id for file in files(folder) for line in lines_of(file) if line.row}


def erase(event_id: str = "erase", *, at: float = 0, **fields: Any) -> Row:
    return row(event_id, name="erase_user", at=at, **fields)


def identify(event_id: str, *, user: str, client: str, **fields: Any) -> Row:
    return row(event_id, name="identify", user=user, client=client, **fields)


class TestWhoseRows:
    def test_those_of_who_asked_go_and_the_asking_stays(self, tmp_path: Path) -> None:
        assert left(tmp_path, row("1", user="anna"), row("2", user="ben"), erase(user="anna")) == {
            "2",
            "erase",
        }

    def test_what_was_done_later_stays(self, tmp_path: Path) -> None:
        rows = [row("before", user="anna", at=-1), row("after", user="anna", at=1), erase(user="anna")]
        assert left(tmp_path, *rows) == {"after", "erase"}

    def test_the_second_of_the_asking_goes_whole(self, tmp_path: Path) -> None:
        rows = [
            row("same", user="anna", at=0.9),
            row("next", user="anna", at=1.0),
            erase(user="anna", at=0.1),
        ]
        assert left(tmp_path, *rows) == {"next", "erase"}

    def test_a_clock_that_was_ahead_counts_as_the_time_of_receipt(self, tmp_path: Path) -> None:
        rows = [
            row("ahead", user="anna", at=300, received=-10),
            row("later", user="anna", at=20, received=21),
            erase(user="anna", at=400, received=0),
        ]
        assert left(tmp_path, *rows) == {"later", "erase"}

    def test_the_last_asking_counts(self, tmp_path: Path) -> None:
        rows = [
            row("1", user="anna", at=-20),
            erase("first", user="anna", at=-10),
            row("2", user="anna", at=-5),
            erase("second", user="anna"),
        ]
        assert left(tmp_path, *rows) == {"first", "second"}

    def test_late_rows_go_as_well(self, tmp_path: Path) -> None:
        rows = [row("1", user="anna", verdict=Verdict.LATE, at=-90_000, received=-1), erase(user="anna")]
        assert left(tmp_path, *rows) == {"erase"}

    def test_a_browser_may_ask_for_itself(self, tmp_path: Path) -> None:
        rows = [row("1", client="cookie"), row("2", client="other"), erase(client="cookie")]
        assert left(tmp_path, *rows) == {"2", "erase"}

    def test_a_browser_that_was_known_as_a_user_asks_for_the_user(self, tmp_path: Path) -> None:
        rows = [row("1", user="anna"), row("2", client="other"), erase(client="cookie", shopper="anna")]
        assert left(tmp_path, *rows) == {"2", "erase"}

    def test_a_user_in_a_browser_asks_for_both(self, tmp_path: Path) -> None:
        rows = [row("1", user="anna"), row("2", client="cookie"), erase(user="anna", client="cookie")]
        assert left(tmp_path, *rows) == {"erase"}

    def test_what_another_user_did_in_that_browser_is_theirs(self, tmp_path: Path) -> None:
        rows = [
            row("said", user="ben", client="cookie"),
            row("found", client="cookie", shopper="ben"),
            erase(user="anna", client="cookie"),
        ]
        assert left(tmp_path, *rows) == {"said", "found", "erase"}

    def test_what_the_job_found_to_be_a_users_is(self, tmp_path: Path) -> None:
        assert left(tmp_path, row("1", client="cookie", shopper="anna"), erase(user="anna")) == {"erase"}

    def test_rows_for_aggregates_only_are_nobodys(self, tmp_path: Path) -> None:
        assert left(tmp_path, row("1"), row("2", user="anna"), erase(user="anna")) == {"1", "erase"}

    def test_names_under_earlier_keys_are_the_same_people(self, tmp_path: Path) -> None:
        rows = [
            row("1", user="k1.anna"),
            row("2", client="k1.cookie"),
            erase(
                user="k2.anna", client="k2.cookie", user_aliases=("k1.anna",), client_aliases=("k1.cookie",)
            ),
        ]
        assert left(tmp_path, *rows) == {"erase"}


class TestNamesUnderKeysThatWereDropped:
    """Rows of the time when two keys were in use say both names: no other row needs to."""

    def test_who_asks_under_the_last_key_is_erased_under_the_first(self, tmp_path: Path) -> None:
        rows = [
            row("k1", user="k1.anna"),
            row("both", user="k2.anna", user_aliases=("k1.anna",)),
            row("k2", user="k2.anna"),
            row("of ben", user="k1.ben"),
            row("both of ben", user="k2.ben", user_aliases=("k1.ben",)),
            erase(user="k2.anna"),
        ]
        assert left(tmp_path, *rows) == {"of ben", "both of ben", "erase"}

    def test_over_any_number_of_keys(self, tmp_path: Path) -> None:
        keys = [f"k{n}.anna" for n in range(5)]
        overlaps = [row(f"to {newer}", user=newer, user_aliases=(older,)) for older, newer in pairwise(keys)]
        asked = erase(user=keys[-1])
        assert left(tmp_path, row("oldest", user=keys[0]), asked, *overlaps[::-1]) == {"erase"}

    def test_who_asked_under_the_first_key_is_erased_under_the_last(self, tmp_path: Path) -> None:
        rows = [
            row("k2", user="k2.anna", at=-50),
            row("both", user="k2.anna", user_aliases=("k1.anna",), at=50),
            erase(user="k1.anna"),
        ]
        assert left(tmp_path, *rows) == {"both", "erase"}

    def test_a_browser_keeps_its_user(self, tmp_path: Path) -> None:
        rows = [
            row("early", client="k1.cookie", at=-50),
            row("both", client="k2.cookie", client_aliases=("k1.cookie",), at=-40),
            identify("is", user="k2.anna", client="k2.cookie", at=-30),
            row("other", client="k1.other", at=-50),
            erase(user="k2.anna"),
        ]
        assert left(tmp_path, *rows) == {"other", "erase"}

    def test_a_browser_goes_to_the_next_user_whatever_either_is_called(self, tmp_path: Path) -> None:
        rows = [
            identify("is anna", user="k1.anna", client="k1.cookie", at=-50),
            identify("is ben", user="k2.ben", client="k2.cookie", client_aliases=("k1.cookie",), at=-40),
            row("of ben", client="k1.cookie", at=-30),
            row("both", user="k2.anna", user_aliases=("k1.anna",), at=-20),
            erase(user="k2.anna"),
        ]
        assert left(tmp_path, *rows) == {"is ben", "of ben", "erase"}


class TestBrowsersThatTurnedOutToBeSomebody:
    def test_what_was_done_before_it_was_known_is_theirs(self, tmp_path: Path) -> None:
        rows = [
            row("early", client="cookie", at=-50),
            identify("is", user="anna", client="cookie", at=-40),
            row("unresolved", client="cookie", at=-30),
            row("other", client="other", at=-50),
            erase(user="anna"),
        ]
        assert left(tmp_path, *rows) == {"other", "erase"}

    def test_what_comes_before_the_first_identify_is_the_first_users(self, tmp_path: Path) -> None:
        rows = [
            row("early", client="cookie", at=-50),
            identify("is anna", user="anna", client="cookie", at=-40),
            identify("is ben", user="ben", client="cookie", at=-20),
            row("of ben", client="cookie", at=-10),
        ]
        assert left(tmp_path / "a", *rows, erase(user="ben")) == {"early", "is anna", "erase"}
        assert left(tmp_path / "b", *rows, erase(user="anna")) == {"is ben", "of ben", "erase"}

    def test_links_reach_over_earlier_keys(self, tmp_path: Path) -> None:
        rows = [
            row("1", client="k1.cookie"),
            identify("2", user="k2.anna", client="k2.cookie", client_aliases=("k1.cookie",)),
            erase(user="k3.anna", user_aliases=("k2.anna", "k1.anna")),
        ]
        assert left(tmp_path, *rows) == {"erase"}

    def test_an_identify_may_be_in_any_file(self, tmp_path: Path) -> None:
        rows = [
            identify("z", user="anna", client="cookie", at=-90_000),
            row("a", client="cookie", at=-80_000),
        ]
        assert left(tmp_path, erase(user="anna", at=90_000), *rows) == {"erase"}


class TestFiles:
    def test_a_file_keeps_its_name_and_its_other_lines_byte_for_byte(self, tmp_path: Path) -> None:
        rows = [row(f"{n}", user=user) for n, user in enumerate(["ben", "anna", "cleo"])]
        path, _ = write(tmp_path, rows, [erase(user="anna")])
        forget(tmp_path, no_progress)
        (file,) = (file for file in files(tmp_path) if file.path == path)
        assert [line.data for line in lines_of(file)] == [to_line(rows[0]), to_line(rows[2])]

    def test_a_file_without_such_rows_is_not_touched(self, tmp_path: Path) -> None:
        untouched, _ = write(tmp_path, [row("1", user="ben")], [erase(user="anna")])
        before = untouched.stat()
        forget(tmp_path, no_progress)
        assert untouched.stat() == before

    def test_a_file_of_such_rows_alone_is_removed(self, tmp_path: Path) -> None:
        gone, stays = write(tmp_path, [row("1", user="anna")], [erase(user="anna")])
        report = forget(tmp_path, no_progress)
        assert [file.path for file in files(tmp_path)] == [stays]
        assert not gone.exists()
        assert (report.files_rewritten, report.files_removed) == (0, 1)

    def test_it_says_what_it_did(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            [row("1", user="anna"), row("2", user="ben")],
            [row("3", user="anna")],
            [erase(user="anna")],
        )
        assert forget(tmp_path, no_progress) == Forgotten(
            requests=1, rows=4, rows_forgotten=2, files=3, files_rewritten=1, files_removed=1
        )

    def test_to_do_it_again_does_nothing(self, tmp_path: Path) -> None:
        write(tmp_path, [row("1", user="anna"), row("2", user="ben")], [erase(user="anna")])
        forget(tmp_path, no_progress)
        before = {file.path: file.path.stat() for file in files(tmp_path)}
        assert forget(tmp_path, no_progress) == Forgotten(requests=1, rows=2, files=2)
        assert {file.path: file.path.stat() for file in files(tmp_path)} == before

    def test_a_dry_run_says_the_same_and_does_nothing(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            [row("1", user="anna"), row("2", user="ben")],
            [row("3", user="anna")],
            [erase(user="anna")],
        )
        before = {file.path: file.path.stat() for file in files(tmp_path)}
        told = forget(tmp_path, no_progress, dry_run=True)
        assert {file.path: file.path.stat() for file in files(tmp_path)} == before
        assert forget(tmp_path, no_progress) == told

    def test_a_line_that_cannot_be_read_is_kept_and_told(self, tmp_path: Path) -> None:
        bad = b'{"row_id": "?"}\n'
        write(tmp_path, [erase(user="anna")], [row("1", user="anna"), row("2", user="ben")], raw=[bad])
        report = forget(tmp_path, no_progress)
        assert ids(tmp_path) == {"2", "erase"}
        assert bad in [line.data for file in files(tmp_path) for line in lines_of(file)]
        assert report.lines_unreadable == 1
        assert ", line 3: " in report.problems[0]

    def test_a_file_that_breaks_off_is_left_as_it_is_and_told(self, tmp_path: Path) -> None:
        (broken, _) = write(tmp_path, [row("1", user="anna"), row("2", user="ben")], [erase(user="anna")])
        data = broken.read_bytes()[:-9]
        broken.write_bytes(data)
        report = forget(tmp_path, no_progress)
        assert broken.read_bytes() == data
        assert (report.rows_forgotten, report.lines_unreadable) == (0, 1)
        assert str(broken) in report.problems[0]

    def test_whoever_is_interrupted_has_each_file_old_or_new(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rows = [[row(f"{n}{user}", user=user) for user in ("anna", "ben")] for n in range(3)]
        write(tmp_path, *rows, [erase(user="anna")])
        replaced = []

        def replace(self: Path, target: Path) -> Path:
            if len(replaced) == 1:
                raise KeyboardInterrupt
            replaced.append(target)
            self.rename(target)
            return target

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            forget(tmp_path, no_progress)
        monkeypatch.undo()
        remaining = [file for file in files(tmp_path) if sum(1 for _ in lines_of(file)) == 2]
        assert len(remaining) == 2
        assert list(tmp_path.rglob("*.tmp")) == []
        forget(tmp_path, no_progress)
        assert ids(tmp_path) == {"0ben", "1ben", "2ben", "erase"}

    def test_not_while_another_changes_it(self, tmp_path: Path) -> None:
        write(tmp_path, [erase(user="anna")])
        with changing(tmp_path), pytest.raises(ArchiveError, match="another"):
            forget(tmp_path, no_progress)


def test_as_many_problems_are_told_as_a_person_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "MAX_PROBLEMS", 2)
    write(tmp_path, [row("1", user="anna")], raw=[b"{\n"] * 5)
    report = forget(tmp_path, no_progress)
    assert (report.lines_unreadable, len(report.problems)) == (5, 2)


def test_progress_ends_with_all_of_it(tmp_path: Path) -> None:
    write(tmp_path, [row("1", user="anna")], [erase(user="anna")])
    seen: list[tuple[str, int, int]] = []
    forget(tmp_path, lambda *step: seen.append(step))
    total = seen[-1][2]
    assert [(what, done) for what, done, _ in seen if done == total] == [
        ("looking for requests", total),
        ("forgetting", total),
    ]
