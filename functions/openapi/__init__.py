"""`GET`: what the endpoints take and answer, as one OpenAPI 3.1 document.

    200  the document
    304  the caller has it, by its ETag
    405  method_not_allowed

It is written by hand: `document.json` has what all endpoints share, and `paths/` a file for each, named as
its path (assembly.py says what a file may leave out). Tests hold it against the code, and the other way.
"""

from __future__ import annotations

from functions.entry import Handler
from functions.fixed import Fixed
from functions.openapi import assembly
from functions.responses import CONTENT_TYPE


def create_openapi() -> Handler:
    """The handler. Raises `OSError` when a file is not there."""
    return Fixed(assembly.to_json(assembly.assemble()), CONTENT_TYPE)
