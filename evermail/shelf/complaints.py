"""What is wrong with a value, in the words of a YAML file instead of those of its checker."""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]
"""Where a value stands: names and, in lists, places."""

_AT = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_TYPE = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_SIZE = re.compile(r"Expected `(.+?)`( of length)? ([<>]=?) ([\d.]+)")
_MISSING = re.compile(r"Object missing required field `(.+?)`")

_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "yes or no",
    "array": "a list",
    "object": "a group of `name: value`",
    "null": "empty",
}
_BOUNDS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}
_REMEDIES = {
    "str": "put it in quotes",
    "array": "write a list, even of one: [this]",
    "bool": "write yes, or leave it out",
    "int": "write digits alone, without quotes or a unit",
    "float": "write digits alone, without quotes, currency or a comma",
    "object": "write `name: value` lines below it, further in",
}


def told(message: str) -> tuple[Path, str, str]:
    """Where within its part a message of msgspec points, what it says, and what to do about it."""
    at = _AT.search(message)
    steps = _STEP.findall(at[1]) if at else []
    path = tuple(name or int(number) for name, number in steps)
    message = _AT.sub("", message)
    if found := _MISSING.match(message):
        return path, f"`{found[1]}` is missing", f"add `{found[1]}: ...`"
    if found := _TYPE.match(message):
        expected = [kind.strip() for kind in found[1].split("|") if kind.strip() != "null"]
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in expected)
        return path, f"this is {_KINDS.get(found[2], found[2])}, not {wanted}", _REMEDIES.get(expected[0], "")
    if found := _SIZE.match(message):
        counted = {"str": " characters", "array": " values"}.get(found[1], "") if found[2] else ""
        many = found[1] == "array" and found[3].startswith("<")
        remedy = "give them a custom_label in the feed, and name that" if many else ""
        bound = f"have to be {_BOUNDS[found[3]]} {found[4]}{counted}" if counted else ""
        return path, f"there {bound}" if bound else f"this has to be {_BOUNDS[found[3]]} {found[4]}", remedy
    return path, message, ""


def kind_of(value: Any) -> str:
    """What a value is called."""
    names = {dict: "object", list: "array", str: "str", bool: "bool", int: "int", float: "float"}
    return _KINDS[names.get(type(value), "null")]
