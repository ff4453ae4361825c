"""What is wrong with a value, in the words of a YAML file instead of those of its checker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

import msgspec

Path = tuple[str | int, ...]
"""Where a value stands: names and, in lists, places."""

_WITHIN = " - at `"
"""What follows is where in a value a mistake is; it is not there if the value itself is one."""

_UNKNOWN = "Object contains unknown field"

_TYPE = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_SIZE = re.compile(r"Expected `(.+?)`( of length)? ([<>]=?) ([\d.]+)")

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "yes or no",
    "array": "a list",
    "object": "a group of `name: value`",
    "null": "empty",
}
_PARTS = {"array": "values", "object": "names"}
_BOUNDS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}
TOO_MANY = "leave some of them out"
"""What to do about a list that is too long. Where more can be said, this is what to replace."""

_REMEDIES = {
    "str": "put it in quotes",
    "array": "write a list, even of one: [this]",
    "bool": "write yes, or leave it out",
    "int": "write digits alone, without quotes or a unit",
    "float": "write digits alone, without quotes, currency or a comma",
    "object": "write `name: value` lines below it, further in",
}


def complaints(value: Any, kind: Any) -> Iterator[tuple[Path, str, str]]:
    """Every mistake of a value that should be of some type: where, what is wrong, and what to do about it.

    The checker ends at the first, so the parts of a value that is wrong are looked at one by one. Names that
    there cannot be are not told here: those who know all names can say which was meant.
    """
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        message = str(error)
    plain = bare(kind)
    if isinstance(value, dict) and isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        of_fields = list(_of_fields(value, plain))
        yield from of_fields
        if not of_fields and not message.startswith(_UNKNOWN):  # then its fields do not go together
            yield (), message.partition(_WITHIN)[0], ""
    elif isinstance(value, dict) and get_origin(plain) is dict:
        if _WITHIN not in message:
            yield (), *_told(message)
            return
        key_kind, value_kind = get_args(plain)
        for name, one in value.items():
            yield from _within(name, name, key_kind)
            yield from _within(name, one, value_kind)
    else:
        if _WITHIN not in message:
            yield (), *_told(message)
        if isinstance(value, list) and get_origin(plain) is tuple:
            for place, one in enumerate(value):
                yield from _within(place, one, get_args(plain)[0])


def _of_fields(value: dict[str, Any], kind: type[msgspec.Struct]) -> Iterator[tuple[Path, str, str]]:
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name in value:
            yield from _within(name, value[name], field.type)
        elif field.required:
            yield (), *missing(name)


def missing(name: str) -> tuple[str, str]:
    """What is wrong where there is no such name, and what to do about it."""
    return f"`{name}` is missing", f"add `{name}: ...`"


def _within(step: str | int, value: Any, kind: Any) -> Iterator[tuple[Path, str, str]]:
    for path, what, remedy in complaints(value, kind):
        yield (step, *path), what, remedy


def bare(kind: Any) -> Any:
    """A type without its bounds, and without the None of what may be left out."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    if NoneType in get_args(kind):
        return bare(next(one for one in get_args(kind) if one is not NoneType))
    return kind


def _told(message: str) -> tuple[str, str]:
    """What a message of msgspec says of a value, and what to do about it."""
    if found := _TYPE.match(message):
        expected = [kind.strip() for kind in found[1].split("|") if kind.strip() != "null"]
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in expected)
        return f"this is {_KINDS.get(found[2], found[2])}, not {wanted}", _REMEDIES.get(expected[0], "")
    if found := _SIZE.match(message):
        bound = f"{_BOUNDS[found[3]]} {float(found[4]):g}"
        if not found[2]:
            return f"this has to be {bound}", ""
        many = found[1] == "array" and found[3].startswith("<")
        return f"there have to be {bound} {_PARTS.get(found[1], 'characters')}", TOO_MANY if many else ""
    return message, ""


def kind_of(value: Any) -> str:
    """What a value is called."""
    names = {dict: "object", list: "array", str: "str", bool: "bool", int: "int", float: "float"}
    return _KINDS[names.get(type(value), "null")]
