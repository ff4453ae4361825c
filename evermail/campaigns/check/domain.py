"""Whether the domain of the sender says in DNS that its emails are its own: SPF, DKIM and DMARC.

Sources: RFC 7208 (SPF), RFC 6376 (DKIM), RFC 7489 (DMARC).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evermail.campaigns.check.finding import Finding, brief, error, hint, warning
from evermail.campaigns.check.txt_records import DnsUnavailable, TxtRecords

SPF_MISSING = warning(
    "spf_missing",
    "The domain of the sender has no SPF record: it does not say which servers send for it.",
    "Add the TXT record that your mail service shows in its settings, such as `v=spf1 include:… ~all`. "
    "If the service sends with a domain of its own for bounces, that one needs it instead.",
)
SPF_BROKEN = error(
    "spf_broken",
    "The SPF record counts as broken: receivers take it for none.",
    "Keep one TXT record that begins with v=spf1, with at most ten of include, a, mx, exists and redirect.",
)
SPF_OPEN = error(
    "spf_open",
    "The SPF record lets everybody send as you.",
    "Let it end with ~all or -all.",
)
DMARC_MISSING = error(
    "dmarc_missing",
    "The domain has no DMARC record: Gmail and Yahoo refuse bulk mail of it, and show no AMP.",
    "Add a TXT record for _dmarc.YOUR-DOMAIN: `v=DMARC1; p=none; rua=mailto:…`, and tighten it later.",
)
DMARC_BROKEN = error(
    "dmarc_broken",
    "The DMARC record cannot be read: receivers take it for none.",
    "Keep one TXT record that begins with `v=DMARC1; p=none`, `quarantine` or `reject`.",
)
DMARC_NONE = hint(
    "dmarc_none",
    "The DMARC record only watches (p=none): others may go on sending as you.",
    "Once its reports show that all your mail passes, write p=quarantine.",
)
DKIM_MISSING = error(
    "dkim_missing",
    "There is no DKIM key under this selector: Gmail and Yahoo show no AMP without a valid signature.",
    "Add the record that your mail service shows for this selector; it may take an hour to be seen.",
)
DKIM_REVOKED = error(
    "dkim_revoked",
    "The DKIM key under this selector is empty, which means that it was taken back.",
    "Let your mail service make a new key, and name its selector after --dkim-selector.",
)
DKIM_NOT_CHECKED = hint(
    "dkim_not_checked",
    "DKIM was not looked at: DNS cannot be asked which selectors there are.",
    "Give the selector of your mail service after --dkim-selector: in a message it sent, it is s= in "
    "DKIM-Signature.",
)
SENDER_UNKNOWN = hint(
    "sender_unknown",
    "The domain of the sender was not looked at: the files do not say who sends the email.",
    "Give the address that your emails come from after --sender.",
)
DNS_NOT_CHECKED = hint(
    "dns_not_checked",
    "The domain of the sender was not looked at, since DNS did not answer.",
    "Run the check where there is a network, or leave this out with --no-dns.",
)

_SPF_LOOKUPS = re.compile(
    r"[+?~-]?(?:include:|a(?=[:/\s]|$)|mx(?=[:/\s]|$)|ptr|exists:|redirect=)", re.IGNORECASE
)
_MOST_LOOKUPS = 10


def find(domain: str, records: TxtRecords, *, dkim_selector: str = "") -> Iterator[Finding]:
    """`domain` is what follows the @ of the sender's address, or nothing where that is not known."""
    if not domain:
        yield SENDER_UNKNOWN.at("domain", 0, "no sender was named")
        return
    try:
        yield from _spf(domain, records(domain))
        yield from _dmarc(domain, records)
        if dkim_selector:
            yield from _dkim(f"{dkim_selector}._domainkey.{domain}", records)
        else:
            yield DKIM_NOT_CHECKED.at("domain", 0, f"no selector of {domain} was named")
    except DnsUnavailable as problem:
        yield DNS_NOT_CHECKED.at("domain", 0, str(problem))


def _spf(domain: str, records: list[str]) -> Iterator[Finding]:
    found = [one for one in records if re.match(r"v=spf1(?:\s|$)", one, re.IGNORECASE)]
    if not found:
        yield SPF_MISSING.at("domain", 0, f"{domain} has no SPF record")
        return
    if len(found) > 1:
        yield SPF_BROKEN.at("domain", 0, f"{domain} has {len(found)} SPF records")
    lookups = sum(bool(_SPF_LOOKUPS.match(term)) for term in found[0].split()[1:])
    if lookups > _MOST_LOOKUPS:
        yield SPF_BROKEN.at(
            "domain", 0, f"the SPF record of {domain} needs {lookups} lookups, ten are allowed"
        )
    if any(term.lower() in ("+all", "all") for term in found[0].split()):
        yield SPF_OPEN.at("domain", 0, f"the SPF record of {domain} is {brief(found[0])}")


def _dmarc(domain: str, records: TxtRecords) -> Iterator[Finding]:
    found: list[str] = []
    name = domain
    while not found and "." in name:  # a domain has the record of the organisation that it belongs to
        found = [one for one in records(f"_dmarc.{name}") if re.match(r"v\s*=\s*DMARC1", one, re.IGNORECASE)]
        name = name.partition(".")[2]
    if not found:
        yield DMARC_MISSING.at("domain", 0, f"{domain} has no DMARC record")
        return
    if len(found) > 1:
        yield DMARC_BROKEN.at("domain", 0, f"{domain} has {len(found)} DMARC records")
    policy = re.search(r";\s*p\s*=\s*(\w+)", found[0], re.IGNORECASE)
    if policy is None or policy[1].lower() not in ("none", "quarantine", "reject"):
        yield DMARC_BROKEN.at("domain", 0, f"the DMARC record of {domain} is {brief(found[0])}")
    elif policy[1].lower() == "none":
        yield DMARC_NONE.at("domain", 0, f"the DMARC record of {domain} is {brief(found[0])}")


def _dkim(name: str, records: TxtRecords) -> Iterator[Finding]:
    keys = [re.search(r"(?:^|;)\s*p\s*=\s*([^;]*)", one) for one in records(name)]
    found = [key[1].strip() for key in keys if key]
    if not found:
        yield DKIM_MISSING.at("domain", 0, f"{name} has no DKIM key")
    elif not any(found):
        yield DKIM_REVOKED.at("domain", 0, f"{name} has an empty key")
