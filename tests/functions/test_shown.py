"""What was shown is remembered beside the answer, and never at its cost."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from evermail.documents import Document
from evermail.stores import Outcome, WriteResult
from functions.entry import endpoint
from functions.recommendations import create_recommendations
from functions.shown import MAX_WAITING, Remembered, ShownWriter
from tests.functions import fakes
from tests.functions.fakes import EXPOSURES, FakeMemory, FakeRecommender, body_of, get, token


class GatedStore(fakes.DownStore):
    """Answers a write with an outcome, or an exception, once its gate is open."""

    def __init__(self, outcome: Outcome | Exception = Outcome.WRITTEN, *, is_open: bool = True) -> None:
        self.gate = threading.Event()
        self.written: list[Document] = []
        self._outcome = outcome
        if is_open:
            self.gate.set()

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        assert self.gate.wait(10), "nobody opened the gate"
        self.written.extend(documents)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return [WriteResult(document.key, self._outcome) for document in documents]


@pytest.fixture
def writers() -> Iterator[Any]:
    """Makes writers, and ends their threads."""
    made: list[tuple[GatedStore, ShownWriter]] = []

    def make(store: GatedStore) -> ShownWriter:
        made.append((store, ShownWriter(store)))
        return made[-1][1]

    yield make
    for store, writer in made:
        store.gate.set()
        writer.close()


@pytest.mark.parametrize(
    ("outcome", "remembered"),
    [
        (Outcome.WRITTEN, Remembered.WRITTEN),
        (Outcome.STALE, Remembered.OVERTAKEN),
        (Outcome.TRANSIENT, Remembered.FAILED),
        (Outcome.PERMANENT, Remembered.FAILED),
        (RuntimeError("broken"), Remembered.FAILED),
    ],
)
def test_says_what_became_of_a_write(writers: Any, outcome: Any, remembered: Remembered) -> None:
    store = GatedStore(outcome)
    assert writers(store).remember([EXPOSURES], within_s=10) is remembered
    assert store.written == [EXPOSURES]


def test_a_store_that_hangs_is_left_to_itself_and_may_still_finish(writers: Any) -> None:
    store = GatedStore(is_open=False)
    writer = writers(store)
    assert writer.remember([EXPOSURES], within_s=0.001) is Remembered.LATE
    store.gate.set()
    writer.close()
    assert store.written == [EXPOSURES]


def test_a_late_failure_is_logged_without_saying_whose_it_is(
    writers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    store = GatedStore(RuntimeError(EXPOSURES.id), is_open=False)
    writer = writers(store)
    writer.remember([EXPOSURES], within_s=0.001)
    store.gate.set()
    writer.close()
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["remembered"] == "failed"
    assert EXPOSURES.id not in line


def test_while_a_store_hangs_no_more_than_a_few_writes_wait_for_it(writers: Any) -> None:
    store = GatedStore(is_open=False)
    writer = writers(store)
    outcomes = [writer.remember([EXPOSURES], within_s=0.001) for _ in range(MAX_WAITING + 3)]
    assert outcomes == [Remembered.LATE] * MAX_WAITING + [Remembered.BUSY] * 3
    assert store.written == []


def test_with_no_time_left_it_is_begun_and_not_waited_for(writers: Any) -> None:
    store = GatedStore(is_open=False)
    writer = writers(store)
    assert writer.remember([EXPOSURES], within_s=-1.0) is Remembered.LATE
    store.gate.set()
    writer.close()
    assert store.written == [EXPOSURES]


# In the handler


def opened(
    memory: FakeMemory,
    *,
    method: str = "GET",
    seconds: Sequence[float] = (5.0, 5.01, 5.02, 5.03),
    **options: Any,
) -> Any:
    clock = iter(seconds)
    recommender = FakeRecommender(**{"to_store": [EXPOSURES], **options})
    handler = create_recommendations(
        fakes.RECOMMENDATIONS,
        lambda: recommender,
        lambda: memory,
        clock=fakes.now,
        monotonic=lambda: next(clock),
    )
    response = endpoint("recommendations", lambda: handler)(get({"t": token()}, method=method))
    return response, recommender


def test_an_open_is_remembered_within_what_is_left_of_the_deadline(
    capsys: pytest.CaptureFixture[str],
) -> None:
    memory = FakeMemory()
    response, recommender = opened(memory)
    assert memory.given == [([EXPOSURES], pytest.approx(0.17))]
    assert recommender.campaigns == [fakes.RECIPIENT.campaign]
    assert "to_store" not in body_of(response)
    assert json.loads(capsys.readouterr().out)["remembered"] == "written"


@pytest.mark.parametrize("options", [{"method": "HEAD"}, {"to_store": []}])
def test_what_need_not_be_remembered_is_not(options: dict[str, Any]) -> None:
    memory = FakeMemory()
    assert opened(memory, **options)[0].status_code == 200
    assert memory.given == []


def test_a_failure_to_remember_costs_no_answer_but_a_word_in_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    response, _ = opened(FakeMemory(ZeroDivisionError(fakes.RECIPIENT.shopper)))
    assert response.status_code == 200
    assert len(body_of(response)["items"]) == fakes.RECOMMENDATIONS.slots
    line = json.loads(capsys.readouterr().out)
    assert (line["remembered"], line["exception"]) == ("failed", "builtins.ZeroDivisionError")
    assert fakes.RECIPIENT.shopper not in str(line)
