"""The broker behind gRPC, on a loopback port: what a client finds at `PUBSUB_EMULATOR_HOST`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import grpc

from demo.processes import HOST, PortBusy, require_port
from demo.pubsub import publisher, subscriber
from demo.pubsub.broker import Broker
from demo.pubsub.errors import (
    AlreadyExists,
    Closed,
    Full,
    Invalid,
    NotFound,
    PubSubError,
    Unsupported,
)

THREADS = 64
MAX_WAITING = 48
"""Pulls and streams that may wait at a time; the other threads stay free for everything else."""

STOP_GRACE_S = 1.0
"""How long `stop` lets calls in progress finish. Waiting ones end at once."""

_CODES: dict[type[PubSubError], grpc.StatusCode] = {
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    Full: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Closed: grpc.StatusCode.UNAVAILABLE,
}


class EmbeddedPubSub:
    """A Pub/Sub server in this process. Use as a context manager, or call `start` and `stop`.

        with EmbeddedPubSub() as pubsub:
            os.environ["PUBSUB_EMULATOR_HOST"] = pubsub.endpoint

    `broker` can be read and written from this process without gRPC. Stop the clients first: they
    take a server that goes away for one that will come back, and keep trying.
    """

    def __init__(self, host: str = HOST, port: int = 0, *, broker: Broker | None = None) -> None:
        """Port 0 takes a free one. Opens nothing yet."""
        self.broker = broker or Broker()
        self._host = host
        self._port = port
        self._server: Any = None
        self._threads: ThreadPoolExecutor | None = None

    @property
    def endpoint(self) -> str:
        """`host:port` of the running server."""
        if self._server is None:
            raise RuntimeError("the embedded Pub/Sub is not running")
        return f"{self._host}:{self._port}"

    def start(self) -> Self:
        """Raises `PortBusy`, naming the port, when it cannot be had."""
        if self._server is not None:
            raise RuntimeError("the embedded Pub/Sub is already running")
        if self._host == HOST:
            require_port(self._port)
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pubsub")
        server = grpc.server(
            threads,
            handlers=[_Methods(self.broker)],
            options=[
                ("grpc.so_reuseport", 0),  # else two servers share a port, and each gets half of the calls
                ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # so that we say what is too long
                ("grpc.max_send_message_length", -1),
            ],
        )
        try:
            self._port = server.add_insecure_port(f"{self._host}:{self._port}")
        except RuntimeError as error:
            threads.shutdown(wait=False)
            raise PortBusy(f"port {self._port} on {self._host} cannot be opened: choose another") from error
        server.start()
        self._server, self._threads = server, threads
        return self

    def stop(self) -> None:
        """Ends every call and thread, and with them the broker. Harmless when not running."""
        server, threads = self._server, self._threads
        if server is None or threads is None:
            return
        self._server = self._threads = None
        self.broker.close()
        server.stop(STOP_GRACE_S).wait()
        threads.shutdown(wait=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
    """Finds the method of a call; one that is not served says so by name."""

    def __init__(self, broker: Broker) -> None:
        self._handlers: dict[str, Any] = {}
        for service, instance, requests in (
            ("Publisher", publisher.Publisher(broker), publisher.REQUESTS),
            ("Subscriber", subscriber.Subscriber(broker, MAX_WAITING), subscriber.REQUESTS),
        ):
            for method, request in requests.items():
                self._handlers[f"/google.pubsub.v1.{service}/{method}"] = _handler(
                    getattr(instance, method), request, streams=method == "StreamingPull"
                )

    def service(self, call: Any) -> Any:
        return self._handlers.get(call.method) or grpc.unary_unary_rpc_method_handler(
            lambda _, context: context.abort(
                grpc.StatusCode.UNIMPLEMENTED, f"the embedded Pub/Sub does not serve {call.method}"
            )
        )


def _handler(method: Callable[[Any, Any], Any], request: Any, *, streams: bool) -> Any:
    def one(request: Any, context: Any) -> Any:
        try:
            return method(request, context)
        except PubSubError as error:
            context.abort(_CODES[type(error)], str(error))

    def stream(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        try:
            yield from method(requests, context)
        except PubSubError as error:
            context.abort(_CODES[type(error)], str(error))

    make = grpc.stream_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
    return make(
        stream if streams else one,
        request_deserializer=request.FromString,
        response_serializer=_serialize,
    )


def _serialize(response: Any) -> bytes:
    data: bytes = response.SerializeToString()
    return data
