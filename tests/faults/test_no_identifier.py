"""Nothing that leaves the job names anybody: store, archive, dead letters and logs, on a bad day."""

from __future__ import annotations

import gzip
import logging
import random
import re
from collections.abc import Iterator
from pathlib import Path

import job_under_fire
import pytest
from faulty_store import BAD_DAY
from job_under_fire import run_job
from shop_story import tell
from streaming_support import NOW, SECRET, pseudonym

from evermail.clock import HOUR

NAMES = re.compile(rb"person-\d|cookie-\d|@shop", re.IGNORECASE)


def _everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield str(path.name), gzip.decompress(data) if path.suffix == ".gz" else data


@pytest.mark.usefixtures("quick_runner")
def test_nobody_is_named_in_anything_that_the_job_leaves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    story = tell(600, NOW - 26 * HOUR, 20 * 3600, random.Random(8))
    messages = story.under_fire(random.Random(9), copies=0.1, shuffled=0.2, malformed=0.3)
    left = run_job(
        messages,
        tmp_path / "store.sqlite3",
        faults=BAD_DAY,
        failing_bundles=0.05,
        archive=tmp_path / "archive",
    )

    found = dict(_everything(tmp_path))
    found |= {f"letter {number}": letter for number, letter in enumerate(job_under_fire._letters)}
    found["log"] = caplog.text.encode()
    assert left.letters.total() > 100
    assert any(name.endswith(".ndjson.gz") for name in found)
    assert any(pseudonym("user", "person-1@shop.example").encode() in data for data in found.values())
    assert len(found["log"]) > 1000
    assert {name: NAMES.search(data) for name, data in found.items() if NAMES.search(data)} == {}
    assert not any(SECRET.encode() in data for data in found.values())


def test_the_search_would_find_them() -> None:
    told = [data for _, data in tell(300, NOW - 26 * HOUR, 20 * 3600, random.Random(8)).happened]
    assert all(NAMES.search(data) for data in told)
