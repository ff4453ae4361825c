"""What tests of all rooms share: Google's emulators, one of each for a whole run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import settings

from demo.emulators import EmulatorMissing, firestore_emulator, pubsub_emulator

# For modules that tests of several rooms share. At the end: the rooms' own packages come first.
sys.path.append(str(Path(__file__).parent))

# Tests never time anything, hypothesis included: a busy machine is no failure.
settings.register_profile("evermail", deadline=None)
settings.load_profile("evermail")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-emulator",
        action="store_true",
        help="skip the tests that need Google's Pub/Sub or Firestore emulator",
    )


@pytest.fixture(scope="session")
def pubsub_emulator_endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """`host:port` of a running Pub/Sub emulator; skips the test where there is none."""
    yield from _emulator(request, pubsub_emulator)


@pytest.fixture(scope="session")
def firestore_emulator_endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    """`host:port` of a running Firestore emulator; skips the test where there is none.

    It is shared: tests keep apart by using a project of their own.
    """
    yield from _emulator(request, firestore_emulator)


def _emulator(
    request: pytest.FixtureRequest, emulator: Callable[[], AbstractContextManager[str]]
) -> Iterator[str]:
    if request.config.getoption("--no-emulator"):
        pytest.skip("--no-emulator was given")
    try:
        running = emulator()
        endpoint = running.__enter__()
    except EmulatorMissing as missing:
        pytest.skip(str(missing))
    try:
        yield endpoint
    finally:
        running.__exit__(None, None, None)
