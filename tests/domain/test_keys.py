"""Where the secrets of the pseudonyms are found, and that nothing shows them."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied
from google.cloud import secretmanager

from evermail import keys
from evermail.keys import EnvKeys, FileKeys, KeysUnavailable, LiteralKeys, SecretKeys, key_source

SECRET = "a-secret-of-sixteen-bytes-or-more"
RESOURCE = "projects/shop-1/secrets/pseudonyms/versions/3"
PAIRS = f"k1:{SECRET},k2:{SECRET}:with:colons"
PARSED = {"k1": SECRET, "k2": f"{SECRET}:with:colons"}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    keys._read_file.cache_clear()
    keys._read_secret.cache_clear()


class Manager:
    """Secret Manager with one secret, or with a refusal."""

    calls: list[str]

    def __init__(self, answer: bytes | Exception) -> None:
        self.calls, self._answer = [], answer

    def __call__(self) -> Manager:
        return self

    def access_secret_version(self, *, name: str) -> Any:
        self.calls.append(name)
        if isinstance(self._answer, Exception):
            raise self._answer
        return SimpleNamespace(payload=SimpleNamespace(data=self._answer))


@pytest.mark.parametrize(
    ("reference", "source"),
    [
        ("env:EVERMAIL_PSEUDONYM_KEYS", EnvKeys()),
        ("env:OTHER", EnvKeys("OTHER")),
        ("file:/run/secrets/keys", FileKeys("/run/secrets/keys")),
        (f"secret:{RESOURCE}", SecretKeys(RESOURCE)),
    ],
)
def test_a_reference_names_a_source(reference: str, source: object) -> None:
    assert key_source(reference) == source


@pytest.mark.parametrize(
    "reference",
    [
        f"k1:{SECRET}",
        SECRET,
        "",
        "env:",
        "env:NOT A NAME",
        "file:",
        "secret:pseudonyms",
        "secret:projects/p/secrets/s",
        "secret:projects/p/secrets/s/versions/latest",
        "secret:projects/p/secrets/s/versions/0",
    ],
)
def test_anything_else_is_refused_without_showing_it(reference: str) -> None:
    with pytest.raises(ValueError, match=r"env:NAME, file:PATH or secret:projects/") as caught:
        key_source(reference)
    assert SECRET not in str(caught.value)


def test_a_variable_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEYS", PAIRS)
    assert EnvKeys("SOME_KEYS").keys() == PARSED


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_KEYS", raising=False)
    with pytest.raises(KeysUnavailable, match="environment variable SOME_KEYS is not set"):
        EnvKeys("SOME_KEYS").keys()


def test_a_file_with_a_pair_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(PAIRS.replace(",", "\n") + "\n")
    assert FileKeys(str(path)).keys() == PARSED


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(KeysUnavailable, match="the file /nowhere/keys cannot be read: No such file"):
        FileKeys("/nowhere/keys").keys()


def test_a_secret_is_fetched_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(PAIRS.encode())
    monkeypatch.setattr(secretmanager, "SecretManagerServiceClient", manager)
    assert SecretKeys(RESOURCE).keys() == SecretKeys(RESOURCE).keys() == PARSED
    assert manager.calls == [RESOURCE]


def test_a_secret_that_is_refused_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secretmanager, "SecretManagerServiceClient", Manager(PermissionDenied("no access")))
    with pytest.raises(
        KeysUnavailable, match=rf"the secret {RESOURCE} cannot be read: PermissionDenied: .*no access"
    ):
        SecretKeys(RESOURCE).keys()


@pytest.mark.parametrize(
    "payload",
    [b"\xff" + SECRET.encode(), SECRET.encode(), b"k1:short", b"k1:" + b"x" * 16 + b",k1:" + b"y" * 16],
)
def test_a_payload_that_is_no_keys_is_explained_but_not_shown(
    payload: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secretmanager, "SecretManagerServiceClient", Manager(payload))
    with pytest.raises(KeysUnavailable, match=RESOURCE) as caught:
        SecretKeys(RESOURCE).keys()
    shown = str(caught.value)
    assert not any(part in shown for part in (SECRET, "short", "xxxx", "yyyy"))


def test_what_is_pickled_is_the_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEYS", PAIRS)
    source = EnvKeys("SOME_KEYS")
    source.keys()
    assert SECRET.encode() not in pickle.dumps(source)


def test_literal_keys_do_not_show_themselves() -> None:
    assert SECRET not in repr(LiteralKeys({"k1": SECRET}))
