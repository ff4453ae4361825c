"""What the demo stands on: a Pub/Sub and a store, embedded in it or Google's own emulators."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from demo.emulators import firestore_emulator, pubsub_emulator
from demo.pubsub.server import EmbeddedPubSub

PROJECT = "demo-evermail"
"""Google's tools take projects whose name begins with `demo-` for local ones."""

ENDPOINTS = ("PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST")


class BackendName(StrEnum):
    EMBEDDED = "embedded"
    EMULATOR = "emulator"


@dataclass(frozen=True)
class Backend:
    """`environment` points Google's client libraries, here and in child processes, at this backend."""

    store_url: str
    environment: dict[str, str]


@contextmanager
def running(name: BackendName, workdir: Path) -> Iterator[Backend]:
    """Starts a backend, empty, and ends it. Raises `EmulatorMissing` and `ChildFailed`."""
    with ExitStack() as stack:
        if name is BackendName.EMBEDDED:
            pubsub = stack.enter_context(EmbeddedPubSub())
            backend = Backend(
                store_url=f"sqlite:///{workdir / 'store.sqlite3'}",
                environment={"PUBSUB_EMULATOR_HOST": pubsub.endpoint},
            )
        else:
            pubsub_at = stack.enter_context(pubsub_emulator(log=workdir / "pubsub.log"))
            firestore_at = stack.enter_context(firestore_emulator(log=workdir / "firestore.log"))
            backend = Backend(
                store_url=f"firestore://{PROJECT}",
                environment={"PUBSUB_EMULATOR_HOST": pubsub_at, "FIRESTORE_EMULATOR_HOST": firestore_at},
            )
        stack.enter_context(_environment(backend.environment))
        yield backend


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Sets this process's variables, and puts back what was there."""
    before = {name: os.environ.pop(name, None) for name in ENDPOINTS}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
