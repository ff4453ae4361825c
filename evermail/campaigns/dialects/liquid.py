"""Liquid, as far as an email needs it: outputs with filters, and `raw`. Braze and Customer.io speak it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from evermail.campaigns.dialects.base import MergeFailed

_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}(.*?)\{%-?\s*endraw\s*-?%\}", re.DOTALL)
_TOKEN = re.compile(rf"(?P<raw>{_RAW.pattern})|(?P<tag>\{{%.*?%\}})|(?P<output>\{{\{{.*?\}}\}}+)", re.DOTALL)
_FILTERS: dict[str, Callable[[str], str]] = {"escape": escape}


def raw(text: str) -> str:
    """Text that Liquid passes on as it is."""
    return "{% raw %}" + text + "{% endraw %}"


def rendered(part: str, look_up: Callable[[str], str | None]) -> str:
    """What Liquid makes of a part. `look_up` gives the value of an expression; one that it does not know
    becomes nothing, sections of mustache included. Raises `MergeFailed` for a tag that is none of Liquid's
    here, or a filter that is none."""

    def replace(found: re.Match[str]) -> str:
        if found["raw"] is not None:
            return found[2]
        if found["tag"] is not None:
            raise MergeFailed(f"Liquid does not know the tag {found['tag']}")
        expression, *filters = (part.strip() for part in _inside(found["output"]).split("|"))
        value = look_up(expression) or ""
        for name in filters:
            if name not in _FILTERS:
                raise MergeFailed(f"Liquid does not know the filter {name!r} in {found['output']}")
            value = _FILTERS[name](value)
        return value

    return _TOKEN.sub(replace, part)


def _inside(output: str) -> str:
    """The expression of `{{ … }}`, which may end in a brace of its own, as Braze's `${name}` does."""
    return output[2:-2].strip()
