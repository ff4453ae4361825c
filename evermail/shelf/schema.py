"""The JSON Schema of a rules file, for editors that complete and check as one writes.

It is made from the structs (policy.py), with what they do not say: which fields the reader refuses or adds,
and that days may stand for moments. `rules.schema.json` beside this file is what it makes.
"""

from __future__ import annotations

from typing import Any

import msgspec

from evermail.shelf.policy import Action, Policy


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12."""
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(Policy)))  # a default may be a tuple
    parts = made["$defs"]
    for part in parts.values():
        part["additionalProperties"] = False
        for name, field in part["properties"].items():
            if {"type": "null"} in field.get("anyOf", ()):
                part["properties"][name] = field["anyOf"][0]  # one leaves it out rather than write null
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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Rules of a shop for its emails",
        **made,
    }
