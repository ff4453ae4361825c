"""`evermail archive`, as people call it."""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from archive_support import row, write
from typer.testing import CliRunner, Result

from evermail.archive import bigquery, command
from evermail.archive.folder import ArchiveError, changing, files, lines_of
from evermail.archive.location import Table

TABLE = "bigquery:shop-1.events.archive"


def run(*arguments: str | Path, answer: str = "") -> Result:
    return CliRunner().invoke(command.archive, [str(argument) for argument in arguments], input=answer)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Anna's row and Ben's, and Anna asking to be erased."""
    write(
        tmp_path,
        [row("1", user="anna")],
        [row("2", user="ben")],
        [row("3", user="anna", name="erase_user", at=0)],
    )
    return tmp_path


def test_evermail_has_the_command() -> None:
    (entry,) = (entry for entry in entry_points(group="evermail.commands") if entry.name == "archive")
    assert entry.value == "evermail.archive.command:archive"


@pytest.mark.parametrize("name", [None, "stats", "compact", "forget"])
def test_help_shows_an_example(name: str | None) -> None:
    result = run(*filter(None, [name]), "--help")
    assert result.exit_code == 0
    assert "Example: evermail archive " in result.stdout


class TestStats:
    def test_a_summary_for_people(self, folder: Path) -> None:
        result = run("stats", folder)
        assert result.exit_code == 0
        assert "rows      3 (0 for aggregates only), copies 0" in result.stdout
        assert "happened  2026-09-21T14:13:00.000000Z to 2026-09-21T14:14:00.000000Z" in result.stdout
        assert "view_item                     2" in result.stdout

    def test_all_of_it_for_programs(self, folder: Path) -> None:
        found = json.loads(run("stats", folder, "--json").stdout)
        assert found["names"] == {"view_item": 2, "erase_user": 1}
        assert found["days"] == {"2026-09-21": 3}

    def test_lines_that_cannot_be_read_are_told_and_the_exit_code_says_so(self, folder: Path) -> None:
        write(folder, [row("4", user="u")], raw=[b"{\n"])
        result = run("stats", folder)
        assert result.exit_code == 1
        assert ".ndjson.gz, line 2: " in result.stderr
        assert "1 lines cannot be read" in result.stderr
        assert "rows      4" in result.stdout


class TestCompact:
    def test_it_merges_and_says_so(self, folder: Path) -> None:
        result = run("compact", folder)
        assert result.exit_code == 0
        assert "3 files are now 1: 3 rows merged, 0 copies dropped" in result.stdout
        assert len(files(folder)) == 1

    def test_for_programs(self, folder: Path) -> None:
        assert json.loads(run("compact", folder, "--json").stdout)["files_after"] == 1

    def test_damaged_files_are_told(self, folder: Path) -> None:
        path = files(folder)[0].path
        path.write_bytes(path.read_bytes()[:-9])
        result = run("compact", folder)
        assert result.exit_code == 1
        assert "were left as they are" in result.stderr


class TestForget:
    def test_rows_go_and_it_says_how_many(self, folder: Path) -> None:
        result = run("forget", folder)
        assert result.exit_code == 0
        assert "1 requests: 1 of 3 rows forgotten, 0 of 3 files rewritten, 1 removed" in result.stdout
        assert {line.row.event_id for file in files(folder) for line in lines_of(file) if line.row} == {
            "2",
            "3",
        }

    def test_a_dry_run_only_says_it(self, folder: Path) -> None:
        result = run("forget", folder, "--dry-run")
        assert "1 of 3 rows would be forgotten" in result.stdout
        assert len(files(folder)) == 3

    def test_for_programs(self, folder: Path) -> None:
        assert json.loads(run("forget", folder, "--json").stdout)["rows_forgotten"] == 1

    def test_what_could_not_be_read_may_be_about_somebody(self, folder: Path) -> None:
        write(folder, [row("4", user="anna")], raw=[b"{\n"])
        result = run("forget", folder)
        assert result.exit_code == 1
        assert "may be about people who asked to be forgotten" in result.stderr

    @pytest.mark.parametrize("option", ["--run", "--yes"])
    def test_options_of_bigquery_are_refused_for_a_folder(self, folder: Path, option: str) -> None:
        result = run("forget", folder, option)
        assert result.exit_code == 2
        assert option in result.stderr


class TestForgetInBigQuery:
    def test_the_statement_is_printed_and_nothing_is_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(bigquery, "forget")
        result = run("forget", TABLE)
        assert result.exit_code == 0
        assert result.stdout == bigquery.forget_statement(Table("shop-1", "events", "archive")) + "\n"

    @pytest.mark.parametrize(("options", "answer"), [(["--yes"], ""), ([], "y\n")])
    def test_it_is_run_when_asked_and_confirmed(
        self, monkeypatch: pytest.MonkeyPatch, options: list[str], answer: str
    ) -> None:
        asked = []
        monkeypatch.setattr(bigquery, "forget", lambda table: asked.append(str(table)) or 12_345)
        result = run("forget", TABLE, "--run", *options, answer=answer)
        assert result.exit_code == 0
        assert "12,345 rows forgotten" in result.stdout
        assert asked == ["shop-1.events.archive"]

    @pytest.mark.parametrize("answer", ["n\n", "\n", ""])
    def test_without_a_yes_nothing_is_run(self, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
        monkeypatch.delattr(bigquery, "forget")
        result = run("forget", TABLE, "--run", answer=answer)
        assert result.exit_code != 0
        assert isinstance(result.exception, SystemExit)

    def test_a_failure_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(table: Table) -> int:
            raise ArchiveError("BigQuery has not done it: 403 not you")

        monkeypatch.setattr(bigquery, "forget", refuse)
        result = run("forget", TABLE, "--run", "--yes")
        assert result.exit_code == 2
        assert result.stderr.endswith("evermail archive forget: BigQuery has not done it: 403 not you\n")

    @pytest.mark.parametrize("option", ["--dry-run", "--json"])
    def test_options_of_folders_are_refused(self, option: str) -> None:
        result = run("forget", TABLE, option)
        assert result.exit_code == 2
        assert option in result.stderr


@pytest.mark.parametrize("name", ["stats", "compact", "forget"])
class TestPlaces:
    def test_a_folder_that_is_no_archive(self, name: str, tmp_path: Path) -> None:
        result = run(name, tmp_path)
        assert result.exit_code == 2
        said = f"{tmp_path} is no archive: it has no received=YYYY-MM-DD/*.ndjson[.gz]"
        assert result.stderr.endswith(f"evermail archive {name}: {said}\n")

    def test_a_folder_that_is_not_there(self, name: str, tmp_path: Path) -> None:
        result = run(name, tmp_path / "nowhere")
        assert result.exit_code == 2
        assert f"evermail archive {name}: " in result.stderr
        assert "nowhere" in result.stderr

    def test_a_bucket_says_what_to_do(self, name: str) -> None:
        result = run(name, "gs://shop-archive")
        assert result.exit_code == 2
        assert "mount the bucket" in " ".join(result.stderr.split())

    def test_a_mistyped_place(self, name: str) -> None:
        result = run(name, "bigquery:archive")
        assert result.exit_code == 2
        assert "PROJECT.DATASET.TABLE" in result.stderr

    def test_ctrl_c_is_not_swallowed(self, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(path: Path) -> None:
            raise KeyboardInterrupt

        for module in (command.statistics, command.compaction, command.forgetting):
            monkeypatch.setattr(module, "files", interrupt)
        assert run(name, folder).exit_code in (1, 130)
        with changing(folder):
            pass


@pytest.mark.parametrize("name", ["stats", "compact"])
def test_what_is_for_folders_says_so(name: str) -> None:
    result = run(name, TABLE)
    assert result.exit_code == 2
    assert "is for a folder" in result.stderr
