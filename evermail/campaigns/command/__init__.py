"""`evermail campaign`: from a template to a campaign in the mail service, one file a subcommand.

Other packages offer subcommands by the entry point group `evermail.campaign_commands`, as the page that
`preview` serves needs what this package may not import.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import typer

from evermail.shelf.store_option import WRONG_USE

GROUP = "evermail.campaign_commands"

SUBCOMMANDS = ("new", "build", "check", "experiment", "tokens", "export", "send")
"""Each the function of this name in the module of this name, in the order in which they are used."""

campaign = typer.Typer(
    help="From a template to a live email in your mail service.",
    epilog="Example: evermail campaign new autumn",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def _add(name: str, load: Callable[[], Any]) -> None:
    """Adds a subcommand; where it cannot be loaded, one that says what it lacks."""
    try:
        campaign.command(name)(load())
    except ModuleNotFoundError as error:
        settings = {"allow_extra_args": True, "ignore_unknown_options": True}
        campaign.command(name, context_settings=settings)(_lacking(name, error.name or "something"))


def _lacking(name: str, module: str) -> Callable[[], None]:
    def lacking() -> None:
        print(f"evermail campaign {name}: needs {module}: pip install evermail[campaigns]", file=sys.stderr)
        raise typer.Exit(WRONG_USE)

    lacking.__doc__ = f"Not there: needs {module}."
    return lacking


for _name in SUBCOMMANDS:
    _add(_name, lambda name=_name: getattr(import_module(f"{__name__}.{name}"), name))  # type: ignore[misc]
for _entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
    _add(_entry.name, _entry.load)
