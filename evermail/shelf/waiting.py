"""Rules that are not in force for their time: they begin later, or are over."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from evermail.shelf.policy import Policy


def waiting(policy: Policy, now: datetime, campaign: str) -> list[str]:
    """A line for each rule that would be for this campaign if it were its time, in the order of the file."""
    told = []
    zone = _zone(policy.timezone)
    for rule in policy.rules:
        if rule.campaigns is not None and campaign not in rule.campaigns:
            continue
        if rule.start is not None and now < rule.start:
            told.append(f"{rule}: begins {_written(rule.start.astimezone(zone))}")
        elif rule.end is not None and rule.end <= now:
            told.append(f"{rule}: {ended(rule.end, zone)}")
    return told


def ended(end: datetime, zone: ZoneInfo) -> str:
    """When a rule ended, as its file has it: the day that was its last one, or a moment."""
    local = end.astimezone(zone)
    if local.time() == time():
        return f"ended with {(local - timedelta(days=1)):%Y-%m-%d}"
    return f"ended {_written(local)}"


def _zone(name: str) -> ZoneInfo:
    """UTC where this machine does not know the zone: the rules were read on another one."""
    try:
        return ZoneInfo(name)
    except KeyError:
        return ZoneInfo("UTC")


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}" if moment.time() == time() else f"{moment:%Y-%m-%d %H:%M}"
