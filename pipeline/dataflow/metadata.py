"""The Flex Template's metadata, made from the job's options: `make flex-metadata` writes flex/metadata.json.

The service checks a template's parameters by these patterns before it starts anything, and the console shows
them as a form. Fields: google.cloud.dataflow_v1beta3.TemplateMetadata, and
https://cloud.google.com/dataflow/docs/guides/templates/configuring-flex-templates. Patterns keep to what
POSIX's extended syntax shares with all others: no \\d, no (?...), no repeats above 255.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

from pipeline import options
from pipeline.options import EvermailOptions

_KEYS = (
    "secret:projects/[-a-z0-9.:]+/secrets/[-A-Za-z0-9_]+/versions/[1-9][0-9]*"
    "|env:[A-Za-z_][A-Za-z0-9_]*|file:/.+"
)
_TABLE = r"bigquery:([a-z][-a-z0-9.]*:)?[a-z][-a-z0-9]{4,28}[a-z0-9]\.[A-Za-z0-9_]+\.[-A-Za-z0-9_]+"
_FOLDER = r"gs://[a-z0-9][-_.a-z0-9]{1,220}[a-z0-9](/.*)?"
_PATTERNS = {
    "store": options.FIRESTORE.pattern,
    "pseudonym_keys": _KEYS,
    "archive": f"{_TABLE}|{_FOLDER}",
    "store_workers": "[1-9][0-9]{0,3}",
}
"""What values look like that neither the name nor the type of an option tells: the forms for Dataflow."""

OF_BATCHES = ("rebuild_from", "rebuild_since", "rebuild_until")
"""Not in the template, which is of the streaming job."""

_ALSO_REQUIRED = {"pseudonym_keys"}
"""The default is an environment variable, which the template's image does not have."""

_DECIMALS = {"trending_window_s": 3}
"""Of durations that are not exact to the microsecond, that is to six."""

IMAGE = {
    "name": "sdk_container_image",
    "label": "Image of the workers",
    "helpText": "What workers start from: the template's own image, which has all that the job needs.",
    "isOptional": True,
    "regexes": ["^[a-z0-9][-a-z0-9._/]*(:[A-Za-z0-9_][-A-Za-z0-9._]{0,127})?(@sha256:[0-9a-f]{64})?$"],
    "paramType": "TEXT",
}
"""Beam's option, not ours. Optional here, as a launch may also give it elsewhere; the job insists on it."""


def metadata() -> dict[str, Any]:
    """The file's content. Raises `LookupError` for an option that nothing says the form of."""
    parameters = [_parameter(action) for action in _actions()]
    return {
        "name": "Evermail",
        "description": "Turns a shop's events from Pub/Sub into the documents that answer opened emails, in "
        "Firestore: shoppers' profiles, neighbours of items and what is trending.",
        "streaming": True,
        # At least once, a step could take the same element in twice, and rows of neighbours are sums.
        "supportsAtLeastOnce": False,
        "supportsExactlyOnce": True,
        "parameters": [*sorted(parameters, key=lambda parameter: parameter["isOptional"]), IMAGE],
    }


def _actions() -> Iterator[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    EvermailOptions._add_argparse_args(parser)
    yield from (action for action in parser._actions if action.dest not in OF_BATCHES)


def _parameter(action: argparse.Action) -> dict[str, Any]:
    name = action.dest
    help_text = (action.help or "").replace("%%", "%")
    required = help_text.startswith("Required. ") or name in _ALSO_REQUIRED
    parameter = {
        "name": name,
        "label": _label(name),
        "helpText": help_text.removeprefix("Required. "),
        "isOptional": not required,
        **_form(action),
    }
    if action.default is not None and not required:
        parameter["defaultValue"] = _text(action.default)
    return parameter


def _form(action: argparse.Action) -> dict[str, Any]:
    name = action.dest
    if name.endswith("_subscription"):
        return _typed("PUBSUB_SUBSCRIPTION", options.SUBSCRIPTION.pattern)
    if name.endswith("_topic"):
        return _typed("PUBSUB_TOPIC", options.TOPIC.pattern)
    if isinstance(action.default, bool):
        return _typed("BOOLEAN", "true|false")
    if action.choices:
        choices = [str(choice) for choice in action.choices]
        values = [{"value": choice, "label": choice} for choice in choices]
        return {**_typed("ENUM", "|".join(choices)), "enumOptions": values}
    if action.type is float and name.endswith("_s"):
        return _typed("NUMBER", _seconds(_DECIMALS.get(name, 6)))
    if action.type is int:
        return _typed("NUMBER", "[1-9][0-9]{0,3}")
    if name in _PATTERNS:
        return _typed("NUMBER" if action.type is int else "TEXT", _PATTERNS[name])
    raise LookupError(f"--{name}: say in pipeline/dataflow/metadata.py what its values look like")


def _typed(kind: str, pattern: str) -> dict[str, Any]:
    return {"paramType": kind, "regexes": [f"^({pattern})$"]}


def _seconds(decimals: int) -> str:
    """More than 0 and at most `LONGEST_S`, in plain notation: no sign, exponent or leading zero.

    Patterns know no numbers: what is below the limit begins with 1 or 2 or has fewer digits, and what is
    below 1 has a digit other than 0 among its decimals.
    """
    whole = "([1-9][0-9]{0,7}|[12][0-9]{8})"
    fraction = rf"(\.[0-9]{{1,{decimals}}}0*)?"
    small = rf"0\.[0-9]{{0,{decimals - 1}}}[1-9]0*"
    return rf"{whole}{fraction}|{small}|{options.LONGEST_S}(\.0+)?"


def _label(name: str) -> str:
    """`allowed_lateness_s` -> `Allowed lateness, in seconds`."""
    words = name.removesuffix("_s").replace("_", " ").capitalize()
    return f"{words}, in seconds" if name.endswith("_s") else words


def _text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:f}".rstrip("0").rstrip(".") if isinstance(default, float) else str(default)


if __name__ == "__main__":
    print(json.dumps(metadata(), indent=2))
