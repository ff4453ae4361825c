"""The JSON Schema of a brand file, for editors that complete and check as one writes.

It is made from `Brand`. `brand.schema.json` beside this file is what it makes:
`python -m evermail.campaigns.brand_schema > evermail/campaigns/brand.schema.json`
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from evermail.campaigns.brand import Brand
from evermail.file_schema import schema_of


def schema() -> dict[str, Any]:
    """The schema, in JSON Schema 2020-12."""
    made = schema_of(Brand, "A shop as its emails show it")
    for field in msgspec.structs.fields(Brand):
        if isinstance(field.type, type) and isinstance(field.default, field.type) and _is_group(field.type):
            # The file gives what is different from the default
            made["$defs"][field.type.__name__].pop("required", None)
    return made


def _is_group(kind: type) -> bool:
    return issubclass(kind, msgspec.Struct)


if __name__ == "__main__":
    print(json.dumps(schema(), indent=2, ensure_ascii=False))
