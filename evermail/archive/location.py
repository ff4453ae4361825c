"""Where an archive is: a table of BigQuery or a folder of files."""

from __future__ import annotations

import re

import msgspec

FORMS = "bigquery:PROJECT.DATASET.TABLE or a folder (a local path or gs://BUCKET[/PATH])"

_TABLE = re.compile(
    r"((?:[a-z][-a-z0-9.]*:)?[a-z][-a-z0-9]{4,28}[a-z0-9])\.(\w{1,1024})\.([-\w]{1,1024})", re.ASCII
)
_BUCKET = re.compile(r"gs://[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9](/.*)?")
_SCHEME = re.compile(r"[a-zA-Z][-a-zA-Z0-9+.]*:")


class Table(msgspec.Struct, frozen=True):
    """A table of BigQuery. As text it is `PROJECT.DATASET.TABLE`, as standing in SQL between backticks."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"


class Folder(msgspec.Struct, frozen=True):
    """A folder of files, local or in Cloud Storage, without a slash at its end."""

    path: str

    @property
    def is_local(self) -> bool:
        return not self.path.startswith("gs://")

    def __str__(self) -> str:
        return self.path


def location(url: str) -> Table | Folder:
    """What a URL of an archive names. Raises `ValueError`, which says what was expected."""
    if url.startswith("bigquery:"):
        found = _TABLE.fullmatch(url.removeprefix("bigquery:"))
        if found:
            return Table(*found.groups())
    elif _BUCKET.fullmatch(url) or (url.strip() and not _SCHEME.match(url)):
        return Folder(url.rstrip("/") or "/")
    raise ValueError(f"expected {FORMS}, got {url!r}")
