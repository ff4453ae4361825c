"""Documents into a store that has bad days: every answer is looked at, and nothing is lost silently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from apache_beam.metrics.metric import MetricsFilter
from streaming_support import (
    NOW,
    Collected,
    FaultyStore,
    Sleeper,
    Stream,
    config,
    pipeline,
    raises,
    run,
    says,
)

from evermail.documents import Document, Neighbor, Neighbors, Profile, from_json
from evermail.events import Code, Rejected
from evermail.stores import Outcome, Store, StoreError, StoreUnavailable, open_store
from pipeline import store_writer
from pipeline.store_writer import BATCH, WriteDocuments, WriteFn

BUDGET_S = 60
TRANSIENT = says(Outcome.TRANSIENT, "try later")

Write = Callable[..., list[Rejected]]


def profile(shopper: str = "anna", version: int = 1) -> Profile:
    return Profile(id=shopper, version=version, updated_at=NOW, as_of=NOW, events=version)


@pytest.fixture
def sleeper() -> Sleeper:
    return Sleeper()


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, sleeper: Sleeper) -> Write:
    """Writes bundles of documents into a store and gives what was refused."""

    def write_(store: FaultyStore | Store, *bundles: Iterable[Document], **changes: Any) -> list[Rejected]:
        monkeypatch.setattr(store_writer, "shared_store", lambda url: store)
        settings = config(store_retry_us=BUDGET_S * 1_000_000, store_backoff=sleeper.backoff(), **changes)
        fn = WriteFn(settings, begun_us=NOW)
        fn.setup()
        refused: list[Any] = []
        for bundle in bundles:
            fn.start_bundle()
            for document in bundle:
                refused += fn.process(document)
            refused += [windowed.value for windowed in fn.finish_bundle()]
        return refused

    return write_


class TestBatches:
    def test_a_bundle_is_one_call(self, write: Write) -> None:
        store = FaultyStore()
        assert write(store, [profile("anna"), profile("ben")]) == []
        assert len(store.calls) == 1
        assert len(store.documents) == 2

    def test_nothing_to_write_is_no_call(self, write: Write) -> None:
        store = FaultyStore()
        write(store, [], [])
        assert store.calls == []

    def test_only_the_highest_version_of_a_document_is_written(self, write: Write) -> None:
        store = FaultyStore()
        write(store, [profile("anna", 2), profile("ben", 5), profile("anna", 3), profile("anna", 1)])
        (call,) = store.calls
        assert sorted((document.id, document.version) for document in call) == [("anna", 3), ("ben", 5)]

    def test_documents_of_two_collections_with_one_id_are_two(self, write: Write) -> None:
        store = FaultyStore()
        row = Neighbors(
            id="anna", version=1, updated_at=NOW, as_of=NOW, total=1.0, neighbors=[Neighbor("A", 1.0)]
        )
        write(store, [profile("anna"), row])
        assert len(store.documents) == 2

    def test_a_large_bundle_is_written_in_calls_of_what_firestore_takes(self, write: Write) -> None:
        store = FaultyStore()
        write(store, [profile(f"s{n}") for n in range(2 * BATCH + 1)])
        assert [len(call) for call in store.calls] == [BATCH, BATCH, 1]
        assert len(store.documents) == 2 * BATCH + 1

    def test_a_bundle_leaves_nothing_to_the_next(self, write: Write) -> None:
        store = FaultyStore()
        write(store, [profile("anna")], [profile("ben")])
        assert [[document.id for document in call] for call in store.calls] == [["anna"], ["ben"]]

    def test_a_stale_document_is_no_failure(self, write: Write) -> None:
        store = FaultyStore(says(Outcome.STALE))
        assert write(store, [profile()]) == []
        assert len(store.calls) == 1


class TestTransientErrors:
    def test_they_are_tried_again_until_they_pass(self, write: Write, sleeper: Sleeper) -> None:
        store = FaultyStore(TRANSIENT, TRANSIENT, TRANSIENT)
        assert write(store, [profile()]) == []
        assert len(store.documents) == 1
        assert sleeper.pauses == pytest.approx([0.1, 0.2, 0.4])

    def test_only_what_failed_is_tried_again(self, write: Write) -> None:
        store = FaultyStore(says(Outcome.TRANSIENT, of="ben"))
        assert write(store, [profile("anna"), profile("ben"), profile("cleo")]) == []
        assert [[document.id for document in call] for call in store.calls] == [
            ["anna", "ben", "cleo"],
            ["ben"],
        ]

    def test_when_the_time_is_up_the_bundle_fails_so_that_the_runner_tries_it_again(
        self, write: Write, sleeper: Sleeper
    ) -> None:
        store = FaultyStore(*[TRANSIENT] * 100)
        with pytest.raises(StoreUnavailable, match="not taken 1 documents within 60 s: try later"):
            write(store, [profile("anna", 7)])
        assert sum(sleeper.pauses) == pytest.approx(BUDGET_S)

    def test_the_bundle_that_is_tried_again_has_time_of_its_own(self, write: Write, sleeper: Sleeper) -> None:
        store = FaultyStore(*[TRANSIENT] * 100)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                write(store, [profile("anna")])
        assert sum(sleeper.pauses) == pytest.approx(2 * BUDGET_S)

    def test_a_store_that_comes_back_at_the_last_try_has_it_all(self, write: Write) -> None:
        failing = FaultyStore(*[TRANSIENT] * 100)
        with pytest.raises(StoreUnavailable):
            write(failing, [profile()])
        tries = len(failing.calls)
        recovering = FaultyStore(*[TRANSIENT] * (tries - 1))
        assert write(recovering, [profile()]) == []
        assert len(recovering.documents) == 1


class TestRampUp:
    def test_without_it_nothing_is_held_back(self, write: Write, sleeper: Sleeper) -> None:
        write(FaultyStore(), [profile(f"s{n}") for n in range(5 * BATCH)], store_workers=100)
        assert sleeper.pauses == []

    def test_calls_are_a_workers_share_of_what_may_be_written_in_a_second(
        self, write: Write, sleeper: Sleeper
    ) -> None:
        store = FaultyStore()
        write(store, [profile(f"s{n}") for n in range(120)], store_ramp_up=True, store_workers=10)
        assert [len(call) for call in store.calls] == [50, 50, 20]
        assert sleeper.pauses == pytest.approx([1.0, 1.0])

    def test_what_is_tried_again_counts_as_well(self, write: Write, sleeper: Sleeper) -> None:
        store = FaultyStore(says(Outcome.TRANSIENT))
        write(store, [profile(f"s{n}") for n in range(50)], store_ramp_up=True, store_workers=10)
        assert [len(call) for call in store.calls] == [50, 50]
        assert sleeper.pauses == pytest.approx([0.1, 0.9])

    def test_bundles_of_a_process_share_it(self, write: Write, sleeper: Sleeper) -> None:
        write(FaultyStore(), [profile("anna")], [profile("ben")], store_ramp_up=True, store_workers=500)
        assert sleeper.pauses == pytest.approx([1.0])

    def test_a_document_that_fails_in_one_call_does_not_hold_up_those_of_the_others(
        self, write: Write
    ) -> None:
        store = FaultyStore(raises(StoreUnavailable("down")))
        write(store, [profile(f"s{n}") for n in range(3)], store_ramp_up=True, store_workers=500)
        assert [[document.id for document in call] for call in store.calls] == [
            ["s0"],
            ["s1"],
            ["s2"],
            ["s0"],
        ]
        assert len(store.documents) == 3

    def test_dataflow_is_told_how_long_was_waited(
        self, monkeypatch: pytest.MonkeyPatch, sleeper: Sleeper
    ) -> None:
        store = FaultyStore(TRANSIENT)
        monkeypatch.setattr(store_writer, "shared_store", lambda url: store)
        p = pipeline()
        source = Stream().arrives(*(profile(f"s{n}") for n in range(7))).source()
        settings = config(
            store_ramp_up=True, store_workers=250, store_backoff=sleeper.backoff(first_s=2.25, longest_s=9.0)
        )
        p | source | WriteDocuments(settings)
        counted = run(p).metrics().query(MetricsFilter().with_name("cumulativeThrottlingSeconds"))["counters"]
        assert len(store.documents) == 7
        # Two at once, then two a second: 3 s to the last of seven. Then 2.25 s before the failed two are
        # tried again, by when it is their turn. Of the 5.25 s whole ones are counted.
        assert [counter.attempted for counter in counted] == [5]


class TestPermanentErrors:
    def test_they_become_dead_letters_at_once(self, write: Write, sleeper: Sleeper) -> None:
        store = FaultyStore(says(Outcome.PERMANENT, "too large", of="ben"))
        (refused,) = write(store, [profile("anna"), profile("ben")])
        assert (refused.stage, refused.code) == ("store_writer", Code.STORE_REFUSED)
        assert refused.message == "profiles/ben: too large"
        assert (refused.pipeline_version, refused.first_seen) == ("test", NOW)
        assert (len(store.calls), sleeper.pauses) == (1, [])

    def test_the_dead_letter_holds_the_document(self, write: Write) -> None:
        document = profile("ben", 9)
        (refused,) = write(FaultyStore(says(Outcome.PERMANENT)), [document])
        assert from_json(refused.attributes["collection"], refused.data) == document

    def test_each_document_is_judged_by_itself(self, write: Write) -> None:
        def mixed(documents: Any) -> Any:
            outcomes = [Outcome.PERMANENT, Outcome.TRANSIENT, Outcome.STALE, Outcome.WRITTEN]
            return [
                says(outcome)([document])[0] for outcome, document in zip(outcomes, documents, strict=True)
            ]

        store = FaultyStore(mixed)
        (refused,) = write(store, [profile(shopper) for shopper in "abcd"])
        assert refused.message.startswith("profiles/a:")
        assert [document.id for document in store.calls[1]] == ["b"]


class TestBrokenPromises:
    """A store's `put_many` answers for every document and does not raise. If it does, nothing is lost."""

    def test_an_exception_is_tried_again(self, write: Write) -> None:
        store = FaultyStore(raises(RuntimeError("boom")), raises(StoreError("bang")))
        assert write(store, [profile("anna"), profile("ben")]) == []
        assert len(store.documents) == 2

    def test_an_exception_that_stays_fails_the_bundle_and_is_told(self, write: Write) -> None:
        store = FaultyStore(*[raises(RuntimeError("boom"))] * 100)
        with pytest.raises(StoreUnavailable, match="2 documents within 60 s: RuntimeError: boom"):
            write(store, [profile("anna"), profile("ben")])

    def test_a_document_without_an_answer_is_tried_again(self, write: Write) -> None:
        store = FaultyStore(lambda documents: says(Outcome.WRITTEN)(documents[:1]))
        assert write(store, [profile("anna"), profile("ben")]) == []
        assert [document.id for document in store.calls[1]] == ["ben"]

    def test_no_answer_at_all_fails_the_bundle(self, write: Write) -> None:
        with pytest.raises(StoreUnavailable, match="no answer"):
            write(FaultyStore(*[lambda documents: []] * 100), [profile()])

    def test_answers_for_unknown_documents_are_passed_over(self, write: Write) -> None:
        store = FaultyStore(lambda documents: says(Outcome.PERMANENT)([profile("stranger")]))
        assert write(store, [profile("anna")]) == []
        assert [key.id for key in store.documents] == ["anna"]


class TestReplays:
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterable[Store]:
        opened = open_store(f"sqlite:///{tmp_path}/store.sqlite3")
        yield opened
        opened.close()

    def test_a_bundle_written_twice_leaves_the_same_documents(self, write: Write, store: Store) -> None:
        bundle = [profile("anna", 1), profile("ben", 2), profile("anna", 3)]
        assert write(store, bundle) == []
        once = list(store.scan("profiles"))
        assert write(store, bundle, bundle) == []
        assert list(store.scan("profiles")) == once == [profile("anna", 3), profile("ben", 2)]

    def test_an_older_bundle_that_comes_again_changes_nothing(self, write: Write, store: Store) -> None:
        write(store, [profile("anna", 1)], [profile("anna", 2)], [profile("anna", 1)])
        assert list(store.scan("profiles")) == [profile("anna", 2)]

    def test_a_write_that_was_done_though_it_failed_is_done_once(self, write: Write, store: Store) -> None:
        class Answerless(FaultyStore):
            def put_many(self, documents: Any) -> Any:
                results = store.put_many(documents)
                self.calls.append(documents)
                if len(self.calls) == 1:
                    raise ConnectionError("the answer was lost")
                return results

        lossy = Answerless()
        assert write(lossy, [profile("anna", 4)]) == []
        assert len(lossy.calls) == 2
        assert list(store.scan("profiles")) == [profile("anna", 4)]


def test_what_is_refused_leaves_the_transform(monkeypatch: pytest.MonkeyPatch, collected: Collected) -> None:
    store = FaultyStore(says(Outcome.PERMANENT, "no", of="s3"), *[says(Outcome.PERMANENT, "no", of="s3")] * 3)
    monkeypatch.setattr(store_writer, "shared_store", lambda url: store)
    p = pipeline()
    stream = Stream().arrives(*(profile(f"s{n}") for n in range(5)))
    p | stream.source() | WriteDocuments(config()) | collected.into("refused")
    run(p)
    assert [refused.message for refused in collected["refused"]] == ["profiles/s3: no"]
