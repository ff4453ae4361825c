"""Reads a shop's rules from their YAML file, and says of each mistake where it is and what to write instead.

What a day or a moment means is decided by the field that it stands in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from evermail.complaints import Path, kind_of
from evermail.shelf.policy import MAX_RULES, Action, Policy, Rule
from evermail.written_yaml import Refused, Written

_TOO_MANY = "give them a custom_label in the feed, and name that"
_UNWRITTEN = ("line",)


class RulesRefused(Refused):
    """A file of rules that cannot be used."""


def read_rules(text: str) -> Policy:
    """The policy of a file; an empty one says nothing and is right. Raises `RulesRefused`."""
    try:
        written = Written(text)
    except Refused as refused:
        raise RulesRefused(refused.problems) from None
    policy = _Reader(written).policy()
    if written.problems:
        raise RulesRefused(written.problems)
    return policy


class _Reader:
    """Makes a policy of what is written, noting what is wrong with it."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._zone = ZoneInfo("UTC")

    def policy(self) -> Policy:
        content = self._written.content
        if not isinstance(content, dict):
            self._written.problem((), f"the file is {kind_of(content)}", "begin it with `rules:`")
            return Policy()
        fields = {name: value for name, value in content.items() if name != "rules"}
        self._written.check_names((), fields, Policy, unwritten=_UNWRITTEN)
        self._read_zone(fields)
        policy = self._written.converted((), fields, Policy, too_many=_TOO_MANY) or Policy()
        return msgspec.structs.replace(policy, rules=tuple(self._rules(content.get("rules"))))

    def _read_zone(self, fields: dict[str, Any]) -> None:
        name = fields.get("timezone", "UTC")
        try:
            self._zone = ZoneInfo(name)
        except (OSError, ValueError, TypeError, KeyError):
            del fields["timezone"]
            remedy = "write a name such as Europe/Berlin, from the IANA list"
            self._written.problem(("timezone",), f"timezone: {name!r} is none that is known", remedy)

    def _rules(self, written: Any) -> Iterator[Rule]:
        if written is None:
            return
        if not isinstance(written, list):
            remedy = "begin each rule with a dash: `- name: ...`"
            self._written.problem(("rules",), f"rules is {kind_of(written)}, not a list", remedy)
            return
        if len(written) > MAX_RULES:
            remedy = "give products that belong together a custom_label in the feed, and one rule"
            self._written.problem(
                ("rules", MAX_RULES), f"there are {len(written):,} rules, {MAX_RULES} at most", remedy
            )
        names: dict[str, int] = {}
        for place, fields in enumerate(written[:MAX_RULES]):
            path = ("rules", place)
            line = self._written.line(path)
            with_moments = self._with_moments(path, fields)
            if isinstance(fields, dict):
                self._written.check_names(path, fields, Rule, unwritten=_UNWRITTEN)
                self._check(path, with_moments)
                self._check_name(path, fields.get("name"), line, names)
            rule = self._written.converted(path, with_moments, Rule, too_many=_TOO_MANY)
            if rule is not None:
                yield msgspec.structs.replace(rule, line=line)

    def _with_moments(self, path: Path, fields: Any) -> Any:
        """The fields of a rule with its days made moments: the last day is over when the next begins."""
        if not isinstance(fields, dict):
            return fields
        moments = {}
        for name in ("from", "until"):
            text = fields.get(name)
            if text is None:
                continue
            try:
                if not _DAY.match(text):  # a day of a week of a year, which ISO 8601 knows as well
                    raise ValueError
                moment = datetime.fromisoformat(text)
                moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)
                if name == "until" and _DAY.fullmatch(text):
                    moment += timedelta(days=1)
                moments[name] = moment.astimezone(UTC)
            except OverflowError:
                remedy = "leave it out, and the rule holds for ever"
                self._written.problem((*path, name), f"{name}: {text!r} is too far away", remedy)
            except (TypeError, ValueError):
                remedy = "write a day, 2026-11-27, or a moment, 2026-11-27T18:00"
                self._written.problem((*path, name), f"{name}: {text!r} is no time", remedy)
        rest = {name: value for name, value in fields.items() if name not in ("from", "until")}
        return rest | moments

    def _check(self, path: Path, fields: Mapping[str, Any]) -> None:
        """What types cannot say of a rule. Its parts may be of any type: that is judged elsewhere."""
        name = fields.get("name")
        rule = f"rule {name!r}" if isinstance(name, str) else "this rule"
        given = [(action, fields.get(action)) for action in Action]
        actions = [action for action, value in given if value is not None and value is not False]
        # A name that there is not may be meant for one that is missed
        misspelt = fields.keys() - _names(Rule)
        if len(actions) > 1 or not (actions or misspelt):
            does = " and ".join(actions) if actions else "nothing"
            self._written.problem(path, f"{rule} does {does}", f"give it one of: {', '.join(Action)}")
        where = fields.get("where")
        if isinstance(where, dict):
            if all(value is None for value in where.values()):
                remedy = "name items, category, brand, label or price"
                self._written.problem((*path, "where"), f"{rule} is about no products", remedy)
            if _holds_no_price(where.get("price")):
                what = f"{rule}: no price is in this range"
                remedy = "write from: 10, below: 20, or one of them"
                self._written.problem((*path, "where", "price"), what, remedy)
        begins, ends = fields.get("from"), fields.get("until")
        if isinstance(begins, datetime) and isinstance(ends, datetime) and ends <= begins:
            self._written.problem((*path, "until"), f"{rule} ends before it begins")

    def _check_name(self, path: Path, name: Any, line: int, names: dict[str, int]) -> None:
        """`names` has those of the rules before, with their lines."""
        if not isinstance(name, str):
            return
        if name in names:
            what = f"the rule in line {names[name]} is called {name!r} too"
            self._written.problem((*path, "name"), what, "give each a name of its own")
        names.setdefault(name, line)


def _names(kind: type[msgspec.Struct]) -> list[str]:
    """What a part may have in a file."""
    return [field.encode_name for field in msgspec.structs.fields(kind) if field.name not in _UNWRITTEN]


def _holds_no_price(price: Any) -> bool:
    if not isinstance(price, dict):
        return False
    if all(value is None for value in price.values()):
        return True
    low, high = price.get("from", 0), price.get("below", math.inf)
    return type(low) in (int, float) and type(high) in (int, float) and high <= low


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
