"""Who loads an email before anybody reads it."""

from __future__ import annotations

import pytest

from functions.prefetch import is_prefetch
from tests.functions.fakes import get

PROGRAMS = [
    "Mozilla/5.0",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
]
PEOPLE = [
    "",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Thunderbird/128.0",
]


@pytest.mark.parametrize("agent", PROGRAMS)
def test_proxies_of_mail_providers_are_programs(agent: str) -> None:
    assert is_prefetch(get({}, {"User-Agent": agent}))


@pytest.mark.parametrize("agent", PEOPLE)
def test_mail_clients_are_people(agent: str) -> None:
    assert not is_prefetch(get({}, {"User-Agent": agent}))


@pytest.mark.parametrize("header", ["Purpose", "Sec-Purpose"])
def test_a_browser_that_prefetches_says_so(header: str) -> None:
    assert is_prefetch(get({}, {"User-Agent": PEOPLE[1], header: "prefetch;prerender"}))
