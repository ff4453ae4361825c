"""What the benchmark of the job measures is the whole job, whatever its bundles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from bench import bench_pipeline
from bench.shop_load import Load, make_messages
from evermail.documents import Document, Key, Neighbors, Profile, to_json

HARDER = Load(anonymous=True, disorder_s=600, copies=0.1)


@pytest.fixture(autouse=True)
def _no_messages_afterwards() -> Iterator[None]:
    yield
    bench_pipeline._messages.clear()


def said(documents: dict[Key, Document]) -> dict[Key, Any]:
    """What documents say, apart from when they were written."""
    said = {}
    for key, document in documents.items():
        fields = msgspec.json.decode(to_json(document))
        said[key] = {name: fields[name] for name in fields.keys() - {"version", "updated_at", "expire_at"}}
    return said


@pytest.mark.parametrize("load", [Load(), HARDER], ids=["comfortable", "harder"])
def test_in_small_bundles_the_job_ends_with_the_same_documents(load: Load) -> None:
    bench_pipeline._messages[:] = make_messages(200, 20, load)
    together = bench_pipeline.on_beam("whole")
    apart = bench_pipeline.on_beam("whole", bundle=20)
    assert said(apart.documents) == said(together.documents)
    assert {Profile.COLLECTION, Neighbors.COLLECTION} < {key.collection for key in apart.documents}
    assert apart.writes > 2 * together.writes  # timers fired in between


def test_a_harder_load_is_one() -> None:
    dull, hard = (make_messages(2_000, 20, load) for load in (Load(), HARDER))
    assert len(set(dull)) == len(dull) == len(set(hard)) == 2_000
    assert 2_100 < len(hard) < 2_300
    names = [msgspec.json.decode(message)["event_name"] for message in hard]
    assert 30 < names.count("identify") < 60
    times = [msgspec.json.decode(message)["event_time"] for message in hard]
    assert times != sorted(times)
