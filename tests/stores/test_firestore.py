"""What is Firestore's own: how documents look there, the fence against other writers, and failing calls."""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from urllib.parse import unquote

import grpc
import pytest
from google.cloud import firestore as google_firestore
from hypothesis import given
from hypothesis import strategies as st

from demo.processes import HOST, free_port
from evermail.clock import to_datetime
from evermail.documents import Key, Suppression
from evermail.stores import Outcome, StoreError, StoreUnavailable
from evermail.stores.firestore import FirestoreStore, escape
from evermail.stores.firestore_api import Api, CallFailed, DocumentProto, Status, WriteProto
from evermail.stores.firestore_writes import MAX_ATTEMPTS, MAX_WRITES, FencedWrite, FencedWriter

NOW = 1_790_000_000_123_456
KEY = Key("suppressions", "a/b")
_projects = itertools.count()


def suppression(version: int = 1, *, id: str = "a/b", expire_at: int | None = None) -> Suppression:
    return Suppression(id=id, version=version, updated_at=NOW, reason="asked", expire_at=expire_at)


def outcome(store: FirestoreStore, version: int) -> Outcome:
    return store.put_many([suppression(version)])[0].outcome


@pytest.fixture
def project(firestore_emulator_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A project of this test's own in the emulator."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_emulator_endpoint)
    return f"firestore-{next(_projects)}"


# How documents look in Firestore


def test_firestore_sees_native_fields_and_readable_json(project: str) -> None:
    FirestoreStore(project).put_many([suppression(7, expire_at=NOW + 1), suppression(7, id="c")])
    collection = google_firestore.Client(project).collection("suppressions")
    seen = collection.document("a%2Fb").get().to_dict()
    assert seen == {
        "version": 7,
        "updated_at": to_datetime(NOW),
        "expire_at": to_datetime(NOW + 1),
        "body": seen["body"],
    }
    assert json.loads(seen["body"])["id"] == "a/b"
    assert "expire_at" not in collection.document("c").get().to_dict()


def test_a_foreign_document_is_named(project: str) -> None:
    google_firestore.Client(project).document("suppressions/x").set({"hello": "world"})
    with pytest.raises(StoreError, match="suppressions/x is not a document") as failure:
        FirestoreStore(project).get_many([Key("suppressions", "x")])
    assert not isinstance(failure.value, StoreUnavailable)


def test_databases_are_kept_apart(project: str) -> None:
    FirestoreStore(project, "one").put_many([suppression()])
    assert KEY in FirestoreStore(project, "one").get_many([KEY])
    assert FirestoreStore(project, "two").get_many([KEY]) == {}


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text("._%/25EF", min_size=1, max_size=6))
def test_escaped_ids_are_allowed_and_reversible(id: str) -> None:
    escaped = escape(id)
    assert unquote(escaped) == id
    assert "/" not in escaped
    assert escaped not in (".", "..")
    assert not re.fullmatch("__.*__", escaped, re.DOTALL)


def test_an_id_too_long_when_escaped_is_permanent_and_absent(project: str) -> None:
    store = FirestoreStore(project)
    long = suppression(id="/" * 501)
    [result] = store.put_many([long])
    assert result.outcome == Outcome.PERMANENT
    assert "escaped" in result.message
    assert store.get_many([long.key]) == {}
    store.delete_many([long.key])


# The fence against other writers


def test_a_write_of_another_is_noticed(project: str) -> None:
    mine, other = FirestoreStore(project), FirestoreStore(project)
    assert outcome(mine, 1) == Outcome.WRITTEN
    assert outcome(other, 5) == Outcome.WRITTEN
    assert outcome(mine, 3) == Outcome.STALE
    assert outcome(mine, 6) == Outcome.WRITTEN
    assert outcome(other, 7) == Outcome.WRITTEN
    assert outcome(other, 6) == Outcome.STALE


def test_a_deletion_by_another_is_noticed(project: str) -> None:
    mine, other = FirestoreStore(project), FirestoreStore(project)
    for lower_or_higher in (4, 6):
        assert outcome(mine, 5) == Outcome.WRITTEN
        other.delete_many([KEY])
        assert outcome(mine, lower_or_higher) == Outcome.WRITTEN
        mine.delete_many([KEY])


# Failing calls


@pytest.fixture(params=["refused", "silent"])
def unreachable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FirestoreStore]:
    """A store at a port where nobody listens, or where somebody does but never answers."""
    port = free_port()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"{HOST}:{port}")
    store = FirestoreStore("p", timeout_s=0.3)
    if request.param == "refused":
        yield store
    else:
        with socket.create_server((HOST, port)):
            yield store
    store.close()


def test_an_unreachable_store_says_so_after_the_time_given(
    unreachable: FirestoreStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = []

    def noting(call: Callable[..., Any]) -> Callable[..., Any]:
        def one(request: Any, *, timeout: float, **kwargs: Any) -> Any:
            limits.append(timeout)
            return call(request, timeout=timeout, **kwargs)

        return one

    for name in ("_batch_get", "_batch_write", "_run_query"):
        monkeypatch.setattr(unreachable._api, name, noting(getattr(unreachable._api, name)))
    with pytest.raises(StoreUnavailable):
        unreachable.get_many([KEY], timeout_s=0.1)
    with pytest.raises(StoreUnavailable):
        unreachable.ping(timeout_s=0.2)
    with pytest.raises(StoreUnavailable):
        unreachable.delete_many([KEY])
    with pytest.raises(StoreUnavailable):
        next(unreachable.scan("products"))
    results = unreachable.put_many([suppression(id=f"{n}") for n in range(3 * MAX_WRITES)])
    assert {result.outcome for result in results} == {Outcome.TRANSIENT}
    assert re.search("UNAVAILABLE|DEADLINE_EXCEEDED", results[-1].message)
    # Each call had a limit of its own, and the first that failed spared the other documents the wait.
    assert limits == [0.1, 0.2, 0.3, 0.3, 0.3]


def test_a_store_that_comes_back_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"{HOST}:{port}")
    store = FirestoreStore("p")
    with pytest.raises(StoreUnavailable):
        store.ping(timeout_s=1)
    answer = grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
    service = "google.firestore.v1.Firestore"
    handler = grpc.method_handlers_generic_handler(service, {"BatchGetDocuments": answer})
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads, handlers=[handler])
        server.add_insecure_port(f"{HOST}:{port}")
        server.start()
        deadline = time.monotonic() + 20
        while True:
            try:
                store.ping(timeout_s=1)
                break
            except StoreUnavailable:
                assert time.monotonic() < deadline
        store.close()
        server.stop(None).wait()


def test_missing_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file.json")
    with pytest.raises(StoreError, match="cannot open Firestore projects/p"):
        FirestoreStore("p")


def test_a_wrong_write_does_not_take_the_whole_call_with_it(project: str) -> None:
    api = Api(project, "(default)")
    ids = ["a", "__reserved__", "c", "d", "e", "..", "g"]
    writes = [WriteProto(update=DocumentProto(name=f"{api.documents}/c/{id}")) for id in ids]
    refused = grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert [status.code for status in api.write(writes, timeout_s=30)] == [0, refused, 0, 0, 0, refused, 0]


class ScriptedApi:
    """Answers every write with the next of the given codes, the last one for good, and counts the calls."""

    def __init__(self, *codes: grpc.StatusCode, whole_call: bool = False) -> None:
        self.codes = list(codes)
        self.whole_call = whole_call
        self.reads: list[list[str]] = []
        self.writes = 0

    def get(self, names: Iterable[str], *, fields: Sequence[str], timeout_s: float) -> Iterator[Any]:
        self.reads.append(list(names))
        return iter(())

    def write(self, writes: Sequence[Any], *, timeout_s: float) -> list[Status]:
        self.writes += 1
        code = self.codes.pop(0) if len(self.codes) > 1 else self.codes[0]
        if self.whole_call:
            raise CallFailed(code, "as scripted")
        return [Status(code.value[0], "as scripted", DocumentProto().update_time) for _ in writes]


def writer_to(api: ScriptedApi, *, remembered: int = 10) -> FencedWriter:
    return FencedWriter(cast(Api, api), timeout_s=1, remembered=remembered)


def fenced(name: str, version: int = 1) -> FencedWrite:
    return FencedWrite(DocumentProto(name=name), version)


OK = grpc.StatusCode.OK
PERMANENT_CODES = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE}


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code != OK])
def test_only_a_fault_of_the_document_is_permanent(code: grpc.StatusCode) -> None:
    [result] = writer_to(ScriptedApi(code)).write([fenced("a")])
    assert result.outcome == (Outcome.PERMANENT if code in PERMANENT_CODES else Outcome.TRANSIENT)
    assert "as scripted" in result.message


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_contended_write_is_tried_again_a_bounded_number_of_times(code: grpc.StatusCode) -> None:
    twice = ScriptedApi(code, code, OK)
    assert writer_to(twice).write([fenced("a")])[0].outcome == Outcome.WRITTEN
    assert (len(twice.reads), twice.writes) == (3, 3)
    forever = ScriptedApi(code)
    assert writer_to(forever).write([fenced("a")])[0].outcome == Outcome.TRANSIENT
    assert forever.writes == MAX_ATTEMPTS


def test_a_failed_call_spares_the_rest_of_the_documents_the_wait() -> None:
    api = ScriptedApi(grpc.StatusCode.DEADLINE_EXCEEDED, whole_call=True)
    results = writer_to(api).write([fenced(f"{n}") for n in range(3 * MAX_WRITES)])
    assert [result.outcome for result in results] == [Outcome.TRANSIENT] * (3 * MAX_WRITES)
    assert api.writes == 1


def test_what_was_written_last_need_not_be_read_again() -> None:
    api = ScriptedApi(OK)
    writer = writer_to(api, remembered=2)
    writer.write([fenced("a"), fenced("b"), fenced("c")])
    writer.write([fenced("a", 2), fenced("b", 2), fenced("c", 2)])
    writer.forget(["c"])
    writer.write([fenced("b", 3), fenced("c", 3)])
    writer.write([fenced("b", 3)])  # it looks stale, which only the store itself can tell
    assert api.reads == [["a", "b", "c"], ["a"], ["c"], ["b"]]
