"""`GET`: the client for a shop's pages, `evermail.js`, which sends their events to `collect`.

A browser may keep it for an hour; after that it asks, by the ETag, whether there is a new one. Any site may
load it: there is nothing in it but code.

    200  the client
    304  the browser has it
    405  method_not_allowed
"""

from __future__ import annotations

from pathlib import Path

from functions.entry import Handler
from functions.fixed import Fixed

SCRIPT = Path(__file__).with_name("evermail.js")


def create_evermail_js() -> Handler:
    """The handler. Raises `OSError` when the file is not there."""
    headers = {"Cross-Origin-Resource-Policy": "cross-origin"}
    return Fixed(SCRIPT.read_bytes(), "text/javascript; charset=utf-8", headers)
