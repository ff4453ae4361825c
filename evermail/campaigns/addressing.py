"""Turns the people of an audience into addressees: with their tokens, and what their email is about.

In batches, so that a hundred thousand of them need no more memory than a few hundred, and a store is asked
once for many. Who wants no email is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from evermail.campaigns.aliases import chosen
from evermail.campaigns.context import Tokens
from evermail.campaigns.merge import ITEM_FIELDS, Field, harmless
from evermail.campaigns.recipients import names_of_row, read_recipients
from evermail.campaigns.snapshot import Snapshot
from evermail.person import Name
from evermail.pseudonyms import Pseudonymizer
from evermail.serving import RecommendedItem
from evermail.tokens import Recipient
from evermail.written_yaml import Problem

BATCH = 100
"""People in one look at the store."""

MOST_TOLD = 20
"""Of those who cannot be addressed: whoever mends so many builds again."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient. `recipient` names them in tokens, unless a store knows a better one of their `aliases`,
    from the oldest to the newest; `names` are all pseudonyms that they may be known by. `place` is where they
    stand in a file, for messages."""

    email: str
    recipient: Recipient
    names: tuple[str, ...]
    aliases: tuple[Name, ...] = ()
    first_name: str = ""
    item_ids: tuple[str, ...] = ()
    place: str = ""


class Wrong:
    """Who of an audience cannot get the email: the first of them in words, `FILE:LINE: what; remedy`."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._number = 0

    def add(self, told: str) -> None:
        self._number += 1
        if len(self._told) < MOST_TOLD:
            self._told.append(told)

    def refuse(self) -> None:
        """Raises `CannotAddress` if there is anybody."""
        if more := self._number - len(self._told):
            raise CannotAddress("\n".join([*self._told, f"and {more:,} more: mend these, then build again"]))
        if self._told:
            raise CannotAddress("\n".join(self._told))


def people(path: Path, campaign: str, pseudonyms: Pseudonymizer | None, wrong: Wrong) -> Iterator[Person]:
    """Those of a file, as they come; what is wrong with others is noted. Without `pseudonyms` each must have
    a `shopper`. Raises `AudienceRefused` for a file that cannot be used at all."""
    for row in read_recipients(path, wrong=lambda problem: wrong.add(problem.told(path))):
        called = names_of_row(row, pseudonyms)
        if isinstance(called, Problem):
            wrong.add(called.told(path))
            continue
        name = called.aliases[0]
        yield Person(
            email=row.email,
            recipient=Recipient(name.pseudonym, campaign, name.kind),
            names=called.pseudonyms,
            aliases=called.aliases,
            first_name=row.first_name or "",
            item_ids=row.item_ids,
            place=f"{path}:{row.line}",
        )


class Addressed(msgspec.Struct, frozen=True):
    """A person with all that an email of theirs needs."""

    person: Person
    tokens: Tokens
    about: list[RecommendedItem]


class CannotAddress(Exception):
    """Those who cannot get this email: the message has a line for each, where, why, and what to do."""


class Addressing:
    """Makes people into addressees; `left_out` counts those who want no email.

    `about` says that the email is about products of each recipient. `tokens` signs those of a recipient.
    """

    def __init__(
        self, snapshot: Snapshot, tokens: Callable[[Recipient], Tokens], wrong: Wrong, *, about: bool
    ) -> None:
        self._snapshot = snapshot
        self._wrong = wrong
        self._tokens = tokens
        self._about = about
        self.left_out = 0

    def addressed(self, people: Iterable[Person]) -> Iterator[Addressed]:
        """In order. Raises `CannotAddress` in the end if anybody is wrong, and `StoreError` where a store
        does not answer."""
        for batch in _batches(people):
            suppressed = self._snapshot.suppressed(name for person in batch for name in person.names)
            wanted = [person for person in batch if suppressed.isdisjoint(person.names)]
            self.left_out += len(batch) - len(wanted)
            wanted = self._by_known_names(wanted)
            ids = (item_id for person in wanted for item_id in person.item_ids) if self._about else ()
            products = self._snapshot.products(ids)
            for person in wanted:
                try:
                    one = Addressed(person, self._tokens(person.recipient), self._products(person, products))
                except ValueError as problem:
                    self._wrong.add(f"{person.place}: {problem}")
                else:
                    yield one
        self._wrong.refuse()

    def _by_known_names(self, people: list[Person]) -> list[Person]:
        """The same, each named as the store knows them."""
        several = [person for person in people if len(person.aliases) > 1]
        names = iter(chosen([person.aliases for person in several], self._snapshot.with_profiles))
        found = []
        for person in people:
            if len(person.aliases) > 1:
                name = next(names)
                recipient = Recipient(name.pseudonym, person.recipient.campaign, name.kind)
                person = msgspec.structs.replace(person, recipient=recipient)
            found.append(person)
        return found

    def _products(self, person: Person, products: dict[str, RecommendedItem]) -> list[RecommendedItem]:
        """Raises `ValueError`."""
        if not self._about:
            return []
        if not person.item_ids:
            raise ValueError("item_id is empty, and this email is about a product; fill it in")
        for item_id in person.item_ids:
            if item_id not in products:
                raise ValueError(
                    f"there is no product {item_id!r} in the store; mend item_id, or import the catalog "
                    "(`evermail catalog import`)"
                )
        return [products[item_id] for item_id in person.item_ids]


def values(addressed: Addressed, fields: Sequence[Field]) -> dict[Field, str]:
    """What a service fills in for an addressee. Raises `CannotAddress` where a value is missing."""
    tokens = {
        Field.RECOMMENDATIONS: addressed.tokens.recommendations,
        Field.SLOTS: addressed.tokens.slots,
        Field.ACTIONS: addressed.tokens.actions,
        Field.UNSUBSCRIBE: addressed.tokens.unsubscribe,
    }
    given = {Field.FIRST_NAME: addressed.person.first_name}
    for item in addressed.about[:1]:
        given |= dict(zip(ITEM_FIELDS, (item.title, item.price, item.image, item.url), strict=True))
    filled = tokens | {field: harmless(field, value) for field, value in given.items()}
    for field in fields:
        if not filled.get(field):
            remedy = "; fill it in" + (", or build without --first-name" if field is Field.FIRST_NAME else "")
            raise CannotAddress(
                f"{addressed.person.place}: there is no {field}, and the email shows it to all{remedy}"
            )
    return {field: filled[field] for field in fields}


def _batches(people: Iterable[Person]) -> Iterator[list[Person]]:
    batch: list[Person] = []
    for person in people:
        batch.append(person)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
