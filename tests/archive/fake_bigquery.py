"""BigQuery's AppendRows on loopback: takes rows by the schema that they come with, and has bad days."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

METHOD = "/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"

Answer = Callable[["FakeBigQuery", list[dict[str, Any]], Any], types.AppendRowsResponse | None]
"""What becomes of a request's rows: a response, or none for the end of the connection."""


def takes(server: FakeBigQuery, rows: list[dict[str, Any]], context: Any) -> types.AppendRowsResponse:
    server.rows += rows
    return types.AppendRowsResponse(append_result=types.AppendRowsResponse.AppendResult())


def ends(server: FakeBigQuery, rows: list[dict[str, Any]], context: Any) -> None:
    """The connection ends, with nothing said."""


def breaks(code: grpc.StatusCode, message: str = "", *, after_taking: bool = False) -> Answer:
    """The connection breaks, before or after the rows were taken."""

    def answer(server: FakeBigQuery, rows: list[dict[str, Any]], context: Any) -> None:
        if after_taking:
            server.rows += rows
        context.abort(code, message)

    return answer


def refuses(code: int, message: str, wrong: dict[int, str] | None = None) -> Answer:
    """A response with an error and, by their places, what is wrong with rows. None of them is taken."""

    def answer(server: FakeBigQuery, rows: list[dict[str, Any]], context: Any) -> types.AppendRowsResponse:
        return types.AppendRowsResponse(
            error={"code": code, "message": message},
            row_errors=[
                types.RowError(index=index, code=types.RowError.RowErrorCode.FIELDS_ERROR, message=text)
                for index, text in (wrong or {}).items()
            ],
        )

    return answer


@dataclass(frozen=True)
class Connect:
    """Makes clients of a server by its port; pickled with the DoFn that it is given to."""

    endpoint: str

    def __call__(self) -> BigQueryWriteClient:
        channel = grpc.insecure_channel(self.endpoint)
        return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))


@dataclass
class FakeBigQuery:
    """Use as a context manager. `answers` are for the next requests; after them all rows are taken."""

    answers: list[Answer] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    """The stream of each connection."""
    routing: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        handler = grpc.stream_stream_rpc_method_handler(
            self._append_rows,
            request_deserializer=types.AppendRowsRequest.deserialize,
            response_serializer=types.AppendRowsResponse.serialize,
        )
        self._threads = ThreadPoolExecutor(4)
        self._server = grpc.server(self._threads, options=[("grpc.max_receive_message_length", 10_000_000)])
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(METHOD.split("/")[1], {"AppendRows": handler})]
        )
        self.endpoint = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0).wait()
        self._threads.shutdown(wait=False)

    @property
    def connect(self) -> Connect:
        return Connect(self.endpoint)

    def _append_rows(
        self, requests: Iterator[types.AppendRowsRequest], context: Any
    ) -> Iterator[types.AppendRowsResponse]:
        message: Any = None
        for request in requests:
            if message is None:
                self.streams.append(request.write_stream)
                self.routing += [
                    value
                    for name, value in context.invocation_metadata()
                    if name == "x-goog-request-params" and value  # the client adds an empty one
                ]
                message = _message_class(request.proto_rows.writer_schema.proto_descriptor)
            rows = [
                json_format.MessageToDict(message.FromString(data), preserving_proto_field_name=True)
                for data in request.proto_rows.rows.serialized_rows
            ]
            with self._lock:
                self.requests.append(rows)
                self.sizes.append(types.AppendRowsRequest.pb(request).ByteSize())
                answer = self.answers.pop(0) if self.answers else takes
                response = answer(self, rows, context)
            if response is None:
                return
            yield response


def _message_class(descriptor: DescriptorProto) -> Any:
    pool = descriptor_pool.DescriptorPool()
    file = FileDescriptorProto(name="sent.proto", package="sent", syntax="proto2")
    file.message_type.append(descriptor)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"sent.{descriptor.name}"))
