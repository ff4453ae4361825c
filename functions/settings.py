"""The one place where the functions read environment variables.

EVERMAIL_STORE                `sqlite:///PATH` or `firestore://PROJECT[/DATABASE]`
EVERMAIL_TOKEN_KEYS           secrets of 16 bytes or more, comma separated, oldest first: the last one signs
EVERMAIL_SENDERS              trusted From addresses, comma separated; `*@shop.example` for all of one domain
EVERMAIL_EVENTS_TOPIC         `projects/PROJECT/topics/TOPIC`
EVERMAIL_SHOP_URL             the shop's front page: where a click leads that leads nowhere else
EVERMAIL_SHOP_ORIGINS         origins whose pages may send events, comma separated; by default none
EVERMAIL_COLLECT_KEYS         `name:secret` pairs, comma separated: servers that may send events;
                              by default any server may
EVERMAIL_FUNCTIONS_URL        where the functions are reached from outside: links of an email then lead there,
                              so that clicks count; by default links lead to the shop at once
EVERMAIL_SLOTS                how many items when the URL has no `n`: 1 to 20, by default 4
EVERMAIL_LOCALE               how prices are written, such as `en_GB`: by default `en`
EVERMAIL_STATIC               file with the items of last resort, made by `evermail static`
EVERMAIL_REQUESTS_PER_MINUTE  how often one email may ask: by default 60
EVERMAIL_PRIVACY_KEYS         `name:secret` pairs, comma separated: who may export and erase people
EVERMAIL_PSEUDONYM_KEYS       `id:secret` pairs, comma separated, as the job has them

`VARIABLES` says which entry point reads which. Surrounding white space is ignored, since secrets are often
stored with a line break. An error names the variable and never its value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from evermail.keys import KeysUnavailable, parse_keys
from evermail.shelf.policy import MAX_SLOT
from evermail.tokens import TokenSigner
from functions.amp_cors import TrustedSenders

MAX_SLOTS = MAX_SLOT
DEFAULT_SLOTS = 4
REQUESTS_PER_MINUTE = 60

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
_LOCALE = re.compile(r"[a-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,2}")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")


class SettingsError(Exception):
    """A variable is missing or cannot be read. The message is for the operator's log."""


@dataclass(frozen=True)
class EmailSettings:
    """What an endpoint needs to know that emails call with a token."""

    store_url: str
    token_keys: tuple[str, ...] = field(repr=False)
    requests_per_minute: int = REQUESTS_PER_MINUTE


@dataclass(frozen=True)
class RecommendationsSettings(EmailSettings):
    """What `recommendations` needs to know."""

    senders: TrustedSenders = field(kw_only=True)
    slots: int = DEFAULT_SLOTS
    locale: str = "en"
    functions_url: str = ""
    static_file: Path | None = None


@dataclass(frozen=True)
class StartSettings:
    """What can be begun before the first request."""

    store_url: str
    locale: str
    static_file: Path | None


@dataclass(frozen=True)
class TrendingSettings:
    """What `trending` needs to know."""

    store_url: str
    senders: TrustedSenders
    slots: int = DEFAULT_SLOTS
    locale: str = "en"
    static_file: Path | None = None


@dataclass(frozen=True)
class SlotSettings(EmailSettings):
    """What `slot_image` and `slot_click` need to know."""

    shop_url: str = field(kw_only=True)
    topic: str = field(kw_only=True)
    locale: str = "en"
    static_file: Path | None = None


@dataclass(frozen=True)
class ActionSettings(EmailSettings):
    """What `feedback` and `unsubscribe` need to know."""

    senders: TrustedSenders = field(kw_only=True)


@dataclass(frozen=True)
class WishlistSettings(ActionSettings):
    """What `wishlist` needs to know."""

    topic: str = field(kw_only=True)


@dataclass(frozen=True)
class CollectSettings:
    """What `collect` needs to know. `origins` are lower case, as browsers send them. `keys` are secrets by
    the name of the server that has them; with none, any server may send events."""

    topic: str
    origins: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class PrivacySettings:
    """What `privacy` needs to know. `callers` are secrets by the name that the audit log gives them."""

    store_url: str
    topic: str
    callers: Mapping[str, str] = field(repr=False)
    pseudonym_keys: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class ReadinessSettings:
    """What `readyz` looks at: what is not set, an instance does not use."""

    store_url: str = ""
    topic: str = ""


VARIABLES = {
    "recommendations": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SENDERS SLOTS LOCALE FUNCTIONS_URL STATIC",
    "trending": "STORE SENDERS SLOTS LOCALE STATIC",
    "slot_image": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SHOP_URL EVENTS_TOPIC LOCALE STATIC",
    "slot_click": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SHOP_URL EVENTS_TOPIC LOCALE STATIC",
    "wishlist": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SENDERS EVENTS_TOPIC",
    "feedback": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SENDERS",
    "unsubscribe": "STORE TOKEN_KEYS REQUESTS_PER_MINUTE SENDERS",
    "collect": "EVENTS_TOPIC SHOP_ORIGINS COLLECT_KEYS",
    "evermail_js": "",
    "privacy": "STORE EVENTS_TOPIC PRIVACY_KEYS PSEUDONYM_KEYS",
    "readyz": "STORE EVENTS_TOPIC",
    "healthz": "",
}
"""The variables of each entry point, without `EVERMAIL_`."""


def load_start(environ: Mapping[str, str]) -> StartSettings:
    """Reads what every endpoint that recommends reads. Raises `SettingsError`, as all of these do."""
    return StartSettings(_required(environ, "EVERMAIL_STORE"), _locale(environ), _static_file(environ))


def load_recommendations(environ: Mapping[str, str]) -> RecommendationsSettings:
    """Reads the variables of `recommendations`."""
    return RecommendationsSettings(
        *_email(environ),
        senders=_senders(environ),
        slots=_slots(environ),
        locale=_locale(environ),
        functions_url=_url(environ, "EVERMAIL_FUNCTIONS_URL"),
        static_file=_static_file(environ),
    )


def load_trending(environ: Mapping[str, str]) -> TrendingSettings:
    """Reads the variables of `trending`."""
    return TrendingSettings(
        store_url=_required(environ, "EVERMAIL_STORE"),
        senders=_senders(environ),
        slots=_slots(environ),
        locale=_locale(environ),
        static_file=_static_file(environ),
    )


def load_slots(environ: Mapping[str, str]) -> SlotSettings:
    """Reads the variables of `slot_image` and `slot_click`."""
    _required(environ, "EVERMAIL_SHOP_URL")
    return SlotSettings(
        *_email(environ),
        shop_url=_url(environ, "EVERMAIL_SHOP_URL"),
        topic=_topic(environ),
        locale=_locale(environ),
        static_file=_static_file(environ),
    )


def load_actions(environ: Mapping[str, str]) -> ActionSettings:
    """Reads the variables of `feedback` and `unsubscribe`."""
    return ActionSettings(*_email(environ), senders=_senders(environ))


def load_wishlist(environ: Mapping[str, str]) -> WishlistSettings:
    """Reads the variables of `wishlist`."""
    return WishlistSettings(*_email(environ), senders=_senders(environ), topic=_topic(environ))


def load_collect(environ: Mapping[str, str]) -> CollectSettings:
    """Reads the variables of `collect`."""
    topic = _topic(environ)
    origins = set()
    if environ.get("EVERMAIL_SHOP_ORIGINS", "").strip():
        for origin in _list(environ, "EVERMAIL_SHOP_ORIGINS"):
            if not _ORIGIN.fullmatch(origin.lower()):
                raise SettingsError(
                    "EVERMAIL_SHOP_ORIGINS: an entry is not an origin such as https://shop.example (no path)"
                )
            origins.add(origin.lower())
    given = environ.get("EVERMAIL_COLLECT_KEYS", "").strip()
    keys = _keys(environ, "EVERMAIL_COLLECT_KEYS") if given else {}
    return CollectSettings(topic=topic, origins=frozenset(origins), keys=keys)


def load_privacy(environ: Mapping[str, str]) -> PrivacySettings:
    """Reads the variables of `privacy`."""
    return PrivacySettings(
        store_url=_required(environ, "EVERMAIL_STORE"),
        topic=_topic(environ),
        callers=_keys(environ, "EVERMAIL_PRIVACY_KEYS"),
        pseudonym_keys=_keys(environ, "EVERMAIL_PSEUDONYM_KEYS"),
    )


def load_readiness(environ: Mapping[str, str]) -> ReadinessSettings:
    """Reads the variables of `readyz`."""
    return ReadinessSettings(
        store_url=environ.get("EVERMAIL_STORE", "").strip(),
        topic=_topic(environ) if environ.get("EVERMAIL_EVENTS_TOPIC", "").strip() else "",
    )


def parse_slots(text: str) -> int | None:
    """A number of slots from 1 to 20, or None when `text` is none."""
    if re.fullmatch(r"[0-9]{1,2}", text) and 1 <= int(text) <= MAX_SLOTS:
        return int(text)
    return None


def _email(environ: Mapping[str, str]) -> tuple[str, tuple[str, ...], int]:
    """The fields of `EmailSettings`, in order."""
    keys = _list(environ, "EVERMAIL_TOKEN_KEYS")
    try:
        TokenSigner(keys)
    except ValueError as error:
        raise SettingsError(f"EVERMAIL_TOKEN_KEYS: {error}") from None
    text = environ.get("EVERMAIL_REQUESTS_PER_MINUTE", "").strip() or str(REQUESTS_PER_MINUTE)
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise SettingsError("EVERMAIL_REQUESTS_PER_MINUTE: expected a whole number from 1 on")
    return _required(environ, "EVERMAIL_STORE"), tuple(keys), int(text)


def _senders(environ: Mapping[str, str]) -> TrustedSenders:
    try:
        return TrustedSenders(_list(environ, "EVERMAIL_SENDERS"))
    except ValueError as error:
        raise SettingsError(f"EVERMAIL_SENDERS: {error}") from None


def _slots(environ: Mapping[str, str]) -> int:
    text = environ.get("EVERMAIL_SLOTS", "").strip()
    slots = parse_slots(text) if text else DEFAULT_SLOTS
    if slots is None:
        raise SettingsError(f"EVERMAIL_SLOTS: expected a whole number from 1 to {MAX_SLOTS}")
    return slots


def _locale(environ: Mapping[str, str]) -> str:
    text = environ.get("EVERMAIL_LOCALE", "").strip() or "en"
    if not _LOCALE.fullmatch(text):
        raise SettingsError("EVERMAIL_LOCALE: expected a language and perhaps a country, such as en_GB")
    return text.replace("-", "_")


def _topic(environ: Mapping[str, str]) -> str:
    topic = _required(environ, "EVERMAIL_EVENTS_TOPIC")
    if not _TOPIC.fullmatch(topic):
        raise SettingsError("EVERMAIL_EVENTS_TOPIC: expected projects/PROJECT/topics/TOPIC")
    return topic


def _url(environ: Mapping[str, str], name: str) -> str:
    """A complete URL without a slash at its end; empty where none is given."""
    url = environ.get(name, "").strip()
    try:
        parts = urlsplit(url)
        complete = (
            parts.scheme in ("https", "http") and bool(parts.hostname) and not (parts.query or parts.fragment)
        )
    except ValueError:
        complete = False
    if url and not complete:
        raise SettingsError(f"{name}: expected a URL such as https://shop.example, without ? and #")
    return url.rstrip("/")


def _static_file(environ: Mapping[str, str]) -> Path | None:
    path = environ.get("EVERMAIL_STATIC", "").strip()
    return Path(path) if path else None


def _keys(environ: Mapping[str, str], name: str) -> dict[str, str]:
    try:
        return parse_keys(environ.get(name, ""), name)
    except KeysUnavailable as error:
        raise SettingsError(str(error)) from None


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
