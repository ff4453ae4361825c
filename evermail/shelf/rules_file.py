"""Reads a shop's rules from their YAML file, and says of each mistake where it is and what to write instead.

YAML's own types are narrowed to those that JSON has: `2026-11-27` stays text here, and what a day or a moment
means is decided by the field that it stands in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import yaml

from evermail.shelf.complaints import Path, complaints, kind_of
from evermail.shelf.policy import MAX_RULES, Action, Fatigue, Policy, PriceRange, Rule, Where

MAX_BYTES = 1_000_000

MOST_TOLD = 50
"""Of the mistakes in a file: whoever mends so many checks it again."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake in a file. `remedy` is what to do about it, empty where `what` says it all."""

    line: int
    what: str
    remedy: str = ""


class RulesRefused(Exception):
    """A file that cannot be used, with all that is wrong in it, as far as it could be read.

    `problems` are the first of them by line, and `more` says how many follow.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(set(problems))
        self.problems, self.more = found[:MOST_TOLD], len(found[MOST_TOLD:])
        super().__init__("; ".join(f"line {one.line}: {one.what}" for one in self.problems))


def read_rules(text: str) -> Policy:
    """The policy of a file; an empty one says nothing and is right. Raises `RulesRefused`."""
    written = _Written(text)
    policy = _Reader(written).policy()
    if written.problems:
        raise RulesRefused(written.problems)
    return policy


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without its timestamps, and without its references: a few lines of them can stand for millions."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            line, what = event.start_mark.line + 1, f"`*{event.anchor}` refers to another part of the file"
            raise RulesRefused([Problem(line, what, "write out here what it stands for")])
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Written:
    """The content of a file, and for each part of it the line where it stands."""

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._lines: dict[Path, int] = {}
        if len(text.encode("utf-8", "surrogateescape")) > MAX_BYTES:
            raise RulesRefused([Problem(1, f"the file has more than {MAX_BYTES:,} bytes")])
        try:
            self._loader = _Loader(text)
            node = self._loader.get_single_node()
            self.content: Any = {} if node is None else self._value(node, ())
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
            what = f"this is not YAML: {error.problem or error.context}"
            raise RulesRefused(
                [Problem(line, what, "look at the indentation, colons and quotes here")]
            ) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            what = f"this is not YAML: there is a character {error.character:#x}"
            raise RulesRefused([Problem(line, what, "delete it, and type the line anew")]) from None
        except RecursionError:
            raise RulesRefused([Problem(1, "its parts are too deep in each other")]) from None

    def line(self, path: Path) -> int:
        """Where a part stands, or what it would be part of."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def problem(self, path: Path, what: str, remedy: str = "") -> None:
        self.problems.append(Problem(self.line(path), what, remedy))

    def _value(self, node: yaml.Node, path: Path) -> Any:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(one, (*path, place)) for place, one in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return self._scalar(node)
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            key_line = key_node.start_mark.line + 1
            _check_characters(key, key_line)
            if key in found:
                self.problems.append(Problem(key_line, f"`{key}` is here a second time", "keep one of them"))
            self._lines[*path, key] = key_line
            found[key] = self._value(value_node, (*path, key))
        return found

    def _scalar(self, node: yaml.Node) -> Any:
        _check_characters(node.value, node.start_mark.line + 1)
        try:
            return self._loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):  # what PyYAML lets through of a wrong `!!int` or so
            line, kind = node.start_mark.line + 1, node.tag.rpartition(":")[2]
            remedy = "write it in quotes if it is text"
            raise RulesRefused(
                [Problem(line, f"{node.value[:40]!r} cannot be read as {kind}", remedy)]
            ) from None


class _Reader:
    """Makes a policy of what is written, noting what is wrong with it."""

    def __init__(self, written: _Written) -> None:
        self._written = written
        self._zone = ZoneInfo("UTC")

    def policy(self) -> Policy:
        content = self._written.content
        if not isinstance(content, dict):
            self._written.problem((), f"the file is {kind_of(content)}", "begin it with `rules:`")
            return Policy()
        self._known((), content, Policy)
        fields = {name: value for name, value in content.items() if name != "rules"}
        self._read_zone(fields)
        policy = self._converted((), fields, Policy) or Policy()
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
                self._known(path, fields, Rule)
                self._check(path, with_moments)
                self._check_name(path, fields.get("name"), line, names)
            rule = self._converted(path, with_moments, Rule)
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

    def _known(self, path: Path, fields: Any, kind: type[msgspec.Struct]) -> None:
        """Notes names that a part cannot have, and those of its parts."""
        if not isinstance(fields, dict):
            return
        names = _names(kind)
        for name in fields:
            if name in names:
                continue
            close = get_close_matches(name, names, n=1, cutoff=0.7)
            remedy = f"did you mean `{close[0]}`?" if close else f"there can be: {', '.join(names)}"
            self._written.problem((*path, name), f"there is no `{name}` here", remedy)
        if kind is Rule:
            self._known((*path, "where"), fields.get("where"), Where)
        elif kind is Where:
            self._known((*path, "price"), fields.get("price"), PriceRange)
        elif kind is Policy:
            self._known(("fatigue",), fields.get("fatigue"), Fatigue)

    def _converted(self, path: Path, value: Any, kind: Any) -> Any:
        """None if there are mistakes, all of which are noted."""
        wrong = list(complaints(value, kind))
        for within, what, remedy in wrong:
            full = (*path, *within)
            named = [part for part in full if isinstance(part, str)]
            where = f"{named[-1] or repr('')}: " if named and named[-1] != "rules" else ""
            self._written.problem(full, f"{where}{what}", remedy)
        return None if wrong else msgspec.convert(value, kind)


def _check_characters(text: str, line: int) -> None:
    """Raises `RulesRefused` for what cannot be stored: a half of a pair of UTF-16, written as `\\ud83d`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"{text[error.start]!r} is half a character"
        raise RulesRefused([Problem(line, half, "type the character itself")]) from None


def _names(kind: type[msgspec.Struct]) -> list[str]:
    """What a part may have in a file."""
    return [field.encode_name for field in msgspec.structs.fields(kind) if field.name != "line"]


def _holds_no_price(price: Any) -> bool:
    if not isinstance(price, dict):
        return False
    if all(value is None for value in price.values()):
        return True
    low, high = price.get("from", 0), price.get("below", math.inf)
    return type(low) in (int, float) and type(high) in (int, float) and high <= low


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}")
