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

from evermail.documents import Document, Erasure
from evermail.events import Accepted, Event, EventName, Rejected
from pipeline.arrivals import Arrival
from pipeline.clients import Clients
from pipeline.config import JobConfig
from pipeline.keeper import ACCEPTED, ERASURES, LATE, MOVED, REFUSED, ROW_UPDATES, Keeper
from pipeline.remember import RememberFn
from pipeline.users import Users

_JOINS = frozenset({EventName.IDENTIFY, EventName.UPDATE_CONSENT, EventName.ERASE_USER})
"""Events that concern a browser as well as its user."""

_USERS = "users"

_OUTPUTS = {
    ACCEPTED: Accepted,
    ROW_UPDATES: typehints.Tuple[str, bytes],
    REFUSED: Rejected,
    LATE: Event,
    ERASURES: Document,
    MOVED: typehints.Tuple[str, Arrival],
}


class Shopped(NamedTuple):
    profiles: beam.PCollection[Document]
    accepted: beam.PCollection[Accepted]
    row_updates: beam.PCollection[tuple[str, bytes]]
    """Changes to the rows of neighbours of items, packed `RowUpdate`s."""
    refused: beam.PCollection[Rejected]
    late: beam.PCollection[Event]
    erasures: beam.PCollection[Erasure]


class Shoppers(beam.PTransform):  # type: ignore[misc]
    """Event -> profiles, accepted events, changes to rows of neighbours, refused and late events, erasures.

    Late events, collisions of ids and events of a time whose ids are not remembered are refused: they leave
    as `Rejected`, as they are here, with pseudonyms for identifiers.
    """

    def __init__(self, config: JobConfig) -> None:
        super().__init__()
        self._config = config

    def expand(self, events: beam.PCollection[Event]) -> Shopped:
        routed = events | "Route" >> beam.ParDo(_RouteFn()).with_outputs(_USERS, main="clients")
        routed["clients"].element_type = typehints.Tuple[str, Event]
        routed[_USERS].element_type = typehints.Tuple[str, Arrival]
        of_clients = routed["clients"] | "Clients" >> _Remember(self._config, Clients)
        arrivals = (routed[_USERS], of_clients[MOVED]) | "Arrivals" >> beam.Flatten()
        of_users = arrivals | "Users" >> _Remember(self._config, Users)
        merged = {
            name: (of_clients[name], of_users[name]) | f"All {name}" >> beam.Flatten()
            for name in ("profiles", *_OUTPUTS)
            if name != MOVED
        }
        return Shopped(**merged)


class _Remember(beam.PTransform):  # type: ignore[misc]
    def __init__(self, config: JobConfig, keeper: type[Keeper]) -> None:
        super().__init__()
        self._config, self._keeper = config, keeper

    def expand(self, arrivals: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        outputs = arrivals | "Remember" >> beam.ParDo(RememberFn(self._config, self._keeper)).with_outputs(
            *_OUTPUTS, main="profiles"
        )
        outputs["profiles"].element_type = Document
        for name, kind in _OUTPUTS.items():
            outputs[name].element_type = kind
        return outputs


class _RouteFn(beam.DoFn):  # type: ignore[misc]
    """Events to the client or the user whose state they meet first."""

    def process(self, event: Event) -> Iterator[tuple[str, Event]]:
        user, client = event.user_id, event.client_id
        if user and not (client and event.event_name in _JOINS):
            yield TaggedOutput(_USERS, (user, event))
        else:
            yield client, event
