"""One streaming pull: messages flow out, acknowledgements and deadlines flow in.

gRPC's threads drive the two directions: `responses` runs in the handler's thread, and a thread of
its own reads the requests, since both block. It ends with the call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import grpc

from demo.pubsub import wire
from demo.pubsub.broker import MAX_PULL, Broker
from demo.pubsub.errors import Invalid, PubSubError
from demo.pubsub.lease_queue import Holder
from demo.pubsub.subscription import MAX_ACK_DEADLINE_S, MIN_ACK_DEADLINE_S
from evermail.clock import MINUTE, SECOND


class Stream:
    """Created per call; `responses` may be iterated once."""

    def __init__(self, broker: Broker, requests: Iterator[Any], context: Any) -> None:
        self._broker = broker
        self._requests = requests
        self._context = context
        self._subscription = ""
        self._lease_us = 0
        self._client_done = False
        self._refused: PubSubError | None = None

    def responses(self) -> Iterator[Any]:
        """Ends when the client closes its side or goes away; raises what the client is to be told."""
        first = next(self._requests, None)
        if first is None:
            return
        if not first.subscription:
            raise Invalid("the first request of a stream must name its subscription")
        self._subscription = first.subscription
        self._lease_us = self._broker.subscription(first.subscription).ack_deadline_s * SECOND
        holder = Holder(max(0, first.max_outstanding_messages), max(0, first.max_outstanding_bytes))
        self._apply(first)
        if not self._context.add_callback(self._wake):
            return
        threading.Thread(target=self._read_requests, name="pubsub-stream-reader", daemon=True).start()
        while self._wanted():
            deliveries = self._broker.pull(
                self._subscription,
                MAX_PULL,
                wait_us=MINUTE,
                lease_us=self._lease_us,
                holder=holder,
                still_wanted=self._wanted,
            )
            if deliveries:
                response = wire.STREAMING_PULL_RESPONSE()
                wire.add_deliveries(response.received_messages, deliveries)
                yield response
        if self._refused is not None:
            raise self._refused

    def _wanted(self) -> bool:
        return not self._client_done and self._context.is_active()

    def _wake(self) -> None:
        self._broker.wake(self._subscription)

    def _read_requests(self) -> None:
        try:
            for request in self._requests:
                self._apply(request)
        except PubSubError as error:
            self._refused = error
        except grpc.RpcError:
            pass  # the call has ended
        except Exception:
            # gRPC's request iterator raises a bare Exception when the client cancels.
            if self._context.is_active():
                raise
        finally:
            self._client_done = True
            self._wake()

    def _apply(self, request: Any) -> None:
        """Also a heartbeat, which carries nothing."""
        seconds, ids = request.modify_deadline_seconds, request.modify_deadline_ack_ids
        if len(seconds) != len(ids):
            raise Invalid("modify_deadline_seconds and modify_deadline_ack_ids differ in length")
        if request.stream_ack_deadline_seconds:
            if not MIN_ACK_DEADLINE_S <= request.stream_ack_deadline_seconds <= MAX_ACK_DEADLINE_S:
                raise Invalid(
                    f"stream_ack_deadline_seconds must be {MIN_ACK_DEADLINE_S} to {MAX_ACK_DEADLINE_S}"
                )
            self._lease_us = request.stream_ack_deadline_seconds * SECOND
        if request.ack_ids:
            self._broker.acknowledge(self._subscription, request.ack_ids)
        for deadline_s in set(seconds):
            chosen = [ack_id for ack_id, s in zip(ids, seconds, strict=True) if s == deadline_s]
            self._broker.modify_ack_deadline(self._subscription, chosen, deadline_s)
