"""Google's emulators start, answer their real client's protocol, and are gone afterwards."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import grpc
import pytest

from demo.emulators import EmulatorMissing, firestore_emulator, pubsub_emulator
from demo.processes import port_is_free

BOTH = pytest.mark.parametrize("emulator", [pubsub_emulator, firestore_emulator])
Emulator = Callable[[], AbstractContextManager[str]]


def install(directory: Path, *names: str) -> None:
    """Puts commands of these names into a directory, in an SDK without components."""
    directory.mkdir(parents=True)
    for name in names:
        (directory / name).write_text("#!/bin/sh\n")
        (directory / name).chmod(stat.S_IRWXU)


@BOTH
def test_it_speaks_grpc_and_leaves_the_port(emulator: Emulator, pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--no-emulator"):
        pytest.skip("--no-emulator was given")
    try:
        with emulator() as endpoint, grpc.insecure_channel(endpoint) as channel:
            grpc.channel_ready_future(channel).result(timeout=20)
    except EmulatorMissing as missing:
        pytest.skip(str(missing))
    assert port_is_free(int(endpoint.rpartition(":")[2]))


@BOTH
def test_without_gcloud_the_message_says_what_to_install(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(EmulatorMissing, match=r"install the Google Cloud CLI.*gcloud components install"):
        emulator().__enter__()


@BOTH
def test_without_the_component_the_message_says_how_to_get_it(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(tmp_path / "bin", "gcloud")
    monkeypatch.setenv("PATH", os.fspath(tmp_path / "bin"))
    with pytest.raises(EmulatorMissing, match=r"gcloud components install .*emulator"):
        emulator().__enter__()


def test_without_java_the_message_asks_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path / "bin", "gcloud")
    (tmp_path / "platform" / "cloud-firestore-emulator").mkdir(parents=True)
    monkeypatch.setenv("PATH", os.fspath(tmp_path / "bin"))
    with pytest.raises(EmulatorMissing, match="needs Java"):
        firestore_emulator().__enter__()
