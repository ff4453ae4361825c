"""Resource names and pages of them, by Pub/Sub's rules (https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from demo.pubsub.errors import Invalid

DELETED_TOPIC = "_deleted-topic_"
"""Stands for the topic of a subscription that outlived it."""

_PROJECT = re.compile(r"projects/[^/\s]+")
_ID = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}")


def check_topic(name: str) -> None:
    _check(name, "topics")


def check_subscription(name: str) -> None:
    _check(name, "subscriptions")


def check_project(name: str) -> None:
    if not _PROJECT.fullmatch(name):
        raise Invalid(f"{name!r} is not a project name of the form projects/PROJECT")


def page(names: Iterable[str], size: int, token: str) -> tuple[list[str], str]:
    """One page of names in order, and the token of the next page ("" when this is the last).

    A size of 0 means all. A token is the last name of the page before.
    """
    if size < 0:
        raise Invalid("page_size must not be negative")
    rest = sorted(name for name in names if name > token)
    if not size or len(rest) <= size:
        return rest, ""
    return rest[:size], rest[size - 1]


def _check(name: str, collection: str) -> None:
    parts = name.split("/")
    if (
        len(parts) != 4
        or parts[2] != collection
        or not _PROJECT.fullmatch("/".join(parts[:2]))
        or not _ID.fullmatch(parts[3])
    ):
        raise Invalid(
            f"{name!r} is not a name of the form projects/PROJECT/{collection}/ID, where ID starts "
            "with a letter, has 3 to 255 letters, digits or -_.~+% and does not start with 'goog'"
        )
