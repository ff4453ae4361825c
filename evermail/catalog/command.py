"""`evermail catalog`: a product feed into the store, or only checked."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from evermail import clock
from evermail.catalog.importer import Importer
from evermail.catalog.intake import Rules, take_in
from evermail.catalog.product import CategoryLevel
from evermail.catalog.reading import FeedFormat, read_items
from evermail.catalog.report import Report, summary, write_report
from evermail.catalog.source import Feed, FeedError, FeedMissing, FeedUnavailable, open_feed
from evermail.catalog.staging import Staging
from evermail.stores import Store, StoreError, StoreUnavailable, open_store

WRONG_FEED = 1
WRONG_USE = 2
NO_ANSWER = 3
"""Exit codes: the feed is at fault, the command line is, or a server or store did not answer. 0: all is
well."""

_STEP = 500
"""Items between two looks at the progress bar."""

catalog = typer.Typer(
    help="The shop's product feed, in Google Merchant Center's format (XML or tab-separated text).",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_FEED = typer.Argument(
    help="A path, - for standard input, or an http(s) URL; gzipped or not.", show_default=False
)
_FORMAT = typer.Option(None, "--format", help="By default told from the content.", show_default=False)
_ENCODING = typer.Option(
    None, help="Such as windows-1252. By default what the feed says, else UTF-8.", show_default=False
)
_CATEGORY = typer.Option(
    CategoryLevel.FIRST, help="Which part of `Home > Women > Dresses` your events send as item_category."
)
_MAX_REFUSED = typer.Option(
    0.1, min=0, max=1, help="With a larger share of items refused, nothing is written."
)
_REPORT = typer.Option(None, dir_okay=False, help="Write all of it here, as JSON.", show_default=False)
_SHOW = typer.Option(10, min=0, help="How many of the refused items are shown.")


@catalog.command("import")
def import_feed(
    feed: str = _FEED,
    store: str = typer.Option(
        ...,
        envvar="EVERMAIL_STORE",
        help="sqlite:///PATH or firestore://PROJECT[/DATABASE].",
        show_default=False,
    ),
    format: FeedFormat | None = _FORMAT,
    encoding: str | None = _ENCODING,
    category: CategoryLevel = _CATEGORY,
    max_refused_share: float = _MAX_REFUSED,
    max_withdrawn_share: float = typer.Option(
        0.5, min=0, max=1, help="With a larger share of what is for sale missing, nothing is written."
    ),
    keep_missing: bool = typer.Option(
        False, "--keep-missing", help="Leave products alone that the feed does not have."
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="Say what would be done, and write nothing."),
    report: Path | None = _REPORT,
    show: int = _SHOW,
) -> None:
    """Bring the store to what a product feed says.

    New and changed products are written; those that the feed no longer has are marked unavailable. The
    whole feed is checked first: one that is mostly refused, empty, or lacks most of the range changes
    nothing, and of one that breaks off, what was read is written and nothing is withdrawn.

    Exit code 1: something is wrong with the feed. 2: with the command. 3: a server or the store did not
    answer.

    \b
    Examples:
      evermail catalog import feed.xml --store sqlite:///shop.sqlite3 --dry-run
      evermail catalog import https://shop.example/feed.tsv.gz --report report.json
    """
    rules = Rules(
        category=category,
        max_refused_share=max_refused_share,
        max_withdrawn_share=max_withdrawn_share,
        keep_missing=keep_missing,
        dry_run=dry_run,
    )
    with _told_to_people(), _opened(store) as opened, Staging() as staging:
        _check_writable(report)
        result = Report(feed=feed, dry_run=dry_run)
        code = 0
        with _bar() as bar:
            _read(feed, format, encoding, staging, result, rules, bar)
            try:
                Importer(opened, staging, result, rules, progress=bar.show).run()
            except StoreUnavailable as error:
                result.problems.append(
                    f"the store does not answer; the same import again does the rest: {error}"
                )
                code = NO_ANSWER
        _finish(result, staging, report, show, code, checked_only=False)


@catalog.command("check")
def check_feed(
    feed: str = _FEED,
    format: FeedFormat | None = _FORMAT,
    encoding: str | None = _ENCODING,
    category: CategoryLevel = _CATEGORY,
    max_refused_share: float = typer.Option(
        0.1, min=0, max=1, help="Exit code 1 with a larger share refused."
    ),
    report: Path | None = _REPORT,
    show: int = _SHOW,
) -> None:
    """Check a product feed as an import would, without a store.

    \b
    Example:
      evermail catalog check feed.xml --show 50
    """
    with _told_to_people(), Staging() as staging:
        _check_writable(report)
        result = Report(feed=feed)
        rules = Rules(category=category, max_refused_share=max_refused_share)
        with _bar() as bar:
            _read(feed, format, encoding, staging, result, rules, bar)
        _finish(result, staging, report, show, 0, checked_only=True)


def _read(
    name: str,
    format: FeedFormat | None,
    encoding: str | None,
    staging: Staging,
    report: Report,
    rules: Rules,
    bar: _Bar,
) -> None:
    with open_feed(name, stdin=sys.stdin.buffer) as feed:
        report.feed = feed.name
        take_in(
            read_items(feed, format=format, encoding=encoding),
            staging,
            report,
            rules,
            now_us=clock.now_us(),
            progress=lambda read: bar.show_reading(feed, read),
        )


def _finish(
    report: Report, staging: Staging, path: Path | None, show: int, code: int, *, checked_only: bool
) -> None:
    for line in summary(report, staging, show=show, checked_only=checked_only):
        print(line)
    for problem in report.problems:
        print(f"evermail catalog: {problem}", file=sys.stderr)
    if path is not None:
        try:
            write_report(path, report, staging)
        except OSError as error:
            print(f"evermail catalog: the report cannot be written: {error}", file=sys.stderr)
            raise typer.Exit(WRONG_USE) from None
    if code or report.problems:
        raise typer.Exit(code or WRONG_FEED)


def _check_writable(report: Path | None) -> None:
    if report is not None and not os.access(report.parent, os.W_OK):
        raise typer.BadParameter(f"cannot write into {report.parent}", param_hint="--report")


@contextmanager
def _opened(url: str) -> Iterator[Store]:
    try:
        store = open_store(url)
    except StoreUnavailable:
        raise
    except StoreError as error:
        raise typer.BadParameter(str(error), param_hint="--store") from None
    try:
        yield store
    finally:
        store.close()


_FEED_CODES: dict[type[FeedError], int] = {FeedMissing: WRONG_USE, FeedUnavailable: NO_ANSWER}


@contextmanager
def _told_to_people() -> Iterator[None]:
    """Turns the failures that are nobody's bug into one line and an exit code."""
    try:
        yield
    except FeedError as error:
        print(f"evermail catalog: {error}", file=sys.stderr)
        raise typer.Exit(_FEED_CODES.get(type(error), WRONG_FEED)) from None
    except StoreError as error:
        print(f"evermail catalog: the store does not answer: {error}", file=sys.stderr)
        raise typer.Exit(NO_ANSWER) from None
    except sqlite3.Error as error:
        print(f"evermail catalog: no room for the feed among the temporary files: {error}", file=sys.stderr)
        raise typer.Exit(NO_ANSWER) from None


class _Bar:
    """What is being done, and how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("opening", total=None, count="")

    def show(self, what: str, done: int, total: int | None) -> None:
        self._progress.update(self._task, description=what, completed=done, total=total, count=f"{done:,}")

    def show_reading(self, feed: Feed, read: int) -> None:
        if read % _STEP == 0:
            self._progress.update(
                self._task, description="reading", completed=feed.passed, total=feed.total, count=f"{read:,}"
            )


@contextmanager
def _bar() -> Iterator[_Bar]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]} products"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield _Bar(progress)
