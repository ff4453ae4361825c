"""What the picture and the link of a slot have in common: which slot a request names."""

from __future__ import annotations

import flask

from functions.responses import Failure
from functions.settings import MAX_SLOTS, parse_slots


def slot_of(request: flask.Request) -> int:
    """The slot `n`, from 1 on. Raises `Failure`."""
    slot = parse_slots(request.args.get("n", ""))
    if slot is None:
        raise Failure(400, "invalid_slot", f"n is a whole number from 1 to {MAX_SLOTS}")
    return slot
