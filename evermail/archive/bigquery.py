"""What is done to an archive in BigQuery: the statements, and running them.

schema.json is the table's schema. The table is partitioned by the day of `received_at`, clustered by
`shopper`, and asks for a filter on `received_at`, so that nobody reads years by accident: all that is here
gives one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from string import Template
from typing import Any

from evermail.archive.folder import ArchiveError
from evermail.archive.location import Table


@cache
def schema() -> list[dict[str, str]]:
    """The columns of the table, as Terraform and `bq` take them."""
    columns: list[dict[str, str]] = json.loads(_text("schema.json"))
    return columns


def forget_statement(table: Table) -> str:
    """The script that deletes the rows of people who asked for it. Its last statement says how many."""
    return Template(_text("forget.sql")).substitute(table=str(table))


def distinct_statement(table: Table) -> str:
    """The rows from `since` up to `until`, without copies: the body of a table function."""
    return Template(_text("distinct.sql")).substitute(table=str(table))


def forget(table: Table, client: Any = None) -> int:
    """Runs the script; returns how many rows were deleted. Raises `ArchiveError`.

    `client` is a `google.cloud.bigquery.Client`; by default one with the credentials of this machine.
    """
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError

    try:
        client = client or _client(table.project)
        rows: list[Mapping[str, int]] = list(client.query_and_wait(forget_statement(table)))
    except (GoogleAPICallError, GoogleAuthError) as problem:
        raise ArchiveError(f"BigQuery has not done it: {problem}") from None
    return rows[0]["forgotten"]


def _client(project: str) -> Any:
    try:
        from google.cloud import bigquery
    except ModuleNotFoundError:
        raise ArchiveError("this needs google-cloud-bigquery: pip install evermail[archive]") from None
    return bigquery.Client(project=project)


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
