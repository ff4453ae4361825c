"""Sends a shop's events from its servers to `collect`: in the background, in batches, again where it fails.

    with Events("https://events.shop.example", key=os.environ["EVERMAIL_KEY"]) as events:
        events.track("purchase", user_id="crm-1", items=[{"item_id": "SKU1", "price": 19.9}], currency="EUR")

Nothing is lost silently: what could not be sent is told to `on_unsent`, returned by `flush`, raised by
`close`. Queued events live in this process's memory; whoever must not lose them in a crash keeps them until
`flush` has said that they arrived.

- `events`    the queue and its thread
- `delivery`  one request, and what its answer says of each event
"""

from evermail.client.delivery import Unsent
from evermail.client.events import Events, NotSent, QueueFull

__all__ = ["Events", "NotSent", "QueueFull", "Unsent"]
