"""Whether the links of an email lead somewhere for whoever gets it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import SplitResult

from evermail.campaigns.check.addresses import Address, addresses
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.finding import Finding, brief, error, warning

LINK_EMPTY = error(
    "link_empty",
    "A link leads nowhere.",
    "Give it the address of a page, beginning with https://, or take the link away.",
)
LINK_INCOMPLETE = error(
    "link_incomplete",
    "An address is not complete: in an email there is no page that it could be relative to.",
    "Write the whole address, beginning with https://.",
)
LINK_BROKEN = error(
    "link_broken",
    "An address that cannot be read as one.",
    "Copy the address anew from the browser; there must be no spaces or brackets in it.",
)
LINK_UNSAFE = error(
    "link_unsafe",
    "An address of a kind that mail programs remove.",
    "Use an address that begins with https://, or mailto: or tel:.",
)
LINK_LOCAL = error(
    "link_local",
    "An address that only a computer of your own can reach.",
    "Put in the public address: of the functions with `--endpoint`, of the shop in the brand file.",
)
LINK_NOT_HTTPS = warning(
    "link_not_https",
    "A link that begins with http: browsers warn of such pages, and mail programs of such emails.",
    "Let the address begin with https://.",
)

_FOLLOWED = frozenset(("http", "https", "mailto", "tel", "sms"))
_LOCAL = re.compile(r"(?:.*\.)?(?:localhost|local|localdomain|internal|invalid|test|lan|home\.arpa)")


def find(draft: Draft) -> Iterator[Finding]:
    for address in addresses(draft):
        yield from _judged(address)


def _judged(address: Address) -> Iterator[Finding]:
    shown, at = brief(address.url), (address.part, address.line)
    parts = address.split
    if address.url in ("", "#"):
        yield LINK_EMPTY.at(*at, f"{address.where} is {shown or 'empty'}")
    elif parts is None or re.search(r"[\s<>\"{}\\^`|]", address.url):
        yield LINK_BROKEN.at(*at, f"{address.where} is {shown}")
    elif address.part == "amp" and parts.scheme not in _FOLLOWED:
        return  # what AMP demands is for the validator to say
    elif not parts.scheme or (parts.scheme in ("http", "https") and not parts.hostname):
        yield LINK_INCOMPLETE.at(*at, f"{address.where} is {shown}")
    elif parts.scheme == "data" and address.where == "<img src>":
        return  # `images` says that
    elif parts.scheme not in _FOLLOWED:
        yield LINK_UNSAFE.at(*at, f"{address.where} is {shown}")
    elif is_local(parts):
        yield LINK_LOCAL.at(*at, f"{address.where} is {shown}")
    elif parts.scheme == "http" and (address.element is None or address.element.tag in ("a", "area")):
        yield LINK_NOT_HTTPS.at(*at, f"{address.where} is {shown}")


def is_local(parts: SplitResult) -> bool:
    """Whether a host is one that the world cannot reach."""
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https"):
        return False
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or _LOCAL.fullmatch(host) is not None
