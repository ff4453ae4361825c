"""Looks over all that was built: each email, the functions that it asks, and the domain of its sender."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import httpx
import msgspec

from evermail.campaigns.brand import Brand
from evermail.campaigns.check import CHECKERS, domain, endpoint, headers, mime, token_life
from evermail.campaigns.check.amp_validator import AmpValidator
from evermail.campaigns.check.draft import Draft
from evermail.campaigns.check.emails import Email
from evermail.campaigns.check.finding import Finding
from evermail.campaigns.check.txt_records import TxtRecords


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What is known beside the emails. `endpoint` is to be asked if it is given, `records` too. `sender` is
    the address that emails come from; without it, it is that of the first message."""

    send_at_us: int
    brand: Brand | None = None
    token_keys: tuple[str, ...] = ()
    validator: AmpValidator | None = None
    sender: str = ""
    endpoint: str = ""
    records: TxtRecords | None = None
    dkim_selector: str = ""


class SenderUnknown(Exception):
    """The functions cannot be asked in the name of nobody."""


def look_over(
    emails: Iterable[Email], circumstances: Circumstances, client: Callable[[], httpx.Client]
) -> list[Finding]:
    """All that is found, each thing once: `Finding.others` says in how many more messages it is.

    `client` makes the one that asks the functions. Raises `NothingToCheck`, and `SenderUnknown`.
    """
    together = _Together()
    live_url = ""
    sender = circumstances.sender
    for email in emails:
        draft = Draft(
            parts=email.parts,
            send_at_us=circumstances.send_at_us,
            brand=circumstances.brand,
            token_keys=circumstances.token_keys,
            validator=circumstances.validator,
        )
        if circumstances.endpoint and not live_url:
            live_url = endpoint.live_address(draft, circumstances.endpoint, has_tokens=not email.is_made_up)
        together.add(email.file, list(_of_email(email, draft, circumstances.sender)))
        if email.message and not sender:
            sender = headers.sender_of(mime.parsed(email.message))
    found = together.findings
    if live_url:
        if not sender:
            raise SenderUnknown
        with client() as opened:
            found += endpoint.find(live_url, sender, opened)
    if circumstances.records is not None:
        at = sender.rpartition("@")[2]
        found += domain.find(at, circumstances.records, dkim_selector=circumstances.dkim_selector)
    return found


def _of_email(email: Email, draft: Draft, sender: str) -> Iterator[Finding]:
    yield from email.findings
    if email.message:
        message = mime.parsed(email.message)
        yield from mime.find(message, email.message)
        yield from headers.find(message, sender)
        yield from token_life.find_in_header(draft, message)
    for find in CHECKERS:
        yield from find(draft)


class _Together:
    """Findings of many messages. What several have alike is told of the first that has it."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._first: dict[tuple[str, str], int] = {}

    def add(self, file: str, found: list[Finding]) -> None:
        for code, part in dict.fromkeys((one.code, one.part) for one in found):
            of_kind = [one for one in found if (one.code, one.part) == (code, part)]
            if (code, part) not in self._first:
                self._first[code, part] = len(self.findings)
                self.findings += [msgspec.structs.replace(one, file=file) for one in of_kind]
                continue
            place = self._first[code, part]
            known = self.findings[place]
            self.findings[place] = msgspec.structs.replace(known, others=known.others + 1)
