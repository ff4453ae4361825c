"""Everything known of one shopper meets in one place: duplicates out, history and interests in.

In steps, as Beam's state has one key: first browsers (pipeline/clients.py), for what comes without a user and
for what joins the two; then users (pipeline/users.py). Before either, whoever has a former name gets the new
one (pipeline/former_names.py), which is nobody until pseudonym keys are rotated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.typehints import typehints

from evermail.documents import Document
from evermail.events import Accepted, Event, EventName, Rejected
from pipeline.arrivals import Arrival
from pipeline.clients import Clients
from pipeline.config import JobConfig
from pipeline.former_names import FormerClients, FormerUsers
from pipeline.keeper import (
    ACCEPTED,
    ERASURES,
    HEARD,
    LATE,
    MOVED,
    MOVED_FORMER,
    REFUSED,
    RENAMED,
    ROW_UPDATES,
    Keeper,
)
from pipeline.remember import RememberFn
from pipeline.rotation import FormerNames
from pipeline.users import Users

_JOINS = frozenset({EventName.IDENTIFY, EventName.UPDATE_CONSENT, EventName.ERASE_USER})
"""Events that concern a browser as well as its user."""

CLIENTS, USERS, FORMER_CLIENTS, FORMER_USERS = "clients", "users", "former_clients", "former_users"

OUTPUTS = {
    ACCEPTED: Accepted,
    ROW_UPDATES: typehints.Tuple[str, bytes],
    REFUSED: Rejected,
    LATE: Event,
    HEARD: Accepted,
    ERASURES: Document,
    MOVED: typehints.Tuple[str, Arrival],
    MOVED_FORMER: typehints.Tuple[str, Arrival],
    RENAMED: typehints.Tuple[str, Arrival],
}
"""What leaves a keeper by tag, besides profiles."""


class Shopped(NamedTuple):
    profiles: beam.PCollection[Document]
    accepted: beam.PCollection[Accepted]
    row_updates: beam.PCollection[tuple[str, bytes]]
    """Changes to the rows of neighbours of items, as `evermail.interest.pack_all` packs them."""
    refused: beam.PCollection[Rejected]
    late: beam.PCollection[Event]
    heard: beam.PCollection[Accepted]
    """Requests of people that are not counted as accepted and hold all the same."""
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
        def remember(
            arrivals: beam.PCollection, label: str, keeper: type[Keeper]
        ) -> beam.pvalue.DoOutputsTuple:
            return typed_outputs(arrivals, label, RememberFn(self._config, keeper))

        return by_steps(events, self._config, remember)


Remember = Callable[[beam.PCollection, str, type[Keeper]], beam.pvalue.DoOutputsTuple]
"""(arrivals, a label, whose memory) -> what follows, by the names of `OUTPUTS`."""


def by_steps(events: beam.PCollection[Event], config: JobConfig, remember: Remember) -> Shopped:
    """Leads each event by the memories that it meets, kept as `remember` says."""
    ways = CLIENTS, USERS, FORMER_CLIENTS, FORMER_USERS
    routed = events | "Route" >> beam.ParDo(_RouteFn(config)).with_outputs(*ways)
    for name in ways:
        routed[name].element_type = typehints.Tuple[str, Arrival]
    former_clients = remember(routed[FORMER_CLIENTS], "FormerClients", FormerClients)
    of_clients = (routed[CLIENTS], former_clients[RENAMED]) | "OfClients" >> beam.Flatten()
    clients = remember(of_clients, "Clients", Clients)
    of_former_users = (
        routed[FORMER_USERS],
        former_clients[MOVED_FORMER],
        clients[MOVED_FORMER],
    ) | "OfFormerUsers" >> beam.Flatten()
    former_users = remember(of_former_users, "FormerUsers", FormerUsers)
    of_users = (
        routed[USERS],
        former_clients[MOVED],
        clients[MOVED],
        former_users[RENAMED],
    ) | "Arrivals" >> beam.Flatten()
    users = remember(of_users, "Users", Users)
    steps = (former_clients, clients, former_users, users)
    return Shopped(
        **{name: [step[name] for step in steps] | f"All {name}" >> beam.Flatten() for name in Shopped._fields}
    )


def typed_outputs(arrivals: beam.PCollection, label: str, dofn: beam.DoFn) -> beam.pvalue.DoOutputsTuple:
    """What follows from arrivals, with the types that coders are found by."""
    outputs = arrivals | label >> beam.ParDo(dofn).with_outputs(*OUTPUTS, main="profiles")
    outputs["profiles"].element_type = Document
    for name, kind in OUTPUTS.items():
        outputs[name].element_type = kind
    return outputs


class _RouteFn(beam.DoFn):  # type: ignore[misc]
    """Events by whose memory they meet first."""

    def __init__(self, config: JobConfig) -> None:
        self._config = config

    def setup(self) -> None:
        self._former_names = FormerNames.of(self._config)

    def process(self, event: Event) -> Iterator[TaggedOutput]:
        user, client, receipt = event.user_id, event.client_id, event.receipt
        if user and not (client and event.event_name in _JOINS):
            yield self._former_names.lead(user, receipt.user_aliases, event, (USERS, FORMER_USERS))
        else:
            yield self._former_names.lead(client, receipt.client_aliases, event, (CLIENTS, FORMER_CLIENTS))
