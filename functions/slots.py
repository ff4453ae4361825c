"""Which slots a request names by its parameter `n`."""

from __future__ import annotations

import flask

from functions.responses import Failure
from functions.settings import MAX_SLOTS, parse_slots

_MESSAGE = f"n is a whole number from 1 to {MAX_SLOTS}"


def slot_of(request: flask.Request) -> int:
    """The slot `n`, from 1 on. Raises `Failure`."""
    slot = parse_slots(request.args.get("n", ""))
    if slot is None:
        raise Failure(400, "invalid_slot", _MESSAGE)
    return slot


def slots_of(request: flask.Request, default: int) -> int:
    """How many slots there are to fill. Raises `Failure`."""
    text = request.args.get("n")
    slots = default if text is None else parse_slots(text)
    if slots is None:
        raise Failure(400, "invalid_slots", _MESSAGE)
    return slots
