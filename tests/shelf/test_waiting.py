"""Rules whose time it is not are told, as their file has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evermail.shelf.policy import Policy
from evermail.shelf.rules_file import read_rules
from evermail.shelf.waiting import waiting

RULES = """\
timezone: {zone}
rules:
- name: Advent candles first
  pin: 1
  where: {{items: [a]}}
  campaigns: [advent]
  {time}
- {{name: Always, boost: 2, where: {{items: [a]}}}}
"""


def policy(time: str, zone: str = "Europe/Berlin") -> Policy:
    return read_rules(RULES.format(time=time, zone=zone))


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("from: 2026-11-29", "begins 2026-11-29"),
        ("from: 2026-11-29T18:00", "begins 2026-11-29 18:00"),
        ("until: 2026-11-20", "ended with 2026-11-20"),
        ("until: 2026-11-20T18:30", "ended 2026-11-20 18:30"),
    ],
)
def test_a_rule_says_when_it_begins_or_ended(time: str, said: str) -> None:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    assert waiting(policy(time), now, "advent") == [f"rule 'Advent candles first', line 3: {said}"]
    assert waiting(policy(time), now, "may") == []


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Lima"])
def test_nothing_is_said_while_a_rule_is_in_force(zone: str) -> None:
    rules = policy("from: 2026-11-29\n  until: 2026-12-24", zone)
    rule = rules.rules[0]
    assert rule.start is not None
    assert rule.end is not None
    instant = timedelta(microseconds=1)
    for now, silent in (
        (rule.start - instant, False),
        (rule.start, True),
        (rule.end - instant, True),
        (rule.end, False),
    ):
        assert (waiting(rules, now, "advent") == []) is silent
        assert rule.in_force(now, "advent") is silent
