"""Everything known of one shopper meets in one place: duplicates out, history and interests in.

In two steps, as Beam's state has one key: first browsers (pipeline/clients.py), for what comes without a user
and for what joins the two; then users (pipeline/users.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.typehints import typehints

from evermail.documents import Document
from evermail.events import Accepted, Event, EventName, Rejected
from pipeline.arrivals import Arrival
from pipeline.clients import Clients
from pipeline.config import JobConfig
from pipeline.keeper import ACCEPTED, ERASURES, LATE, MOVED, REFUSED, ROW_UPDATES
from pipeline.remember import RememberFn
from pipeline.users import Users

_JOINS = frozenset({EventName.IDENTIFY, EventName.UPDATE_CONSENT, EventName.ERASE_USER})
"""Events that concern a browser as well as its user."""

USERS = "users"

OUTPUTS = {
    ACCEPTED: Accepted,
    ROW_UPDATES: typehints.Tuple[str, bytes],
    REFUSED: Rejected,
    LATE: Event,
    ERASURES: Document,
    MOVED: typehints.Tuple[str, Arrival],
}
"""What leaves a keeper by tag, besides profiles."""


class Shopped(NamedTuple):
    profiles: beam.PCollection[Document]
    accepted: beam.PCollection[Accepted]
    row_updates: beam.PCollection[tuple[str, bytes]]
    """Changes to the rows of neighbours of items, as `evermail.interest.pack_all` packs them."""
    refused: beam.PCollection[Rejected]
    late: beam.PCollection[Event]
    erasures: beam.PCollection[Document]


class Shoppers(beam.PTransform):  # type: ignore[misc]
    """Event -> profiles, accepted events, changes to rows of neighbours, refused and late events, erasures.

    Late events, collisions of ids and events of a time whose ids are not remembered are refused: they leave
    as `Rejected`, as they are here, with pseudonyms for identifiers.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, events: beam.PCollection[Event]) -> Shopped:
        of_clients, of_users = route(events)
        clients = typed_outputs(of_clients, "Clients", RememberFn(self._config, Clients))
        arrivals = (of_users, clients[MOVED]) | "Arrivals" >> beam.Flatten()
        return merged(clients, typed_outputs(arrivals, "Users", RememberFn(self._config, Users)))


def route(events: beam.PCollection[Event]) -> tuple[beam.PCollection, beam.PCollection]:
    """Events by the client, and by the user, whose memory they meet first."""
    routed = events | "Route" >> beam.ParDo(_RouteFn()).with_outputs(USERS, main="clients")
    routed["clients"].element_type = routed[USERS].element_type = typehints.Tuple[str, Arrival]
    return routed["clients"], routed[USERS]


def typed_outputs(arrivals: beam.PCollection, label: str, dofn: beam.DoFn) -> beam.pvalue.DoOutputsTuple:
    """What follows from arrivals, with the types that coders are found by."""
    outputs = arrivals | label >> beam.ParDo(dofn).with_outputs(*OUTPUTS, main="profiles")
    outputs["profiles"].element_type = Document
    for name, kind in OUTPUTS.items():
        outputs[name].element_type = kind
    return outputs


def merged(clients: beam.pvalue.DoOutputsTuple, users: beam.pvalue.DoOutputsTuple) -> Shopped:
    """What follows from both."""
    return Shopped(
        **{name: (clients[name], users[name]) | f"All {name}" >> beam.Flatten() for name in Shopped._fields}
    )


class _RouteFn(beam.DoFn):  # type: ignore[misc]
    def process(self, event: Event) -> Iterator[tuple[str, Event]]:
        user, client = event.user_id, event.client_id
        if user and not (client and event.event_name in _JOINS):
            yield TaggedOutput(USERS, (user, event))
        else:
            yield client, event
