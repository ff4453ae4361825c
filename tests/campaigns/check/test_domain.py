"""SPF, DKIM and DMARC, by a resolver that knows what it is given."""

from __future__ import annotations

from collections.abc import Mapping

import dns.exception
import dns.resolver
import pytest

from evermail.campaigns.check import Finding, domain, txt_records
from evermail.campaigns.check.txt_records import DnsUnavailable
from tests.campaigns.check.good_email import codes

GOOD = {
    "shop.example": ["google-site-verification=x", "v=spf1 include:_spf.mail.example ~all"],
    "_dmarc.shop.example": ["v=DMARC1; p=quarantine; rua=mailto:d@shop.example"],
    "s1._domainkey.shop.example": ["v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEB"],
}


def found_with(
    changes: Mapping[str, list[str]], name: str = "shop.example", selector: str = "s1"
) -> list[Finding]:
    records = {**GOOD, **changes}
    return list(domain.find(name, lambda asked: records.get(asked, []), dkim_selector=selector))


def test_a_domain_with_its_records_gives_no_finding() -> None:
    assert found_with({}) == []


@pytest.mark.parametrize(
    ("code", "name", "records"),
    [
        ("spf_missing", "shop.example", []),
        ("spf_missing", "shop.example", ["v=spf10 ~all"]),
        ("spf_broken", "shop.example", ["v=spf1 ~all", "v=spf1 -all"]),
        ("spf_broken", "shop.example", ["v=spf1 " + "include:x.example " * 11 + "~all"]),
        ("spf_open", "shop.example", ["v=spf1 include:x.example +all"]),
        ("spf_open", "shop.example", ["v=spf1 all"]),
        ("dmarc_missing", "_dmarc.shop.example", []),
        ("dmarc_broken", "_dmarc.shop.example", ["v=DMARC1; p=none", "v=DMARC1; p=reject"]),
        ("dmarc_broken", "_dmarc.shop.example", ["v=DMARC1; rua=mailto:d@shop.example"]),
        ("dmarc_none", "_dmarc.shop.example", ["v=DMARC1; p=none"]),
        ("dkim_missing", "s1._domainkey.shop.example", []),
        ("dkim_revoked", "s1._domainkey.shop.example", ["v=DKIM1; p="]),
    ],
)
def test_a_record_that_is_wrong_is_found(code: str, name: str, records: list[str]) -> None:
    found = found_with({name: records})
    assert code in codes(found)
    assert codes(found) <= {code, "dmarc_none"}
    assert all(one.part == "domain" and one.remedy for one in found)


def test_a_subdomain_has_the_policy_of_its_organisation() -> None:
    records = {"news.shop.example": GOOD["shop.example"], "s1._domainkey.news.shop.example": ["p=x"]}
    assert found_with(records, "news.shop.example") == []


def test_dkim_without_a_selector_is_told() -> None:
    assert codes(found_with({}, selector="")) == {"dkim_not_checked"}


def test_dns_that_is_away_is_no_mistake_of_the_sender() -> None:
    def away(name: str) -> list[str]:
        raise DnsUnavailable("no network")

    found = list(domain.find("shop.example", away))
    assert [one.code for one in found] == ["dns_not_checked"]
    assert "no network" in found[0].what


class Record:
    strings = (b"v=spf1 ", b"~all")


@pytest.mark.parametrize("missing", [dns.resolver.NXDOMAIN, dns.resolver.NoAnswer])
def test_a_name_that_is_not_there_has_no_records(
    monkeypatch: pytest.MonkeyPatch, missing: type[Exception]
) -> None:
    def resolve(name: str, kind: str, lifetime: float) -> list[Record]:
        raise missing

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    assert txt_records.txt_records("shop.example") == []


def test_a_long_record_is_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns.resolver, "resolve", lambda name, kind, lifetime: [Record()])
    assert txt_records.txt_records("shop.example") == ["v=spf1 ~all"]


def test_a_resolver_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, kind: str, lifetime: float) -> list[Record]:
        raise dns.exception.Timeout

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    with pytest.raises(DnsUnavailable, match=r"shop\.example"):
        txt_records.txt_records("shop.example")
