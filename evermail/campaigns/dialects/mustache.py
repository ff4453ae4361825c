"""The mustache of an AMP part, which most merge languages would take for tags of their own."""

from __future__ import annotations

import re
from collections.abc import Callable

_TAG = re.compile(r"\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}")


def each_tag(amp: str, protected: Callable[[str], str]) -> str:
    """An AMP part with each of its mustache tags, `{{title}}` or `{{#was}}` or `{{{html}}}`, replaced.

    Tag by tag rather than template by template: between two of them there can be a field of the recipient,
    which the service is to fill in.
    """
    return _TAG.sub(lambda found: protected(found[0]), amp)
