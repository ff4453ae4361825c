"""docs/functions.md names every endpoint, with its token, and the variables that each reads."""

from __future__ import annotations

import re
from pathlib import Path

from evermail import clock
from evermail.tokens import DEFAULT_MAX_AGE_US, MAX_AGE_US, Purpose
from functions import main, settings
from functions.collect import SEGMENT_PATHS
from functions.openapi import assembly

TEXT = Path(__file__).parents[2].joinpath("docs", "functions.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in TEXT.partition("| path |")[2].partition("\n\n")[0].splitlines()[2:]
]


def test_the_variables_of_each_entry_point_are_those_that_it_reads() -> None:
    block = TEXT.partition("## Variables")[2].partition("```text\n")[2].partition("```")[0]
    told = {name: variables for name, *variables in map(str.split, block.splitlines())}
    assert told == {name: variables.split() for name, variables in settings.VARIABLES.items()}


def test_every_path_is_in_the_table() -> None:
    told = [path for row in ROWS for path in re.findall(r"`([^`]+)`", row[0])]
    assert sorted(told) == sorted(set(main.PATHS) - set(SEGMENT_PATHS))


def test_each_has_the_token_that_it_takes_for_as_long_as_it_is_good() -> None:
    """Those of the OpenAPI document."""
    paths = assembly.assemble()["paths"]
    for row in ROWS:
        path = row[0].strip("`")
        told = [(one, int(days)) for one, days in re.findall(r"`(\w+)`, (\d+) days", row[3])]
        operations = [one for one in paths.get(f"/{path}", {}).values() if isinstance(one, dict)]
        schemes = {name for one in operations for way in one.get("security", []) for name in way}
        assert told == [
            (str(purpose), MAX_AGE_US.get(purpose, DEFAULT_MAX_AGE_US) // clock.DAY)
            for purpose in Purpose
            if purpose in schemes
        ], path
