"""Puts what these tests share on the import path, and gives each a Pub/Sub of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from letters_pubsub import PubSub

from demo.pubsub import EmbeddedPubSub


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSub]:
    pubsub = PubSub()
    with EmbeddedPubSub(broker=pubsub.broker) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.endpoint)
        pubsub.connect()
        yield pubsub
        pubsub.close()
