"""`evermail campaign check` as it is typed: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from evermail.campaigns.check.amp_validator import FOLDER_VARIABLE
from evermail.campaigns.command import check as check_module
from evermail.campaigns.command.check import check
from evermail.clock import to_rfc3339
from tests.campaigns.check.built_folder import for_all, message, messages
from tests.campaigns.check.good_email import KEYS, LIVE, NOW_US, Passing

SEND_AT = to_rfc3339(NOW_US)

APP = typer.Typer()
APP.command()(check)


@pytest.fixture(autouse=True)
def a_validator_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_module, "AmpValidator", Passing)
    monkeypatch.setenv("EVERMAIL_TOKEN_KEYS", ",".join(KEYS))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(APP, ["--no-dns", "--send-at", SEND_AT, *map(str, arguments)])


def test_a_good_email_ends_with_0(tmp_path: Path) -> None:
    result = run(for_all(tmp_path, "mailgun"), "--strict")
    assert (result.exit_code, result.stdout) == (0, "1 email checked: nothing to mend\n")


def test_an_error_ends_with_1_and_says_where_and_how(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "mailgun")
    (folder / "email.txt").write_text("*|FNAME|*\nUnsubscribe: https://live.shop.example/\n")
    result = run(folder)
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "Text part error line 1 *|FNAME|* was not replaced (merge_tag_left) → Build the campaign" in said
    assert said.endswith("1 email checked: 1 error")


def test_a_warning_ends_with_1_only_if_strict(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    html = folder / "email.html"
    html.write_text(html.read_text().replace(' lang="en"', ""))
    assert run(folder).exit_code == 0
    assert "1 warning" in run(folder).stdout
    assert run(folder, "--strict").exit_code == 1


def test_json_is_for_programs(tmp_path: Path) -> None:
    wrong = message().replace(b"Date: ", b"X-Date: ")
    result = run(messages(tmp_path, 3, wrong), "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["summary"] == {"emails": 3, "errors": 1, "warnings": 0, "hints": 0}
    (finding,) = told["findings"]
    assert finding.keys() == {"severity", "code", "part", "line", "what", "remedy", "file", "others"}
    assert (finding["severity"], finding["code"], finding["others"]) == ("error", "date_missing", 2)


def test_several_files_are_looked_at(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.eml", "b.eml")]
    for file in files:
        file.write_bytes(message())
    assert run(*files).stdout == "2 emails checked: nothing to mend\n"


def test_the_day_of_sending_counts(tmp_path: Path) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(message())
    result = run(file, "--send-at", "2027-01-01T00:00:00+01:00")
    assert "token_expired" in result.stdout


def test_markup_in_an_email_is_shown_as_it_stands(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    text = folder / "email.txt"
    text.write_text(text.read_text() + "[[bold]]\n")
    assert "[[bold]]" in run(folder).stdout


def test_many_findings_are_cut_short(tmp_path: Path) -> None:
    folder = for_all(tmp_path, "customerio")
    text = folder / "email.txt"
    text.write_text(text.read_text() + "".join(f"*|FIELD{number}|*\n" for number in range(25)))
    said = run(folder).stdout
    assert "and 5 more" in said
    assert "25 errors" in said


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name a folder"),
        (["nowhere"], "nowhere cannot be read"),
        (["nowhere", "--send-at", "tomorrow"], "--send-at: 'tomorrow'"),
        (["nowhere", "--send-at", "2026-11-27"], "2026-11-27T09:00+01:00"),
        (["nowhere", "--sender", "me"], "--sender: 'me'"),
        (["nowhere", "--endpoint", "live"], "--endpoint: 'live'"),
        (["nowhere", "--esp", "pigeon"], "sparkpost"),
        (["nowhere", "--brand", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_use_says_what_is_wrong(arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == (1 if "--brand" in arguments else 2)
    assert told in result.stderr
    assert result.stdout == ""


def test_functions_cannot_be_asked_by_nobody(tmp_path: Path) -> None:
    result = run(for_all(tmp_path, "mailgun"), "--endpoint", LIVE)
    assert result.exit_code == 2
    assert "--sender" in result.stderr


def test_keys_that_are_too_short_are_told_but_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERMAIL_TOKEN_KEYS", "hunter2")
    result = run(for_all(tmp_path, "mailgun"))
    assert result.exit_code == 2
    assert "EVERMAIL_TOKEN_KEYS" in result.stderr
    assert "hunter2" not in result.stderr


def test_the_validator_is_installed_where_npm_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("PATH", "")
    result = CliRunner().invoke(APP, ["--install-validator"])
    assert result.exit_code == 3
    assert "npm is not installed" in result.stderr
