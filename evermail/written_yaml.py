"""A YAML file that people write: what it says, where it says it, and what is wrong with it.

YAML's own types are narrowed to those that JSON has: `2026-11-27` stays text here, and what a day or a moment
means is decided by the field that it stands in. What such a file must hold is a struct's business.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, get_args, get_origin

import msgspec
import yaml

from evermail.complaints import TOO_MANY, Path, bare, complaints

MAX_BYTES = 1_000_000

MOST_TOLD = 50
"""Of the mistakes in a file: whoever mends so many checks it again."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One mistake in a file. `remedy` is what to do about it, empty where `what` says it all."""

    line: int
    what: str
    remedy: str = ""

    def told(self, file: object) -> str:
        """`FILE:LINE: what; remedy`, as editors and people read it."""
        said = f"{self.what}; {self.remedy}" if self.remedy else self.what
        one_line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)
        return f"{file}:{self.line}: {one_line}"


class Refused(Exception):
    """A file that cannot be used, with all that is wrong in it, as far as it could be read.

    `problems` are the first of them by line, and `more` says how many follow.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(set(problems))
        self.problems, self.more = found[:MOST_TOLD], len(found[MOST_TOLD:])
        super().__init__("; ".join(f"line {one.line}: {one.what}" for one in self.problems))


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML without its timestamps, and without its references: a few lines of them can stand for millions."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            line, what = event.start_mark.line + 1, f"`*{event.anchor}` refers to another part of the file"
            raise Refused([Problem(line, what, "write out here what it stands for")])
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Written:
    """The content of a file, and for each part of it the line where it stands.

    An empty file says nothing: its content is an empty dict. Raises `Refused` for what is not YAML, or more
    than `MAX_BYTES`; what is noted later stands in `problems`.
    """

    def __init__(self, text: str) -> None:
        self.problems: list[Problem] = []
        self._lines: dict[Path, int] = {}
        if len(text.encode("utf-8", "surrogateescape")) > MAX_BYTES:
            raise Refused([Problem(1, f"the file has more than {MAX_BYTES:,} bytes")])
        self._text = text.splitlines() or [""]
        try:
            self._loader = _Loader(text)
            node = self._loader.get_single_node()
            self.content: Any = {} if node is None else self._value(node, ())
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
            what = f"this is not YAML: {error.problem or error.context}"
            raise Refused([Problem(line, what, "look at the indentation, colons and quotes here")]) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            what = f"this is not YAML: there is a character {error.character:#x}"
            raise Refused([Problem(line, what, "delete it, and type the line anew")]) from None
        except RecursionError:
            raise Refused([Problem(1, "its parts are too deep in each other")]) from None

    def line(self, path: Path) -> int:
        """Where a part stands, or what it would be part of."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def problem(self, path: Path, what: str, remedy: str = "") -> None:
        """Notes a mistake of a part."""
        self.problems.append(Problem(self.line(path), what, remedy))

    def check_names(
        self, path: Path, value: Any, kind: Any, *, unwritten: Collection[str] = frozenset()
    ) -> None:
        """Notes names that a part of this kind cannot have, and those of its parts.

        `unwritten` are fields of structs that no file has.
        """
        kind = bare(kind)
        if isinstance(value, list) and get_origin(kind) in (tuple, list):
            for place, one in enumerate(value):
                self.check_names((*path, place), one, get_args(kind)[0], unwritten=unwritten)
        if not isinstance(value, dict) or not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return
        fields = {one.encode_name: one for one in msgspec.structs.fields(kind) if one.name not in unwritten}
        for name, one in value.items():
            if name in fields:
                self.check_names((*path, name), one, fields[name].type, unwritten=unwritten)
                continue
            close = get_close_matches(name, fields, n=1, cutoff=0.7)
            remedy = f"did you mean `{close[0]}`?" if close else f"there can be: {', '.join(fields)}"
            self.problem((*path, name), f"there is no `{name}` here", remedy)

    def converted(self, path: Path, value: Any, kind: Any, *, too_many: str = TOO_MANY) -> Any:
        """A part as its kind, after `check_names`; None if there are mistakes, all of which are noted.

        `too_many` is what to do about a list that is too long.
        """
        wrong = list(complaints(value, kind))
        for within, what, remedy in wrong:
            full = (*path, *within)
            named = [part for part in (*path[-1:], *within) if isinstance(part, str)]
            where = f"{named[-1] or repr('')}: " if named else ""
            if what.startswith("this is empty") and "#" in self._text[self.line(full) - 1]:
                remedy = "put it in quotes: what follows a # is a comment"
            self.problem(full, f"{where}{what}", too_many if remedy == TOO_MANY else remedy)
        try:
            return None if wrong else msgspec.convert(value, kind)
        except msgspec.ValidationError:  # a name that there cannot be, which `check_names` has noted
            return None

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
            raise Refused([Problem(line, f"{node.value[:40]!r} cannot be read as {kind}", remedy)]) from None


def _check_characters(text: str, line: int) -> None:
    """Raises `Refused` for what cannot be stored: a half of a pair of UTF-16, written as `\\ud83d`."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"{text[error.start]!r} is half a character"
        raise Refused([Problem(line, half, "type the character itself")]) from None
