"""The `--store` of a command: opened, or told to people why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from evermail.stores import Store, StoreError, StoreUnavailable, open_store, sqlite_file

WRONG_USE = 2
NO_ANSWER = 3
"""Exit codes: the command line is at fault, or the store did not answer."""


@contextmanager
def opened(url: str, end: Callable[[str, int], NoReturn], *, must_exist: bool = False) -> Iterator[Store]:
    """The store of a URL, closed in the end. `end` ends the command with a message and an exit code.

    A command that only reads says `must_exist`: it must not make the store that it is to read.
    """
    file = sqlite_file(url)
    if must_exist and file and not file.is_file():
        end(f"--store: there is no {file}", WRONG_USE)
    try:
        store = open_store(url)
    except StoreUnavailable as problem:
        end(f"the store does not answer: {problem}", NO_ANSWER)
    except StoreError as problem:
        end(f"--store: {problem}", WRONG_USE)
    try:
        yield store
    finally:
        store.close()
