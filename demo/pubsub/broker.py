"""Topics, subscriptions and who waits on them: Pub/Sub's rules in memory, without a protocol.

Safe to call from any thread. A waiting `pull` sleeps on a condition and wakes when there is
something for it to do, never to look whether there might be.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence

from demo.pubsub import names
from demo.pubsub.errors import AlreadyExists, Closed, Invalid, NotFound
from demo.pubsub.lease_queue import Holder, LeaseQueue
from demo.pubsub.messages import MAX_PER_PUBLISH, Delivery, Message, Published, measure
from demo.pubsub.subscription import MAX_ACK_DEADLINE_S, Backlog, Limits, Subscription, checked_ack_deadline
from evermail.clock import SECOND, Clock, now_us

MAX_PULL = 1000
"""Messages in one answer, as in the cloud."""

MAX_PULL_BYTES = 3 * 1024 * 1024
"""Bytes of one answer: gRPC clients refuse answers over 4 MiB unless told otherwise."""


class Broker:
    """Raises the errors of `demo.pubsub.errors` and nothing else on bad requests."""

    def __init__(self, *, clock: Clock = now_us, limits: Limits | None = None) -> None:
        self._clock = clock
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        # Seeded with the time, so that ids of an earlier run never name something of this one.
        self._ids = itertools.count(clock())
        self._topics: dict[str, Mapping[str, str]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._closed = False

    # Topics

    def create_topic(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        names.check_topic(name)
        with self._lock:
            if name in self._topics:
                raise AlreadyExists(f"topic {name} already exists")
            self._topics[name] = dict(labels or {})

    def topic_labels(self, name: str) -> Mapping[str, str]:
        """Raises `NotFound` when there is no such topic."""
        names.check_topic(name)
        with self._lock:
            return self._topic(name)

    def topics(self, project: str) -> list[str]:
        names.check_project(project)
        with self._lock:
            return [name for name in self._topics if name.startswith(project + "/")]

    def delete_topic(self, name: str) -> None:
        """Subscriptions stay, with what they hold, and can still be read."""
        names.check_topic(name)
        with self._lock:
            self._topic(name)
            del self._topics[name]
            for subscription in self._subscriptions_of(name):
                subscription.topic = names.DELETED_TOPIC

    def topic_subscriptions(self, topic: str) -> list[str]:
        names.check_topic(topic)
        with self._lock:
            self._topic(topic)
            return [subscription.name for subscription in self._subscriptions_of(topic)]

    # Subscriptions

    def create_subscription(
        self, name: str, topic: str, ack_deadline_s: int = 0, labels: Mapping[str, str] | None = None
    ) -> Subscription:
        """A subscription sees what is published from now on. A deadline of 0 means the default."""
        names.check_subscription(name)
        names.check_topic(topic)
        ack_deadline_s = checked_ack_deadline(ack_deadline_s)
        with self._lock:
            if name in self._subscriptions:
                raise AlreadyExists(f"subscription {name} already exists")
            self._topic(topic)
            self._subscriptions[name] = subscription = Subscription(
                name=name,
                topic=topic,
                ack_deadline_s=ack_deadline_s,
                labels=dict(labels or {}),
                queue=LeaseQueue(next(self._ids)),
                ready=threading.Condition(self._lock),
            )
            return subscription

    def update_subscription(
        self, name: str, *, ack_deadline_s: int | None = None, labels: Mapping[str, str] | None = None
    ) -> Subscription:
        """Changes what is given; running leases keep their end."""
        with self._lock:
            subscription = self._subscription(name)
            if ack_deadline_s is not None:
                subscription.ack_deadline_s = checked_ack_deadline(ack_deadline_s)
            if labels is not None:
                subscription.labels = dict(labels)
            return subscription

    def subscription(self, name: str) -> Subscription:
        with self._lock:
            return self._subscription(name)

    def subscriptions(self, project: str) -> list[Subscription]:
        names.check_project(project)
        with self._lock:
            return [s for s in self._subscriptions.values() if s.name.startswith(project + "/")]

    def delete_subscription(self, name: str) -> None:
        """Drops what it holds; whoever waits on it gets `NotFound`."""
        with self._lock:
            subscription = self._subscription(name)
            del self._subscriptions[name]
            subscription.ready.notify_all()

    def backlog(self, name: str) -> Backlog:
        with self._lock:
            queue = self._subscription(name).queue
            queue.expire(self._clock())
            return Backlog(waiting=len(queue) - queue.leased, leased=queue.leased)

    # Messages

    def publish(self, topic: str, messages: Sequence[Message]) -> list[str]:
        """Hands the messages to every subscription of the topic, all of them or none; returns their ids.

        Raises `Full` while a subscription of the topic holds as much as it may.
        """
        names.check_topic(topic)
        if not messages:
            raise Invalid("no messages to publish")
        if len(messages) > MAX_PER_PUBLISH:
            raise Invalid(f"{len(messages)} messages in one publish, at most {MAX_PER_PUBLISH} are allowed")
        sizes = [measure(message) for message in messages]
        with self._lock:
            self._topic(topic)
            subscriptions = self._subscriptions_of(topic)
            for subscription in subscriptions:
                subscription.check_room(self._limits, len(messages), sum(sizes))
            now = self._clock()
            accepted = [
                Published(message, str(next(self._ids)), now, size)
                for message, size in zip(messages, sizes, strict=True)
            ]
            for subscription in subscriptions:
                for published in accepted:
                    subscription.queue.add(published)
                subscription.ready.notify_all()
        return [published.message_id for published in accepted]

    def pull(
        self,
        subscription: str,
        max_messages: int,
        *,
        wait_us: int = 0,
        lease_us: int | None = None,
        holder: Holder | None = None,
        still_wanted: Callable[[], bool] = lambda: True,
    ) -> list[Delivery]:
        """Leases what is there; where there is nothing, waits up to `wait_us` for it.

        `lease_us` replaces the subscription's deadline. A `holder` bounds what a stream holds at a
        time. `still_wanted` is asked before anything is leased: when the caller has gone (say so
        with `wake`), nothing is.
        """
        if max_messages <= 0:
            raise Invalid("max_messages must be positive")
        max_messages = min(max_messages, MAX_PULL)
        with self._lock:
            source = self._subscription(subscription)
            give_up = self._clock() + wait_us
            while True:
                if self._subscriptions.get(subscription) is not source:
                    raise NotFound(f"subscription {subscription} was deleted")
                self._check_open()
                if not still_wanted():
                    return []
                now = self._clock()
                source.queue.expire(now)
                lease = source.ack_deadline_s * SECOND if lease_us is None else lease_us
                taken = source.queue.take(now, lease, max_messages, MAX_PULL_BYTES, holder)
                if taken or now >= give_up:
                    return taken
                expiry = source.queue.next_expiry()
                wake_at = give_up if expiry is None else min(give_up, expiry)
                source.ready.wait((wake_at - now) / SECOND)

    def acknowledge(self, subscription: str, ack_ids: Sequence[str]) -> None:
        """The messages are handled and never come again (see `LeaseQueue.acknowledge`)."""
        with self._lock:
            source = self._subscription(subscription)
            source.queue.acknowledge(ack_ids)
            source.ready.notify_all()  # a stream may have room again

    def modify_ack_deadline(self, subscription: str, ack_ids: Sequence[str], deadline_s: int) -> None:
        """Leases end `deadline_s` from now; 0 redelivers at once."""
        if not 0 <= deadline_s <= MAX_ACK_DEADLINE_S:
            raise Invalid(f"an ack deadline must be 0 to {MAX_ACK_DEADLINE_S} seconds, not {deadline_s}")
        with self._lock:
            source = self._subscription(subscription)
            queue, now = source.queue, self._clock()
            queue.expire(now)
            before = queue.next_expiry()
            queue.modify_deadline(ack_ids, now, deadline_s * SECOND)
            if deadline_s == 0 or queue.next_expiry() != before:
                source.ready.notify_all()

    # Who waits

    def wake(self, subscription: str) -> None:
        """Lets every pull waiting on the subscription look again whether it is still wanted."""
        with self._lock:
            source = self._subscriptions.get(subscription)
            if source is not None:
                source.ready.notify_all()

    def close(self) -> None:
        """Ends every waiting pull, and each later one, with `Closed`."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions.values():
                subscription.ready.notify_all()

    # With the lock held

    def _check_open(self) -> None:
        if self._closed:
            raise Closed("the embedded Pub/Sub is shutting down")

    def _topic(self, name: str) -> Mapping[str, str]:
        self._check_open()
        if name not in self._topics:
            raise NotFound(f"topic {name} does not exist")
        return self._topics[name]

    def _subscription(self, name: str) -> Subscription:
        self._check_open()
        subscription = self._subscriptions.get(name)
        if subscription is None:
            names.check_subscription(name)
            raise NotFound(f"subscription {name} does not exist")
        return subscription

    def _subscriptions_of(self, topic: str) -> list[Subscription]:
        return [s for s in self._subscriptions.values() if s.topic == topic]
