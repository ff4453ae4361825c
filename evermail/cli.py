"""The command line: `evermail COMMAND`.

Commands live with what they drive. A package offers one by the entry point group `evermail.commands`, so that
the domain need not import the rooms round it; one whose requirements are not installed is left out.
"""

from __future__ import annotations

import signal
import sys
from importlib.metadata import EntryPoint, entry_points

import typer

from evermail import __version__

GROUP = "evermail.commands"

app = typer.Typer(
    name="evermail",
    help="Keeps an email alive: a shop's events in, live recommendations in the opened email out.",
    epilog="Example: evermail demo --headless",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help, which keeps the lines of examples
)


@app.callback(invoke_without_command=True)
def evermail(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        typer.echo(f"evermail {__version__}")
        raise typer.Exit


def load_commands(found: list[EntryPoint]) -> list[str]:
    """Adds the commands of other packages; returns what is missing for those that cannot be loaded."""
    missing = []
    for entry in sorted(found, key=lambda one: one.name):
        try:
            command = entry.load()
        except ModuleNotFoundError as error:
            missing.append(f"`evermail {entry.name}` needs {error.name}: pip install evermail[{entry.name}]")
            continue
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    return missing


def main() -> None:
    """The console script. Ctrl-C ends it quietly, with the exit code that shells expect."""
    # A shell that starts us in the background has SIGINT ignored; whoever sends it to us means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for line in load_commands(list(entry_points(group=GROUP))):
            print(f"evermail: {line}", file=sys.stderr)
        app()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
