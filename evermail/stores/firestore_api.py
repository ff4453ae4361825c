"""The calls to Firestore that the store makes, as bare protocol buffers over gRPC.

Google's generated client wraps every message in proto-plus objects, which cost more than the rest of a call;
its message types and its authentication are used, its calls are not.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import grpc
from google.auth.exceptions import GoogleAuthError
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import common, document, firestore, query, write
from grpc.experimental import ChannelOptions

from evermail.stores.base import StoreError, StoreUnavailable

EMULATOR_VARIABLE = "FIRESTORE_EMULATOR_HOST"

DocumentProto: Any = document.Document.pb()
ValueProto: Any = document.Value.pb()
WriteProto: Any = write.Write.pb()
Precondition: Any = common.Precondition.pb()
_Mask: Any = common.DocumentMask.pb()
_BatchGetRequest: Any = firestore.BatchGetDocumentsRequest.pb()
_BatchGetResponse: Any = firestore.BatchGetDocumentsResponse.pb()
_BatchWriteRequest: Any = firestore.BatchWriteRequest.pb()
_BatchWriteResponse: Any = firestore.BatchWriteResponse.pb()
_RunQueryRequest: Any = firestore.RunQueryRequest.pb()
_RunQueryResponse: Any = firestore.RunQueryResponse.pb()
_StructuredQuery: Any = query.StructuredQuery.pb()
_Cursor: Any = query.Cursor.pb()

_SERVICE = "/google.firestore.v1.Firestore"
_OPTIONS = [
    # Answers are read on the calling thread: a hand-over for each of ten documents would double the time.
    (ChannelOptions.SingleThreadedUnaryStream, 1),
    ("grpc.max_receive_message_length", -1),
    # A store that comes back should be noticed soon, not after gRPC's usual two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.keepalive_time_ms", 60_000),
]


class CallFailed(StoreUnavailable):
    """A call failed as a whole, with this gRPC code."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(f"Firestore: {code.name}: {message}")
        self.code = code


class Status(NamedTuple):
    """What became of one write: `code` is a gRPC code's number, 0 if it was written."""

    code: int
    message: str
    update_time: Any
    """Protobuf timestamp of the written document."""


class Api:
    """A connection to one database. Safe to share between threads, but not across a fork."""

    def __init__(self, project: str, database: str) -> None:
        self.database = f"projects/{project}/databases/{database}"
        self.documents = f"{self.database}/documents"
        self._channel, self._metadata = _connect(self.database)
        self._batch_get = self._call("BatchGetDocuments", _BatchGetRequest, _BatchGetResponse, streams=True)
        self._batch_write = self._call("BatchWrite", _BatchWriteRequest, _BatchWriteResponse)
        self._run_query = self._call("RunQuery", _RunQueryRequest, _RunQueryResponse, streams=True)

    def get(self, names: Iterable[str], *, fields: Sequence[str], timeout_s: float) -> Iterator[Any]:
        """The documents that exist, in any order, with these fields only. Raises `CallFailed`."""
        request = _BatchGetRequest(database=self.database, documents=names, mask=_Mask(field_paths=fields))
        for response in self._stream(self._batch_get, request, f"database={quote(self.database)}", timeout_s):
            if response.HasField("found"):
                yield response.found

    def write(self, writes: Sequence[Any], *, timeout_s: float) -> list[Status]:
        """Writes each for itself (it is no transaction); says of each what became of it.

        No document may occur twice. A write that is wrong in itself makes Firestore refuse the whole call:
        the rest is then tried without it. Raises `CallFailed` if the call fails for any other reason.
        """
        request = _BatchWriteRequest(database=self.database, writes=writes)
        try:
            response = self._unary(request, timeout_s)
        except CallFailed as failure:
            if failure.code != grpc.StatusCode.INVALID_ARGUMENT:
                raise
            if len(writes) == 1:
                return [Status(failure.code.value[0], str(failure), None)]
            half = len(writes) // 2
            return [
                *self.write(writes[:half], timeout_s=timeout_s),
                *self.write(writes[half:], timeout_s=timeout_s),
            ]
        return [
            Status(status.code, status.message, result.update_time)
            for status, result in zip(response.status, response.write_results, strict=True)
        ]

    def page(
        self, collection: str, *, fields: Sequence[str], after: str, limit: int, timeout_s: float
    ) -> list[Any]:
        """The `limit` documents of a collection whose names follow `after`, with these fields only.

        Raises `CallFailed`.
        """
        structured = _StructuredQuery(
            select={"fields": [{"field_path": field} for field in fields]},
            order_by=[{"field": {"field_path": "__name__"}, "direction": "ASCENDING"}],
            limit={"value": limit},
        )
        structured.from_.add(collection_id=collection)
        if after:
            structured.start_at.CopyFrom(_Cursor(values=[ValueProto(reference_value=after)], before=False))
        return self._query(structured, timeout_s)

    def find(self, collection: str, *, field: str, value: str, timeout_s: float) -> list[str]:
        """The names of a collection's documents in which this field is this text. Raises `CallFailed`."""
        equal = {"field": {"field_path": field}, "op": "EQUAL", "value": {"string_value": value}}
        structured = _StructuredQuery(
            select={"fields": [{"field_path": "__name__"}]}, where={"field_filter": equal}
        )
        structured.from_.add(collection_id=collection)
        return [document.name for document in self._query(structured, timeout_s)]

    def close(self) -> None:
        self._channel.close()

    def _call(self, method: str, request: Any, response: Any, *, streams: bool = False) -> Any:
        make = self._channel.unary_stream if streams else self._channel.unary_unary
        return make(
            f"{_SERVICE}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )

    def _query(self, structured: Any, timeout_s: float) -> list[Any]:
        request = _RunQueryRequest(parent=self.documents, structured_query=structured)
        responses = self._stream(self._run_query, request, f"parent={quote(self.documents)}", timeout_s)
        return [response.document for response in responses if response.HasField("document")]

    def _unary(self, request: Any, timeout_s: float) -> Any:
        metadata = (*self._metadata, ("x-goog-request-params", f"database={quote(self.database)}"))
        try:
            return self._batch_write(request, timeout=timeout_s, metadata=metadata)
        except (grpc.RpcError, ValueError) as error:
            raise _failure(error) from error

    def _stream(self, call: Any, request: Any, routing: str, timeout_s: float) -> Iterator[Any]:
        metadata = (*self._metadata, ("x-goog-request-params", routing))
        try:
            yield from call(request, timeout=timeout_s, metadata=metadata)
        except (grpc.RpcError, ValueError) as error:
            raise _failure(error) from error


def _failure(error: Exception) -> CallFailed:
    if isinstance(error, grpc.Call):
        return CallFailed(error.code(), error.details() or "")
    return CallFailed(grpc.StatusCode.CANCELLED, str(error))  # ValueError: the channel was closed


def _connect(database: str) -> tuple[Any, tuple[tuple[str, str], ...]]:
    """A channel, and the metadata of every call. Raises `StoreError` where there are no credentials."""
    prefix = ("google-cloud-resource-prefix", database)
    emulator = os.environ.get(EMULATOR_VARIABLE)
    if emulator:
        # The emulator takes this token for one that may do everything.
        return grpc.insecure_channel(emulator, options=_OPTIONS), (prefix, ("authorization", "Bearer owner"))
    try:
        channel = FirestoreGrpcTransport.create_channel(
            scopes=FirestoreGrpcTransport.AUTH_SCOPES, options=_OPTIONS
        )
    except GoogleAuthError as problem:
        raise StoreError(f"cannot open Firestore {database}: {problem}") from problem
    return channel, (prefix,)
