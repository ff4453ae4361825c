"""What each code means, and what to do about it: for whoever finds the letter."""

from __future__ import annotations

from typing import NamedTuple

from evermail.events import Code

_FIX_SENDER = "Mend the sender. "
_AGAIN = "A replay gives the same answer until "


class Advice(NamedTuple):
    means: str
    remedy: str


ADVICE: dict[Code, Advice] = {
    Code.EMPTY_PAYLOAD: Advice(
        "The message had attributes at most and no data.",
        "Nothing is lost: there was no event. See which publisher sends such messages.",
    ),
    Code.OVERSIZE_PAYLOAD: Advice(
        "The message was larger than any event: 64 KB.",
        _FIX_SENDER
        + "Leave out what is not needed, or send several events. "
        + _AGAIN
        + "the limit is raised.",
    ),
    Code.INVALID_UTF8: Advice(
        "The data is not UTF-8 text.",
        _FIX_SENDER + "It may send another encoding, or compressed or binary data. " + _AGAIN + "then.",
    ),
    Code.MALFORMED_JSON: Advice(
        "The data is not JSON: cut off, with a mark in the wrong place, nested too deeply, or with NaN.",
        _FIX_SENDER
        + "What was cut off cannot be had from here. "
        + _AGAIN
        + "the original is mended by hand.",
    ),
    Code.NOT_AN_OBJECT: Advice(
        "The data is JSON, but not one object. A list of events is for `collect`, not for the topic.",
        _FIX_SENDER + "Publish one event a message.",
    ),
    Code.MISSING_FIELD: Advice(
        "A field that every event of its name needs is not there; the message says which.",
        _FIX_SENDER + "update_consent needs consent.personalization: silence must not count as a yes.",
    ),
    Code.WRONG_TYPE: Advice(
        "A known field is of another type than it should be, such as a number for an id.",
        _FIX_SENDER + "Ids are texts, also where they look like numbers.",
    ),
    Code.OUT_OF_RANGE: Advice(
        "A number, a length or a nesting is beyond what can be; the message says which.",
        _FIX_SENDER + _AGAIN + "a later version takes more, if it should.",
    ),
    Code.INVALID_IDENTIFIER: Advice(
        "An identifier is empty, too long, has control characters, or is none of what it stands for: an "
        "item's id or category that names a person, or something else than a pseudonym in a replayed event.",
        _FIX_SENDER
        + "A pseudonym of a key that the job has no more can never be counted again: that key was "
        "destroyed so that it cannot.",
    ),
    Code.UNKNOWN_EVENT_NAME: Advice(
        "The event's name is not one that this version knows.",
        "If it is a new one, deploy the version that knows it and replay. Else mend the sender.",
    ),
    Code.INVALID_EVENT_TIME: Advice(
        "The event's time is no RFC 3339 time with a time zone, or of a clock that was never set.",
        _FIX_SENDER + "`collect` sets the time of events that come without one.",
    ),
    Code.EVENT_TIME_IN_FUTURE: Advice(
        "The event's time was more than ten minutes ahead of ours: a device's clock is wrong.",
        "Replay it when its time has come, if the event matters more than the moment at which it happened.",
    ),
    Code.MISSING_SHOPPER: Advice(
        "Nothing says whose event it is; an identify needs both client_id and user_id.",
        _FIX_SENDER + "Where a shopper has refused cookies, send no event.",
    ),
    Code.MISSING_ITEMS: Advice(
        "An event of this name means nothing without an item.",
        _FIX_SENDER + "`items` must have at least one.",
    ),
    Code.ID_COLLISION: Advice(
        "The shopper has another event with this event_id and another content.",
        _FIX_SENDER
        + "It must make a new id for each event, and keep it for repetitions. "
        + _AGAIN
        + "then.",
    ),
    Code.LATE: Advice(
        "The event was older than the job's --allowed_lateness_s when Pub/Sub took it.",
        "A replay keeps the time at which it was received first, so it will be late again, unless the job "
        "was started with a longer --allowed_lateness_s.",
    ),
    Code.IDS_FORGOTTEN: Advice(
        "The event is of a time of which the ids of its shopper are not remembered any more: it may have "
        "been counted before, and is not guessed at.",
        "Find out why it took so long. " + _AGAIN + "documents are rebuilt from the archive.",
    ),
    Code.STORE_REFUSED: Advice(
        "The store will never take this document as it is: too large, or of a form it refuses.",
        "The document holds what was known when it was made, so it is not replayed: it could replace a newer "
        "one. Remove the cause; the shopper's or item's next event, or a backfill from the archive, makes it "
        "anew.",
    ),
    Code.INTERNAL_ERROR: Advice(
        "Our own mistake: reading the message raised an error that was not foreseen.",
        "Report it with the letter's id and the version. Replay when it is mended.",
    ),
}


def advice(code: Code) -> Advice:
    return ADVICE[code]
