"""Reads a brand from its YAML file, and says of each mistake where it is and what to write instead.

What a brand has is said by `Brand` alone. Of a group that has a default, such as `light`, the file gives what
is different.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evermail.campaigns.brand import Brand
from evermail.complaints import kind_of, missing
from evermail.written_yaml import MAX_BYTES, Problem, Refused, Written

EXAMPLE = Brand(
    name="Alder & Pine",
    shop_url="https://shop.example",
    address="Alder & Pine, 1 Mill Lane, Leeds LS1 4AP",
    logo_url="https://shop.example/logo.png",
)
"""A brand that is right: each field of a file is tried in it, and its own are shown as examples."""

_Group = TypeVar("_Group", bound=msgspec.Struct)


class BrandRefused(Refused):
    """A brand file that cannot be used. Its text has a line for each problem, `FILE:LINE: what; remedy`."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        super().__init__(problems)
        self.path = path

    def __str__(self) -> str:
        more = [f"and {self.more:,} more: mend these, then check again"] if self.more else []
        return "\n".join([*(one.told(self.path) for one in self.problems), *more])


def read_brand(path: Path) -> Brand:
    """The brand of a file. Raises `BrandRefused`, with all that is wrong in it."""
    try:
        written = Written(_text(path))
    except Refused as refused:
        raise BrandRefused(path, refused.problems) from None
    if not isinstance(written.content, dict):
        written.problem(
            (), f"the file is {kind_of(written.content)}", f"begin it with `name: {EXAMPLE.name}`"
        )
        raise BrandRefused(path, written.problems)
    written.check_names((), written.content, Brand)
    brand = _checked(written, (), written.content, EXAMPLE)
    if brand is None or written.problems:
        raise BrandRefused(path, written.problems)
    return brand


def _text(path: Path) -> str:
    """Raises `Refused`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as problem:
        raise Refused([Problem(1, f"cannot be read: {problem.strerror}", "give the brand's file")]) from None
    if len(data) > MAX_BYTES:
        raise Refused([Problem(1, f"the file has more than {MAX_BYTES:,} bytes", "is it a brand file?")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise Refused([Problem(line, "this is not UTF-8 text", "save the file as UTF-8")]) from None


def _checked(
    written: Written, path: tuple[str, ...], value: dict[str, Any], example: _Group
) -> _Group | None:
    """A group as the struct it should be; None if something is wrong with it, which is noted.

    A struct's own check ends at the first mistake, so each field is tried alone in one that is right.
    """
    before = len(written.problems)
    fields: dict[str, Any] = {}
    for field in msgspec.structs.fields(example):
        name, shown = field.encode_name, getattr(example, field.name)
        if name not in value:
            if field.required:
                written.problem(path, *missing(name))
            continue
        here = (*path, name)
        if isinstance(shown, msgspec.Struct) and isinstance(value[name], dict):
            found = _checked(written, here, {**_as_written(shown), **value[name]}, shown)
        else:
            known = len(written.problems)
            found = written.converted(here, value[name], field.type)
            if len(written.problems) > known:
                continue
        if found is None and value[name] is not None:
            continue
        try:
            msgspec.structs.replace(example, **{field.name: found})
            fields[field.name] = found
        except ValueError as problem:
            written.problem(here, str(problem), _as_in(name, shown))
    if len(written.problems) > before:
        return None
    try:
        return type(example)(**fields)
    except ValueError as problem:
        written.problem(path, str(problem))
        return None


def _as_written(group: msgspec.Struct) -> dict[str, Any]:
    written: dict[str, Any] = msgspec.to_builtins(group)
    return written


def _as_in(name: str, shown: object) -> str:
    """What to do, by an example."""
    if not isinstance(shown, str | int | float):
        return ""
    text = f'"{shown}"' if str(shown).startswith("#") else str(shown)  # else it were a comment
    return f"write it as in `{name}: {text}`"
