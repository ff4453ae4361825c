"""The JSON Schema of a rules file, for editors that complete and check as one writes.

It is made from the structs (policy.py), with what they do not say: which fields the reader refuses or adds,
and that days may stand for moments. `rules.schema.json` beside this file is what it makes.
"""

from __future__ import annotations

from typing import Any

from evermail.file_schema import schema_of
from evermail.shelf.policy import Action, Policy


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12."""
    made = schema_of(Policy, "Rules of a shop for its emails")
    parts = made["$defs"]
    rule = parts["Rule"]["properties"]
    del rule["line"]
    for name in ("from", "until"):
        del rule[name]["format"]
        rule[name]["anyOf"] = [{"format": "date"}, {"format": "date-time"}]
    for action in (Action.BURY, Action.HIDE, Action.ONLY):
        rule[action]["const"] = True
        del rule[action]["default"]
    parts["Rule"]["oneOf"] = [{"required": [str(action)]} for action in Action]
    for name in ("Where", "PriceRange"):
        parts[name]["minProperties"] = 1
    return made
