"""What differs between the recipients of one email that a mail service sends, and where it stands.

A mail service fills tags of its own language into one email for all. To have one rendered for it, a template
is filled with a marker for each such field, which no filter or escape changes; then each marker is replaced
by the service's tag.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from urllib.parse import quote

from evermail.campaigns.context import EmailRecipient, Tokens
from evermail.serving import RecommendedItem


class Field(StrEnum):
    """A column of the audience, an attribute of the recipient: so is it called at the mail service."""

    RECOMMENDATIONS = "evermail_recommendations"
    SLOTS = "evermail_slots"
    ACTIONS = "evermail_actions"
    UNSUBSCRIBE = "evermail_unsubscribe"
    FIRST_NAME = "first_name"
    ITEM_TITLE = "item_title"
    ITEM_PRICE = "item_price"
    ITEM_IMAGE = "item_image"
    ITEM_URL = "item_url"


TOKEN_FIELDS = (Field.RECOMMENDATIONS, Field.SLOTS, Field.ACTIONS, Field.UNSUBSCRIBE)
"""What `evermail campaign tokens` makes, in its order of columns."""

ITEM_FIELDS = (Field.ITEM_TITLE, Field.ITEM_PRICE, Field.ITEM_IMAGE, Field.ITEM_URL)
"""Of the item that an email is about."""

_URLS = (Field.ITEM_IMAGE, Field.ITEM_URL)
_LOOKALIKES = str.maketrans({"<": "‹", ">": "›", '"': "”", "{": "(", "}": ")"})
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_BASE = "https://merge.invalid/"
_MARKER = re.compile("(?:https://merge\\.invalid/)?MERGE-(" + "|".join(Field) + ")-MERGE")


def marker(field: Field) -> str:
    """What stands for a field while a template is rendered: a URL where one is wanted, else a word."""
    word = f"MERGE-{field}-MERGE"
    return _BASE + word if field in _URLS else word


def everybody(*, first_name: bool = False) -> EmailRecipient:
    """The recipient that stands for all. With `first_name`, all of them must have one."""
    tokens = Tokens(
        recommendations=marker(Field.RECOMMENDATIONS),
        slots=marker(Field.SLOTS),
        actions=marker(Field.ACTIONS),
        unsubscribe=marker(Field.UNSUBSCRIBE),
    )
    return EmailRecipient(tokens, first_name=marker(Field.FIRST_NAME) if first_name else None)


def any_item() -> RecommendedItem:
    """The item that stands for the one that each recipient's email is about."""
    title, price, image, url = map(marker, ITEM_FIELDS)
    return RecommendedItem(item_id="", title=title, price=price, image=image, url=url, reason="")


def fields_of(rendered: str) -> set[Field]:
    """The fields whose markers stand in a rendered part."""
    return {Field(found) for found in _MARKER.findall(rendered)}


def with_tags(rendered: str, tag: Callable[[Field], str]) -> str:
    """A rendered part with tags in the places of its markers."""
    return _MARKER.sub(lambda found: tag(Field(found[1])), rendered)


def harmless(field: Field, value: str) -> str:
    """A value that a service may put into text and HTML alike: several replace tags without escaping.

    What could be taken for markup or for a tag becomes a character that looks like it; URLs are encoded.
    """
    if field in _URLS:
        return quote(value, safe="%/:?#[]@!$&()*+,;=~-._'")
    return _INVISIBLE.sub(" ", value).translate(_LOOKALIKES).strip()
