"""Pub/Sub in this process, for a machine without the cloud and without Google's emulator.

`EmbeddedPubSub` serves the part of the Pub/Sub v1 protocol that the real client library and Beam
use, at an endpoint to put in `PUBSUB_EMULATOR_HOST`. Delivery is at least once, as in the cloud:
what is not acknowledged within its deadline comes again. Messages live in memory, up to a limit,
until every subscription of their topic acknowledged them or the process ends.

Not served, and refused by name rather than ignored: push, filters, ordering, exactly-once
delivery, dead-letter and retry policies, snapshots, seek, schemas, retention.
"""

from demo.pubsub.broker import Broker
from demo.pubsub.server import EmbeddedPubSub
from demo.pubsub.subscription import Backlog, Limits

__all__ = ["Backlog", "Broker", "EmbeddedPubSub", "Limits"]
