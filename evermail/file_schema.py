"""The JSON Schema of a file that people write, for editors that complete and check as one writes."""

from __future__ import annotations

from typing import Any

import msgspec


def schema_of(kind: type[msgspec.Struct], title: str) -> dict[str, Any]:
    """The schema of a struct, in JSON Schema 2020-12: with no names but its own, and without null, since one
    leaves out what is not to be said."""
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(kind)))  # a default may be a tuple
    for part in made["$defs"].values():
        part["additionalProperties"] = False
        for name, field in part["properties"].items():
            if {"type": "null"} in field.get("anyOf", ()):
                part["properties"][name] = field["anyOf"][0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **made}
