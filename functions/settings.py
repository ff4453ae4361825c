"""The one place where the functions read environment variables.

recommendations
    EVERMAIL_STORE           `sqlite:///PATH` or `firestore://PROJECT[/DATABASE]`
    EVERMAIL_TOKEN_KEYS      secrets of 16 bytes or more, comma separated, oldest first: the last one signs
    EVERMAIL_SENDERS         trusted From addresses, comma separated; `*@shop.example` for all of one domain
    EVERMAIL_SLOTS           how many items when the URL has no `n`: 1 to 20, by default 4
    EVERMAIL_LOCALE          how prices are written, such as `en_GB`: by default `en`
collect
    EVERMAIL_EVENTS_TOPIC    `projects/PROJECT/topics/TOPIC`
    EVERMAIL_SHOP_ORIGINS    origins whose pages may send events, comma separated; by default none

Surrounding white space is ignored, since secrets are often stored with a line break. An error names
the variable and never its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from evermail.tokens import TokenSigner
from functions.amp_cors import TrustedSenders

MAX_SLOTS = 20
DEFAULT_SLOTS = 4

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
_LOCALE = re.compile(r"[a-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Exception):
    """A variable is missing or cannot be read. The message is for the operator's log."""


@dataclass(frozen=True)
class RecommendationsSettings:
    """What `recommendations` needs to know."""

    store_url: str
    token_keys: tuple[str, ...] = field(repr=False)
    senders: TrustedSenders
    slots: int = DEFAULT_SLOTS
    locale: str = "en"


@dataclass(frozen=True)
class CollectSettings:
    """What `collect` needs to know. `origins` are lower case, as browsers send them."""

    topic: str
    origins: frozenset[str] = frozenset()


def load_recommendations(environ: Mapping[str, str]) -> RecommendationsSettings:
    """Reads the variables of `recommendations`. Raises `SettingsError`."""
    keys = _list(environ, "EVERMAIL_TOKEN_KEYS")
    try:
        TokenSigner(keys)
    except ValueError as error:
        raise SettingsError(f"EVERMAIL_TOKEN_KEYS: {error}") from None
    try:
        senders = TrustedSenders(_list(environ, "EVERMAIL_SENDERS"))
    except ValueError as error:
        raise SettingsError(f"EVERMAIL_SENDERS: {error}") from None
    return RecommendationsSettings(
        store_url=_required(environ, "EVERMAIL_STORE"),
        token_keys=tuple(keys),
        senders=senders,
        slots=_slots(environ.get("EVERMAIL_SLOTS", "").strip()),
        locale=_locale(environ.get("EVERMAIL_LOCALE", "").strip() or "en"),
    )


def load_collect(environ: Mapping[str, str]) -> CollectSettings:
    """Reads the variables of `collect`. Raises `SettingsError`."""
    topic = _required(environ, "EVERMAIL_EVENTS_TOPIC")
    if not _TOPIC.fullmatch(topic):
        raise SettingsError("EVERMAIL_EVENTS_TOPIC: expected projects/PROJECT/topics/TOPIC")
    origins = set()
    if environ.get("EVERMAIL_SHOP_ORIGINS", "").strip():
        for origin in _list(environ, "EVERMAIL_SHOP_ORIGINS"):
            if not _ORIGIN.fullmatch(origin.lower()):
                raise SettingsError(
                    "EVERMAIL_SHOP_ORIGINS: an entry is not an origin such as https://shop.example (no path)"
                )
            origins.add(origin.lower())
    return CollectSettings(topic=topic, origins=frozenset(origins))


def parse_slots(text: str) -> int | None:
    """A number of slots from 1 to 20, or None when `text` is none."""
    if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= MAX_SLOTS:
        return int(text)
    return None


def _slots(text: str) -> int:
    slots = parse_slots(text) if text else DEFAULT_SLOTS
    if slots is None:
        raise SettingsError(f"EVERMAIL_SLOTS: expected a whole number from 1 to {MAX_SLOTS}")
    return slots


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise SettingsError("EVERMAIL_LOCALE: expected a language and perhaps a country, such as en_GB")
    return text.replace("-", "_")


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"{name} is not set")
    return value


def _list(environ: Mapping[str, str], name: str) -> list[str]:
    entries = [entry.strip() for entry in _required(environ, name).split(",")]
    if not all(entries):
        raise SettingsError(f"{name}: an entry is empty (a comma too many?)")
    return entries
