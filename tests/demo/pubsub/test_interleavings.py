"""Whatever the order of publish, pull, acknowledge, nack and expiry: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from demo.pubsub.broker import Broker
from demo.pubsub.messages import Delivery, Message
from demo.pubsub.subscription import Backlog
from evermail.clock import SECOND

TOPIC = "projects/p/topics/events"
SUB = "projects/p/subscriptions/job"
OTHER = "projects/p/subscriptions/archive"


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


class AnyInterleaving(RuleBasedStateMachine):
    """A model that remembers who holds what: nothing is lost, nothing is delivered twice while it is held."""

    @initialize()
    def start(self) -> None:
        self.clock = FakeClock()
        self.broker = Broker(clock=self.clock)
        self.broker.create_topic(TOPIC)
        for subscription in (SUB, OTHER):
            self.broker.create_subscription(subscription, TOPIC)
        self.published: set[str] = set()
        self.acked: dict[str, set[str]] = {SUB: set(), OTHER: set()}
        self.attempts: dict[str, Counter[str]] = {SUB: Counter(), OTHER: Counter()}
        self.lease_ends: dict[str, dict[str, int]] = {SUB: {}, OTHER: {}}
        self.deliveries: list[tuple[str, Delivery]] = []

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        self.published.update(self.broker.publish(TOPIC, [Message(b"x")] * count))

    @rule(subscription=st.sampled_from([SUB, OTHER]), most=st.integers(1, 4))
    def pull(self, subscription: str, most: int) -> None:
        self._pull(subscription, most)

    def _pull(self, subscription: str, most: int) -> int:
        taken = self.broker.pull(subscription, most)
        for delivery in taken:
            message_id = delivery.published.message_id
            assert message_id in self.published
            assert message_id not in self.acked[subscription]
            assert self.lease_ends[subscription].get(message_id, 0) <= self.clock.now
            self.attempts[subscription][message_id] += 1
            assert delivery.attempt == self.attempts[subscription][message_id]
            self.lease_ends[subscription][message_id] = self.clock.now + 10 * SECOND
            self.deliveries.append((subscription, delivery))
        return len(taken)

    @rule(data=st.data())
    def ack(self, data: st.DataObject) -> None:
        if self.deliveries:
            subscription, delivery = data.draw(st.sampled_from(self.deliveries))
            self.broker.acknowledge(subscription, [delivery.ack_id])
            self.acked[subscription].add(delivery.published.message_id)

    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 1, 10, 60]))
    def modify(self, data: st.DataObject, seconds: int) -> None:
        if self.deliveries:
            subscription, delivery = data.draw(st.sampled_from(self.deliveries))
            self.broker.modify_ack_deadline(subscription, [delivery.ack_id], seconds)
            message_id = delivery.published.message_id
            leases = self.lease_ends[subscription]
            if (
                delivery.attempt == self.attempts[subscription][message_id]
                and leases[message_id] > self.clock.now
            ):
                leases[message_id] = self.clock.now + seconds * SECOND

    @rule(seconds=st.sampled_from([0.5, 1, 5, 10, 60]))
    def expire(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def the_backlog_is_what_is_not_acknowledged(self) -> None:
        for subscription in (SUB, OTHER):
            leased = sum(
                end > self.clock.now and message_id not in self.acked[subscription]
                for message_id, end in self.lease_ends[subscription].items()
            )
            pending = len(self.published) - len(self.acked[subscription])
            assert self.broker.backlog(subscription) == Backlog(waiting=pending - leased, leased=leased)

    def teardown(self) -> None:
        """Whatever happened, all that was not acknowledged still comes, and then no more."""
        if not hasattr(self, "broker"):
            return
        self.clock.advance(600)
        for subscription in (SUB, OTHER):
            while self._pull(subscription, 4):
                pass
            assert set(self.attempts[subscription]) == self.published
            latest = [d for s, d in self.deliveries if s == subscription]
            if latest:
                self.broker.acknowledge(subscription, [delivery.ack_id for delivery in latest])
            self.clock.advance(600)
            assert self.broker.pull(subscription, 1) == []


TestAnyInterleaving = AnyInterleaving.TestCase
TestAnyInterleaving.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
