"""The statements for BigQuery, run by another database: they follow the rule that files follow."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from archive_support import event, no_progress, write
from hypothesis import given
from hypothesis import strategies as st

from evermail.archive import bigquery
from evermail.archive.folder import ArchiveError, files, lines_of
from evermail.archive.forgetting import forget
from evermail.archive.location import Table
from evermail.archive.record import Row, Verdict, row_of

TABLE = Table("shop-1", "events", "archive")
ROW: dict[str, Any] = {"verdict": Verdict.ACCEPTED, "version": "test"}
_TYPES = {"STRING": "TEXT", "TIMESTAMP": "TIMESTAMPTZ", "INTEGER": "BIGINT"}


class Database:
    """A table as schema.json describes it, in DuckDB."""

    def __init__(self) -> None:
        self._connection = duckdb.connect()
        columns = ", ".join(
            f"{column['name']} {_TYPES[column['type']]}"
            + {"REPEATED": "[]", "REQUIRED": " NOT NULL", "NULLABLE": ""}[column["mode"]]
            for column in bigquery.schema()
        )
        for statement in (
            f"ATTACH ':memory:' AS \"{TABLE.project}\"",
            f'CREATE SCHEMA "{TABLE.project}".{TABLE.dataset}',
            f'CREATE TABLE "{TABLE.project}".{TABLE.dataset}.{TABLE.table} ({columns})',
        ):
            self._connection.execute(statement)

    def insert(self, rows: list[Row]) -> None:
        table = f'"{TABLE.project}".{TABLE.dataset}.{TABLE.table}'
        names = [column["name"] for column in bigquery.schema()]
        for row in rows:
            values = [_value(row, name) for name in names]
            self._connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", values)

    def run(self, script: str) -> list[tuple[object, ...]]:
        """The result of the last statement that this database knows as well."""
        found: list[tuple[object, ...]] = []
        for statement in sqlglot.parse(script, read="bigquery"):
            if statement is None or "row_count" in statement.sql():  # of BigQuery alone
                continue
            if text := statement.sql(dialect="duckdb", comments=False):
                found = self._connection.execute(text).fetchall()
        return found

    def row_ids(self) -> list[str]:
        table = f'"{TABLE.project}".{TABLE.dataset}.{TABLE.table}'
        return [row_id for (row_id,) in self._connection.execute(f"SELECT row_id FROM {table}").fetchall()]


def _value(row: Row, name: str) -> object:
    value = getattr(row, name)
    if name == "event":
        return bytes(value).decode()
    return list(value) if isinstance(value, tuple) else value or None


users, clients = st.sampled_from(["anna", "ben", "cleo"]), st.sampled_from(["c1", "c2", "c3"])
earlier = st.sampled_from([(), (), ("anna",), ("ben",), ("ben", "cleo")])
earlier_clients = st.sampled_from([(), (), ("c1",), ("c2",)])
steps = st.sampled_from([-3.0, -2.5, -2.0, -1.0, -0.75, -0.5])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Rows of few people in few seconds, so that they meet."""
    name = draw(st.sampled_from(["search", "search", "search", "identify", "erase_user"]))
    user = draw(st.none() | users)
    client = draw(clients if user is None or name == "identify" else st.none() | clients)
    if name == "identify" and user is None:
        user = draw(users)
    made = event(
        str(draw(st.integers(0, 10**9))),
        name=name,
        at=draw(steps),
        received=draw(steps),
        user=user,
        client=client,
        user_aliases=draw(earlier) if user else (),
        client_aliases=draw(earlier_clients) if client else (),
    )
    shopper = (
        draw(st.sampled_from([made.shopper, made.shopper, "anna", "ben", ""])) if not user else made.shopper
    )
    verdict = draw(st.sampled_from(Verdict))
    return row_of(made, shopper=shopper, verdict=verdict, version="test")


@given(st.lists(rows(), max_size=12, unique_by=lambda row: row.row_id))
def test_a_table_forgets_what_files_forget(tmp_path_factory: pytest.TempPathFactory, made: list[Row]) -> None:
    assert_the_same_is_left(tmp_path_factory.mktemp("archive"), made)


@pytest.mark.parametrize("ben_at", [-2.0, -1.0])
@pytest.mark.parametrize("at", [-3.0, -1.25, -0.5])
@pytest.mark.parametrize("event_id", ["a", "b", "c", "d"])  # and with it the order of two of one moment
def test_the_users_of_a_browser_are_told_apart_alike(
    tmp_path: Path, ben_at: float, at: float, event_id: str
) -> None:
    def make(event_id: str, name: str, at: float, user: str | None, client: str | None) -> Row:
        made = event(event_id, name=name, at=at, user=user, client=client)
        return row_of(made, shopper=made.shopper, **ROW)

    made = [
        make(event_id, "identify", -2, "anna", "c1"),
        make("x", "identify", ben_at, "ben", "c1"),
        make("y", "search", at, None, "c1"),
        make("z", "erase_user", 0, "anna", None),
    ]
    assert_the_same_is_left(tmp_path, made)


def test_a_table_finds_former_names_as_files_do(tmp_path: Path) -> None:
    names = [f"{letter}.anna" for letter in "cadb"]  # in no order, as keys may be called anything
    made = [
        row_of(event(f"to {newer}", user=newer, user_aliases=(older,)), shopper=newer, **ROW)
        for older, newer in pairwise(names)
    ]
    made += [row_of(event(f"as {name}", user=name), shopper=name, **ROW) for name in (names[0], "a.ben")]
    made.append(row_of(event("erase", name="erase_user", user=names[-1]), shopper=names[-1], **ROW))
    left = assert_the_same_is_left(tmp_path, made)
    assert left == {made[-2].row_id, made[-1].row_id, _sentinel().row_id}


def assert_the_same_is_left(folder: Path, made: list[Row]) -> set[str]:
    """Returns the ids of rows that are left."""
    write(folder, *([one] for one in made), [_sentinel()])
    forget(folder, no_progress)
    left = {line.row.row_id for file in files(folder) for line in lines_of(file) if line.row}
    database = Database()
    database.insert([*made, _sentinel()])
    database.run(bigquery.forget_statement(TABLE))
    assert sorted(database.row_ids()) == sorted(left)
    return left


def _sentinel() -> Row:
    """A row of nobody who ever asks, so that the folder is an archive."""
    return row_of(event("0", user="zoe"), shopper="zoe", **ROW)


def test_copies_are_told_by_their_row_ids() -> None:
    database = Database()
    made = [
        row_of(event(name, user="u", at=at), shopper="u", verdict=Verdict.ACCEPTED, version="test")
        for name, at in (("1", -60), ("1", -60), ("2", -60), ("early", -3600), ("late", 0))
    ]
    database.insert(made)
    statement = bigquery.distinct_statement(TABLE)
    for name, time in (("since", "2026-09-21 14:00:00+00"), ("until", "2026-09-21 14:14:00+00")):
        assert f" {name}" in statement
        statement = statement.replace(f">= {name}", f">= TIMESTAMP '{time}'").replace(
            f"< {name}", f"< TIMESTAMP '{time}'"
        )
    found = database.run(statement)
    assert sorted(str(row[0]) for row in found) == sorted({made[0].row_id, made[2].row_id})


def test_every_look_at_the_table_is_limited_in_its_partitions() -> None:
    """The table is made to refuse others."""
    for statement in sqlglot.parse(bigquery.forget_statement(TABLE), read="bigquery"):
        for table in statement.find_all(sqlglot.exp.Table) if statement is not None else ():
            if table.name == TABLE.table:
                limits = (table.parent_select or statement).args["where"]
                assert "received_at >=" in limits.sql()


class Client:
    """Stands in for `google.cloud.bigquery.Client`."""

    def __init__(self, result: list[dict[str, int]] | Exception) -> None:
        self._result = result
        self.asked: list[str] = []

    def query_and_wait(self, query: str) -> list[dict[str, int]]:
        self.asked.append(query)
        if isinstance(self._result, Exception):
            raise self._result
        return self._result


def test_running_it_says_how_many_rows_went() -> None:
    client = Client([{"forgotten": 3}])
    assert bigquery.forget(TABLE, client) == 3
    assert client.asked == [bigquery.forget_statement(TABLE)]
    assert f"DELETE FROM `{TABLE}`" in client.asked[0]


def test_what_bigquery_says_against_it_is_passed_on() -> None:
    from google.api_core.exceptions import Forbidden

    with pytest.raises(ArchiveError, match="BigQuery has not done it: 403 not you"):
        bigquery.forget(TABLE, Client(Forbidden("not you")))


def test_terraform_can_fill_in_the_same_texts() -> None:
    """Both `templatefile` and `string.Template` know `${table}`, and there is nothing else to fill in."""
    folder = Path(bigquery.__file__).parent
    for name in ("forget.sql", "distinct.sql"):
        text = (folder / name).read_text(encoding="utf-8")
        assert text.count("$") == text.count("${table}") > 0
        assert "%{" not in text
