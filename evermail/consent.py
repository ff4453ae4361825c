"""Whether an event may be used for personalisation, by what its shopper said at the time.

A statement holds from its second on until the next one. A withdrawal also reaches back: what came before
it is not kept (GDPR, Art. 7(3) and 17(1)(b)). Where nothing was said, the shop is taken to have a legal
basis; an event that says no for itself is never used.
"""

from __future__ import annotations

from bisect import insort

import msgspec

from evermail.events import Event, Receipt

MAX_STATEMENTS = 16


class Statement(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """What a shopper said, and when: seconds, and the hash of the event's id to order those of a second."""

    second: int
    event_hash: int
    allowed: bool


def say(statements: list[Statement], statement: Statement) -> bool:
    """Adds a statement in its place. Returns whether it was not there yet.

    Who agrees twice by one event id has said so once, the first time: a copy that was given a later time must
    not undo a withdrawal in between. Of more than `MAX_STATEMENTS` the oldest go, but never the last
    withdrawal.
    """
    if statement in statements:
        return False
    if statement.allowed:
        for known in statements:
            if known.allowed and known.event_hash == statement.event_hash:
                if known.second < statement.second:
                    return False
                statements.remove(known)
                break
    insort(statements, statement)
    if len(statements) > MAX_STATEMENTS:
        withdrawal = _last_withdrawal(statements)
        del statements[2 if withdrawal == 0 else 0]  # the first to follow it says since when
    return True


def allows(statements: list[Statement], second: int) -> bool:
    """Whether an event of this second may be used, by the statements known now."""
    withdrawal = _last_withdrawal(statements)
    if withdrawal < 0:
        return True
    return any(after.second <= second for after in statements[withdrawal + 1 :])


def withdrawn_until(statements: list[Statement]) -> int:
    """The last second of which a withdrawal lets nothing be kept: its own or, where consent was given again,
    the one before that. -1 if nothing was withdrawn."""
    withdrawal = _last_withdrawal(statements)
    if withdrawal < 0:
        return -1
    given_again = statements[withdrawal + 1 : withdrawal + 2]
    return given_again[0].second - 1 if given_again else statements[withdrawal].second


def after_erasure(statements: list[Statement], second: int) -> list[Statement]:
    """What is left of them when everything up to this second is erased: what was said since, and the last
    word before. Who refuses and is then forgotten has not agreed."""
    before = [statement for statement in statements if statement.second <= second]
    return [*before[-1:], *statements[len(before) :]]


def withheld(event: Event) -> bool:
    """Whether an event says for itself that it may not be used."""
    return event.consent is not None and not event.consent.personalization


def for_aggregates(event: Event) -> Event:
    """What may be kept of an event without consent: what happened, and nothing that tells to whom."""
    return Event(
        event_id="",
        event_name=event.event_name,
        event_time=event.event_time,
        items=tuple(msgspec.structs.replace(item, extra={}) if item.extra else item for item in event.items),
        value=event.value,
        currency=event.currency,
        source=event.source,
        receipt=Receipt(received_at=event.receipt.received_at),
    )


def as_record(event: Event) -> Event:
    """What has to be kept of an `update_consent`: who said what, and when."""
    return msgspec.structs.replace(
        for_aggregates(event),
        event_id=event.event_id,
        client_id=event.client_id,
        user_id=event.user_id,
        consent=event.consent and msgspec.structs.replace(event.consent, extra={}),
        receipt=Receipt(
            received_at=event.receipt.received_at,
            user_aliases=event.receipt.user_aliases,
            client_aliases=event.receipt.client_aliases,
        ),
    )


def _last_withdrawal(statements: list[Statement]) -> int:
    """Its place, -1 if there is none."""
    for index in range(len(statements) - 1, -1, -1):
        if not statements[index].allowed:
            return index
    return -1
