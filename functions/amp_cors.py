"""CORS in AMP for Email, versions 2 and 1: may this sender's emails read our answer?

Pure: what the request said goes in, the decision comes out.
Source: https://amp.dev/documentation/guides-and-tutorials/email/learn/cors-in-email

These headers only hold a mail client back. Anyone else can forge them, so a decision to allow
never replaces the check of the token.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

SENDER_HEADER = "AMP-Email-Sender"
SOURCE_ORIGIN_PARAMETER = "__amp_source_origin"

VARY = {"Vary": f"{SENDER_HEADER}, Origin"}

# RFC 5322 dot-atom and a domain, ASCII only: what may be echoed in a header.
_ADDRESS = re.compile(
    r"(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64})@(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
)


class TrustedSenders:
    """The From addresses whose emails may read our answers.

    An entry is an address, `offers@shop.example`, or every address of one domain,
    `*@shop.example` (its subdomains are not included). Compared case-insensitively. There is no
    entry for "everybody": raises `ValueError` for `*` and for anything else that is not an address.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(entry.lower() for entry in entries)
        if not self._entries:
            raise ValueError("name at least one sender")
        for entry in self._entries:
            match = _ADDRESS.fullmatch(entry)
            if match is None or ("*" in entry and match["local"] != "*"):
                raise ValueError("an entry is neither an address nor *@DOMAIN")

    def trusts(self, sender: str) -> bool:
        """Whether `sender` is one of them."""
        match = _ADDRESS.fullmatch(sender)
        if match is None or match["local"] == "*":
            return False
        return sender.lower() in self._entries or f"*@{match['domain'].lower()}" in self._entries

    def __repr__(self) -> str:
        return f"TrustedSenders({sorted(self._entries)})"


@dataclass(frozen=True)
class Allowed:
    """Send the answer, and errors too, with these headers."""

    headers: dict[str, str]
    version: int


@dataclass(frozen=True)
class Denied:
    """Answer with this status and no CORS header: 400 when the request names no sender, else 403."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=lambda: dict(VARY))


def decide(
    *, sender: str | None, origin: str | None, source_origin: str | None, trusted: TrustedSenders
) -> Allowed | Denied:
    """Decides for one request of any method, OPTIONS included.

    `sender` is the value of the header AMP-Email-Sender, `origin` that of Origin, `source_origin` that
    of the query's `__amp_source_origin`; None where the request has none. With both headers, version 2
    applies and Origin is ignored.
    """
    if sender is not None:
        if not trusted.trusts(sender):
            return _untrusted()
        return Allowed({"AMP-Email-Allow-Sender": sender, **VARY}, version=2)
    if not origin:
        return Denied(400, "sender_missing", f"the request has neither {SENDER_HEADER} nor Origin")
    if not source_origin:
        return Denied(400, "source_origin_missing", f"with Origin, {SOURCE_ORIGIN_PARAMETER} is required")
    if not trusted.trusts(source_origin):
        return _untrusted()
    headers = {
        "Access-Control-Allow-Origin": origin,
        "AMP-Access-Control-Allow-Source-Origin": source_origin,
        "Access-Control-Expose-Headers": "AMP-Access-Control-Allow-Source-Origin",
        **VARY,
    }
    return Allowed(headers, version=1)


def _untrusted() -> Denied:
    return Denied(403, "sender_not_trusted", "emails of this sender may not read this")
