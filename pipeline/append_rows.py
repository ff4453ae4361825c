"""AppendRows of BigQuery's Storage Write API: a connection, and rows of the archive as its messages.

https://cloud.google.com/bigquery/docs/write-api. Nothing of BigQuery is imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cache, lru_cache
from queue import SimpleQueue
from typing import Any

from evermail import clock
from evermail.archive.bigquery import schema
from evermail.archive.location import Table
from evermail.archive.record import Row

CONNECTION_S = 300.0
"""How long a connection is used; BigQuery itself ends those that are idle for ten minutes."""

ANSWER_S = 60.0
"""How long an answer may take at least, before the connection is given up."""


@lru_cache(maxsize=1)
def shared_client() -> Any:
    """The process's client, with the credentials of the worker."""
    from google.cloud.bigquery_storage_v1 import BigQueryWriteClient

    return BigQueryWriteClient()


class Appender:
    """Appends to the default stream of a table, one request at a time, over a connection that lasts.

    The client library has a manager of such connections, but it answers with a delay, as it polls, and does
    not say why a connection could not be opened.
    """

    def __init__(self, table: Table, client: Callable[[], Any], monotonic: Callable[[], float]) -> None:
        """`monotonic` is in seconds. Connects when there is something to append."""
        self._table = table
        self._client = client
        self._monotonic = monotonic
        self._requests: SimpleQueue[Any] | None = None
        self._responses: Any = None
        self._renew_at = 0.0

    def append(self, rows: list[bytes]) -> Any:
        """The answer, an `AppendRowsResponse`, with its errors. Raises what the call raises, such as
        `GoogleAPICallError`; the connection should be closed then."""
        from google.cloud.bigquery_storage_v1 import types

        if self._requests is not None and self._monotonic() >= self._renew_at:
            self.close()
        request = types.AppendRowsRequest()
        request.proto_rows.rows.serialized_rows.extend(rows)
        if self._requests is None:
            self._open(request)
        else:
            self._requests.put(request)
        response = next(self._responses, None)
        if response is None:
            raise ConnectionError("BigQuery has ended the connection without an answer")
        return response

    def close(self) -> None:
        if self._requests is not None:
            self._requests.put(None)
            self._requests = None
        if self._responses is not None:
            with suppress(Exception):  # it may have ended by itself
                self._responses.cancel()
            self._responses = None

    def _open(self, request: Any) -> None:
        """Opens a connection with its first request, which says what the rows are."""
        from google.cloud.bigquery_storage_v1 import types

        client = self._client()
        stream = client.write_stream_path(
            self._table.project, self._table.dataset, self._table.table, "_default"
        )
        request.write_stream = stream
        request.trace_id = "evermail:archive"
        request.proto_rows.writer_schema = types.ProtoSchema(proto_descriptor=descriptor())
        requests = self._requests = SimpleQueue()
        requests.put(request)
        self._renew_at = self._monotonic() + CONNECTION_S
        self._responses = client.append_rows(
            iter(requests.get, None),
            retry=None,  # it would start again with requests that are gone
            timeout=CONNECTION_S + ANSWER_S,
            metadata=(("x-goog-request-params", f"write_stream={stream}"),),
        )


@cache
def descriptor() -> Any:
    """The message that a row is sent as, made of the table's schema.

    https://cloud.google.com/bigquery/docs/write-api#data_type_conversions
    """
    from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto

    kinds = {
        "STRING": FieldDescriptorProto.TYPE_STRING,
        "INTEGER": FieldDescriptorProto.TYPE_INT64,
        "TIMESTAMP": FieldDescriptorProto.TYPE_INT64,  # microseconds since the epoch
    }
    modes = {
        "REQUIRED": FieldDescriptorProto.LABEL_REQUIRED,
        "NULLABLE": FieldDescriptorProto.LABEL_OPTIONAL,
        "REPEATED": FieldDescriptorProto.LABEL_REPEATED,
    }
    return DescriptorProto(
        name="ArchiveRow",
        field=[
            FieldDescriptorProto(
                name=column["name"], number=number, type=kinds[column["type"]], label=modes[column["mode"]]
            )
            for number, column in enumerate(schema(), start=1)
        ],
    )


def encode(row: Row) -> bytes:
    """A row as the message that `descriptor` describes. What says nothing is null in the table."""
    message = _message_class()()
    for column in schema():
        name = column["name"]
        value = getattr(row, name)
        if isinstance(value, tuple):
            getattr(message, name).extend(value)
        elif isinstance(value, datetime):
            setattr(message, name, clock.from_datetime(value))
        elif name == "event":
            message.event = bytes(value).decode()
        elif value or column["mode"] == "REQUIRED":
            setattr(message, name, value)
    encoded: bytes = message.SerializeToString()
    return encoded


@cache
def _message_class() -> Any:
    from google.protobuf import descriptor_pool, message_factory
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    pool = descriptor_pool.DescriptorPool()
    file = FileDescriptorProto(name="archive_row.proto", package="evermail", syntax="proto2")
    file.message_type.append(descriptor())
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("evermail.ArchiveRow"))
