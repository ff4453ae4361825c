"""Commands that only read must not make the store that they are to read."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit


def missing_file(url: str) -> str | None:
    """The file of a SQLite store that does not exist; None for any other store."""
    parts = urlsplit(url)
    path = parts.path.removeprefix("/")
    return path if parts.scheme == "sqlite" and path and not Path(path).is_file() else None
