"""`evermail static`: the items of last resort, as a file to deploy with the functions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn

import typer

from evermail.serving import NothingToShow, Recommender
from evermail.shelf import last_resort
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import StoreError

DEADLINE_S = 10.0


_STORE = typer.Option(
    ...,
    envvar="EVERMAIL_STORE",
    help="sqlite:///PATH or firestore://PROJECT[/DATABASE].",
    show_default=False,
)
_OUT = typer.Option(..., dir_okay=False, help="The file to write.", show_default=False)
_ITEMS = typer.Option(8, min=1, max=last_resort.MAX_ITEMS, help="How many, at most.")
_LOCALE = typer.Option("en", envvar="EVERMAIL_LOCALE", help="How prices are written, such as de_DE.")


def static(store: str = _STORE, out: Path = _OUT, items: int = _ITEMS, locale: str = _LOCALE) -> None:
    """Write the items that emails show when nothing can be read: what is popular now, by the shop's rules.

    Deploy the file with the functions and name it in EVERMAIL_STATIC. Prices and stock in it are those of
    now, for as long as it is in use: make it anew often, or of items that stay.

    \b
    Example:
      evermail static --store firestore://my-shop --out static.json
    """
    with opened(store, _end, must_exist=True) as source:
        try:
            answer = Recommender(source, deadline_s=DEADLINE_S, locale=locale).popular(slots=items)
        except NothingToShow as nothing:
            if isinstance(nothing.__cause__, StoreError):
                _end(f"the store does not answer: {nothing.__cause__}", NO_ANSWER)
            _end(
                "nothing is popular yet, and no product is listed first: there is nothing to write", WRONG_USE
            )
    try:
        out.write_bytes(last_resort.written(answer.items))
        last_resort.read(out)  # what the functions will do
    except (OSError, ValueError) as problem:
        _end(str(problem), WRONG_USE)
    number = len(answer.items)
    print(f"{out}: {number} item{'s' * (number != 1)}, {answer.source}")


def _end(message: str, code: int) -> NoReturn:
    print(f"evermail static: {message}", file=sys.stderr)
    raise typer.Exit(code)
