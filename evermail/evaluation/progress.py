"""How long work tells how far it is: it asks for its items through a `Track`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")


class Track(Protocol):
    """Hands items on, and shows `what` is being done and how much of `total` is."""

    def __call__(self, items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]: ...


def silent(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """Shows nothing."""
    return items


@contextmanager
def on_console() -> Iterator[tuple[Console, Track]]:
    """A console on stderr for what people want to know meanwhile, with bars where it is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        def track(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
            task = progress.add_task(what, total=total)
            try:
                yield from progress.track(items, total=total, task_id=task)
            finally:
                progress.remove_task(task)

        yield console, track
