"""Handlebars as Iterable has it: outputs that are escaped, sections, and a backslash before what stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from evermail.campaigns.dialects.base import MergeFailed

_TOKEN = re.compile(
    r"\\(?P<kept>\{\{.*?\}\})|\{\{\{(?P<plain>[^{}]*)\}\}\}|\{\{(?P<tag>[^{}]*)\}\}", re.DOTALL
)


def rendered(part: str, values: Mapping[str, str], *, html: bool) -> str:
    """What Handlebars makes of a part. What it does not know becomes nothing, a section with all that is in
    it. Raises `MergeFailed` for sections that do not close."""
    made: list[str] = []
    hidden: list[tuple[str, bool]] = []  # the open sections, and whether what is in them is left out
    end = 0

    def write(text: str) -> None:
        if not any(out for _, out in hidden):
            made.append(text)

    for found in _TOKEN.finditer(part):
        write(part[end : found.start()])
        end = found.end()
        if found["kept"] is not None:
            write(found["kept"])
        elif found["plain"] is not None:
            write(values.get(found["plain"].strip(), ""))
        else:
            tag = found["tag"].strip()
            kind, name = tag[:1], tag[1:].strip()
            if kind in ("#", "^"):
                hidden.append((name, bool(values.get(name)) is (kind == "^")))
            elif kind == "/":
                if not hidden or hidden.pop()[0] != name:
                    raise MergeFailed(f"Handlebars: {found[0]} closes what is not open")
            else:
                value = values.get(tag, "")
                write(escape(value) if html else value)
    if hidden:
        raise MergeFailed(f"Handlebars: {{{{#{hidden[-1][0]}}}}} is not closed")
    write(part[end:])
    return "".join(made)
