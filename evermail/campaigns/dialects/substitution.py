"""Services that replace tags and understand nothing else: braces are left as they are, values as well."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evermail.campaigns.merge import Field


def replaced(part: str, values: Mapping[Field, str], tag: re.Pattern[str]) -> str:
    """A part with all tags replaced whose first group is the name of a field with a value. Others stay, for
    everybody to see, as these services do it."""
    by_name = {str(field): value for field, value in values.items()}
    return tag.sub(lambda found: by_name.get(found[1], found[0]), part)
