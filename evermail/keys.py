"""Where the secrets of the pseudonyms are. The job carries such a reference and never a secret.

Options of a job are shown on consoles, and its graph is staged as a file: what stands in either is known to
everybody who may look at the job. So the command line names a place, and each worker looks there by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Protocol

DEFAULT = "env:EVERMAIL_PSEUDONYM_KEYS"

FORMS = "env:NAME, file:PATH or secret:projects/PROJECT/secrets/NAME/versions/NUMBER"

_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SECRET = re.compile(r"projects/[^/\s]+/secrets/[A-Za-z0-9_-]+/versions/[1-9][0-9]*")
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,16}")
_MIN_SECRET_BYTES = 16


class KeysUnavailable(ValueError):
    """There are no usable keys where they should be. The message says where, and never shows a secret."""


class KeySource(Protocol):
    """A place that secrets are read from, on the worker that needs them. Pickled into the job's graph."""

    def keys(self) -> dict[str, str]:
        """Secrets by key id; the last is current. Raises `KeysUnavailable`."""
        ...


@dataclass(frozen=True)
class EnvKeys:
    """An environment variable of the worker's process."""

    name: str = DEFAULT.removeprefix("env:")

    def keys(self) -> dict[str, str]:
        return parse_keys(os.environ.get(self.name, ""), f"the environment variable {self.name}")


@dataclass(frozen=True)
class FileKeys:
    """A file on the worker, such as a mounted secret. Read once a process."""

    path: str

    def keys(self) -> dict[str, str]:
        return parse_keys(_read_file(self.path), f"the file {self.path}")


@dataclass(frozen=True)
class SecretKeys:
    """A version of a secret in Google Secret Manager. Read once a process, by the worker's service account.

    The version is a number: with `latest`, workers that started on either side of a rotation would give
    one person two pseudonyms.
    """

    resource: str

    def keys(self) -> dict[str, str]:
        return parse_keys(_read_secret(self.resource), f"the secret {self.resource}")


@dataclass(frozen=True)
class LiteralKeys:
    """Secrets given outright, for tests and experiments: they are pickled into the graph."""

    secrets: Mapping[str, str] = field(repr=False)

    def keys(self) -> dict[str, str]:
        return dict(self.secrets)


def key_source(reference: str) -> KeySource:
    """The source that a reference names. Raises `ValueError`, without showing what may be a secret."""
    kind, _, place = reference.partition(":")
    if kind == "env" and _ENV.fullmatch(place):
        return EnvKeys(place)
    if kind == "file" and place:
        return FileKeys(place)
    if kind == "secret" and _SECRET.fullmatch(place):
        return SecretKeys(place)
    raise ValueError(f"expected where the secrets are, not the secrets: {FORMS}")


def parse_keys(text: str, where: str) -> dict[str, str]:
    """`id:secret` pairs, separated by commas or lines, in order. Raises `KeysUnavailable`, naming `where`."""
    pairs = [pair.strip() for pair in re.split(r"[,\n]", text) if pair.strip()]
    if not pairs:
        raise KeysUnavailable(f"{where} is not set or empty; expected id:secret pairs, the last one current")
    keys: dict[str, str] = {}
    for number, pair in enumerate(pairs, start=1):
        key_id, _, secret = pair.partition(":")
        if not _KEY_ID.fullmatch(key_id) or len(secret.encode()) < _MIN_SECRET_BYTES:
            raise KeysUnavailable(
                f"{where}: pair {number} is not id:secret with an id of 1 to 16 letters, digits, - or _ "
                f"and a secret of {_MIN_SECRET_BYTES} bytes or more"
            )
        if key_id in keys:
            raise KeysUnavailable(f"{where}: pair {number} repeats the id of another key")
        keys[key_id] = secret
    return keys


@lru_cache(maxsize=8)
def _read_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "it is not UTF-8 text"
        raise KeysUnavailable(f"the file {path} cannot be read: {reason}") from None


@lru_cache(maxsize=8)
def _read_secret(resource: str) -> str:
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud import secretmanager

    try:
        client = secretmanager.SecretManagerServiceClient()
        return client.access_secret_version(name=resource).payload.data.decode("utf-8")
    except (GoogleAPICallError, GoogleAuthError, UnicodeDecodeError) as problem:
        raise KeysUnavailable(
            f"the secret {resource} cannot be read: {type(problem).__name__}: {_brief(problem)}"
        ) from None


def _brief(problem: Exception) -> str:
    """What an error says, unless it quotes the payload."""
    return "it is not UTF-8 text" if isinstance(problem, UnicodeDecodeError) else str(problem)
