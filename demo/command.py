"""`evermail demo`: the whole product on one machine, with a page or without."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import replay, schedule, simulator
from demo.backends import BackendName
from demo.catalog import products
from demo.processes import HOST

if TYPE_CHECKING:
    from demo.keep import Keep

RATE = 100.0
EVENTS = 2_000
EXAMPLES = """
Examples:

\b
  evermail demo                                the page, on http://127.0.0.1:8080
  evermail demo --headless --events 3000       without a page, then a summary
  evermail demo --headless --replay events.csv --format rees46 --rate 300 --report report.json
  evermail demo --keep .demo                   store, archive and dead letters stay there
"""

_console = Console(stderr=True)


def demo(
    context: typer.Context,
    headless: bool = typer.Option(False, "--headless", help="No page: publish, wait, report, end."),
    port: int = typer.Option(8080, min=1, max=65535, help="Port of the page."),
    backend: BackendName = typer.Option(
        BackendName.EMBEDDED, help="What stands in for Google Cloud: embedded, or Google's own emulators."
    ),
    events: int | None = typer.Option(
        None, min=1, help=f"Headless: how many events to publish; by default {EVENTS:,}, or all of the file."
    ),
    replay_file: Path | None = typer.Option(
        None,
        "--replay",
        help="Headless: publish the events of this file.",
        exists=True,
        dir_okay=False,
    ),
    file_format: str = typer.Option("rees46", "--format", help="Format of the file: rees46."),
    rate: float = typer.Option(RATE, min=0.1, max=100_000, help="Headless: events published a second."),
    duplicates: float = typer.Option(0.03, min=0, max=1, help="Headless: share of events sent twice."),
    malformed: float = typer.Option(0.01, min=0, max=1, help="Headless: malformed messages, as a share."),
    seed: int = typer.Option(1, help="Headless: the same seed makes the same events."),
    report: Path | None = typer.Option(
        None, dir_okay=False, help="Headless: write the figures here, as JSON."
    ),
    keep_in: Path | None = typer.Option(
        None,
        "--keep",
        metavar="FOLDER",
        help="Keep store, archive and dead letters in this empty folder, and say how to look at them.",
    ),
) -> None:
    """Run the whole product on this machine: Pub/Sub, the Beam job, the store, the functions and a shop."""
    with _told_to_people():
        from demo.keep import Keep

        keep = None if keep_in is None else Keep(keep_in)
        if not headless:
            from demo.page.serve import serve

            _refuse(context, _HEADLESS_ONLY, "needs --headless")
            if keep:
                keep.check()
            serve(backend, port, keep=keep)
            return
        if file_format not in replay.FORMATS:
            raise typer.BadParameter(f"expected one of: {', '.join(replay.FORMATS)}", param_hint="--format")
        _refuse(context, ("port",), "is of the page, which --headless does without")
        if report is not None and not os.access(report.parent, os.W_OK):
            raise typer.BadParameter(f"cannot write into {report.parent}", param_hint="--report")
        if keep:
            keep.check()
        result = _run(backend, replay_file, events, rate, duplicates, malformed, seed, keep)
    _summarise(result)
    if keep:
        print(keep.afterwards())
    if report is not None:
        try:
            report.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        except OSError as error:
            print(f"evermail demo: the report cannot be written: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
    if result["violations"]:
        raise typer.Exit(1)


demo.__doc__ = f"{demo.__doc__}\n{EXAMPLES}"


_HEADLESS_ONLY = ("events", "replay_file", "file_format", "rate", "duplicates", "malformed", "seed", "report")


def _refuse(context: typer.Context, names: tuple[str, ...], why: str) -> None:
    """An option that would be ignored is a mistake that should be told."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(why, param_hint=parameter.opts[0])


def _run(
    backend: BackendName,
    replay_file: Path | None,
    events: int | None,
    rate: float,
    duplicates: float,
    malformed: float,
    seed: int,
    keep: Keep | None,
) -> dict[str, Any]:
    from demo import headless

    rng = random.Random(seed)  # noqa: S311 - a reproducible run, not a secret
    if replay_file is not None:
        planned, range_ = replay.read_rees46(replay_file, rate=rate, limit=events)
    else:
        range_ = products(f"http://{HOST}:8080")
        planned = simulator.events(range_, count=events or EVENTS, rate=rate, rng=rng)
    plan = schedule.make(planned, duplicates=duplicates, malformed_share=malformed, rng=rng)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_console) as bar:
        task = bar.add_task("starting", total=len(plan))

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        return headless.run(plan, range_, backend=backend, progress=progress, keep=keep)


def _summarise(result: dict[str, Any]) -> None:
    rejected = sum(result["rejected"].values())
    freshness = result["freshness_ms"]
    print(
        f"published {result['published']:,} = accepted {result['accepted']:,}"
        f" + duplicate {result['duplicate']:,} + rejected {rejected:,} + late {result['late']:,}"
        f" + erased {result['erased']:,}"
    )
    profiles = _count(result["profiles"], "profile", "profiles")
    print(f"stored    {profiles}, {_count(result['neighbors'], 'row', 'rows')} of neighbours")
    print(
        f"freshness p50 {freshness['p50']:,.0f} ms, p95 {freshness['p95']:,.0f} ms, from publishing an event "
        f"to the answer that shows it ({_count(result['freshness_samples'], 'event', 'events')} watched)"
    )
    print(f"speed     {result['events_per_s']:,.0f} events/s")
    print(f"documents {result['documents_sha256'][:16]}… (the same for the same events)")
    for violation in result["violations"]:
        print(f"VIOLATED  {violation}")
    print(
        "the law of conservation does not hold" if result["violations"] else "the law of conservation holds"
    )


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


@contextmanager
def _told_to_people() -> Iterator[None]:
    """Turns the failures that are nobody's bug into one message and exit code 2."""
    from demo.emulators import EmulatorMissing
    from demo.headless import RunFailed
    from demo.keep import CannotKeep
    from demo.processes import ChildFailed, PortBusy
    from demo.stack import StackError

    try:
        yield
    except (
        CannotKeep,
        ChildFailed,
        EmulatorMissing,
        PortBusy,
        RunFailed,
        StackError,
        replay.ReplayError,
    ) as error:
        print(f"evermail demo: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
