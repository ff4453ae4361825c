"""Asks DNS for the TXT records of a name."""

from __future__ import annotations

from collections.abc import Callable

TxtRecords = Callable[[str], list[str]]
"""The TXT records of a name, each as one text; none if there is no such name. Raises `DnsUnavailable`."""

TIMEOUT_S = 5.0
"""For one name, with all its repetitions."""


class DnsUnavailable(Exception):
    """DNS did not answer. The message says why."""


def txt_records(name: str) -> list[str]:
    """What the resolver of this machine says. Raises `DnsUnavailable`."""
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(name, "TXT", lifetime=TIMEOUT_S)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as problem:
        raise DnsUnavailable(f"DNS says nothing of {name}: {problem}") from None
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]
