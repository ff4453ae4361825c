"""`evermail archive`: what an archive holds, merging its small files, and erasure in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from evermail import clock
from evermail.archive import bigquery, compaction, forgetting, statistics
from evermail.archive.folder import ArchiveError
from evermail.archive.location import Folder, Table, location

archive = typer.Typer(
    help="The archive of accepted events: what it holds, merging its files, erasure.",
    epilog="Example: evermail archive stats archive/",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Exit(IntEnum):
    FINE = 0
    UNREADABLE = 1
    """Done, but there are lines that could not be read."""
    FAILED = 2


_console = Console(stderr=True)
_Where = Annotated[str, typer.Argument(metavar="FOLDER", help="A folder that a job wrote its archive to.")]
_Json = Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")]
_MB = 1024 * 1024


@archive.command(epilog="Example: evermail archive stats archive/ --json")
def stats(folder: _Where, as_json: _Json = False) -> None:
    """Count the rows of an archive, by verdict, name and day of receipt."""
    with _told_to_people("stats"), _progress() as progress:
        found = statistics.count(_local(folder), progress)
    if as_json:
        _print_json(found)
    else:
        print(f"rows      {found.rows:,} ({found.anonymous:,} for aggregates only), copies {found.copies:,}")
        print(f"files     {found.files:,} of {found.bytes / _MB:,.1f} MB, {len(found.days):,} days")
        for title, span in (("received", found.received_at), ("happened", found.event_time)):
            if span is not None:
                print(f"{title}  {_moment(span[0])} to {_moment(span[1])}")
        for title, counts in (("verdict", found.verdicts), ("name", found.names)):
            for name, number in counts.items():
                print(f"{title:<9} {name:<18} {number:>12,}")
    _end(found.lines_unreadable, found.problems, "cannot be read")


@archive.command(epilog="Example: evermail archive compact archive/ --target-mb 64")
def compact(
    folder: _Where,
    target_mb: Annotated[
        int, typer.Option(min=1, max=1024, help="About how large files become, in MB on the disk.")
    ] = compaction.TARGET_BYTES // _MB,
    as_json: _Json = False,
) -> None:
    """Merge the small files of each day. Not while a job reads the archive; one that writes does not mind."""
    with _told_to_people("compact"), _progress() as progress:
        done = compaction.compact(
            _local(folder), progress, target_bytes=target_mb * _MB, now_us=clock.now_us()
        )
    if as_json:
        _print_json(done)
    else:
        print(
            f"{done.files_before:,} files are now {done.files_after:,}: {done.rows:,} rows merged, "
            f"{done.copies:,} copies dropped, {done.temporary_removed:,} abandoned files removed"
        )
    _end(len(done.problems), done.problems, "cannot be read on; these files were left as they are")


@archive.command(epilog="Example: evermail archive forget archive/ --dry-run")
def forget(
    where: Annotated[
        str, typer.Argument(metavar="ARCHIVE", help="A folder, or bigquery:PROJECT.DATASET.TABLE.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Folder: only count what would go.")] = False,
    run: Annotated[
        bool, typer.Option("--run", help="BigQuery: run the statement rather than print it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="BigQuery: do not ask before running it.")] = False,
    as_json: _Json = False,
) -> None:
    """Delete the rows of everybody who asked for it (erase_user); the asking stays."""
    place = _location(where)
    if isinstance(place, Table):
        if dry_run or as_json:
            raise typer.BadParameter("is for a folder", param_hint="--dry-run" if dry_run else "--json")
        _forget_in_bigquery(place, run, yes)
        return
    if run or yes:
        raise typer.BadParameter("is for bigquery:...", param_hint="--run" if run else "--yes")
    with _told_to_people("forget"), _progress() as progress:
        done = forgetting.forget(_local(where), progress, dry_run=dry_run)
    if as_json:
        _print_json(done)
    else:
        would = "would be " if dry_run else ""
        print(
            f"{done.requests:,} requests: {done.rows_forgotten:,} of {done.rows:,} rows {would}forgotten, "
            f"{done.files_rewritten:,} of {done.files:,} files {would}rewritten, "
            f"{done.files_removed:,} {would}removed"
        )
    _end(
        done.lines_unreadable,
        done.problems,
        "cannot be read and were kept: they may be about people who asked to be forgotten",
    )


def _forget_in_bigquery(table: Table, run: bool, yes: bool) -> None:
    if not run:
        print(bigquery.forget_statement(table))
        return
    if not yes and not typer.confirm(f"Delete the rows of erased people from {table}?", err=True):
        raise typer.Exit(Exit.FAILED)
    with _told_to_people("forget"), _console.status(f"forgetting in {table}"):
        deleted = bigquery.forget(table)
    print(f"{deleted:,} rows forgotten")


def _location(where: str) -> Folder | Table:
    try:
        return location(where)
    except ValueError as problem:
        raise typer.BadParameter(str(problem)) from None


def _local(where: str) -> Path:
    place = _location(where)
    if isinstance(place, Table):
        raise typer.BadParameter(f"is for a folder; ask BigQuery itself about {place}")
    if not place.is_local:
        raise typer.BadParameter(
            f"works on local folders: mount the bucket of {place} with Cloud Storage FUSE, and give that path"
        )
    return Path(place.path)


@contextmanager
def _progress() -> Iterator[forgetting.Progress]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, console=_console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield progress


@contextmanager
def _told_to_people(command: str) -> Iterator[None]:
    """Turns what is nobody's bug into one line."""
    try:
        yield
    except (ArchiveError, OSError) as problem:
        print(f"evermail archive {command}: {problem}", file=sys.stderr)
        raise typer.Exit(Exit.FAILED) from None


def _end(unreadable: int, problems: list[str], what: str) -> None:
    for problem in problems:
        print(problem, file=sys.stderr)
    if unreadable:
        print(f"{unreadable:,} lines {what}", file=sys.stderr)
        raise typer.Exit(Exit.UNREADABLE)


def _print_json(report: msgspec.Struct) -> None:
    fields: dict[str, Any] = msgspec.to_builtins(report)
    print(json.dumps(fields, indent=2, ensure_ascii=False))


def _moment(time: Any) -> str:
    return str(clock.to_rfc3339(clock.from_datetime(time)))
