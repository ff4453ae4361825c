"""`evermail explain`: why each item is in somebody's email, and why others are not."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec
import typer
from rich.console import Console

from evermail import keys
from evermail.documents import Key, Product, Profile
from evermail.pseudonyms import Pseudonymizer, key_id_of
from evermail.serving import Recommender
from evermail.shelf.explained_table import lines
from evermail.shelf.explanation import Explanation
from evermail.shelf.explanation import explain as explain_open
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import Store, StoreError

DEADLINE_S = 30.0


def explain(
    shopper: str = typer.Option(
        ..., help="A shopper's key, as in k1.…; with --keys, a user or client id.", show_default=False
    ),
    store: str = typer.Option(
        ...,
        envvar="EVERMAIL_STORE",
        help="sqlite:///PATH or firestore://PROJECT[/DATABASE].",
        show_default=False,
    ),
    campaign: str = typer.Option("", help="The campaign whose email is opened.", show_default=False),
    slots: int = typer.Option(4, min=1, max=20),
    pseudonym_keys: str | None = typer.Option(
        None, "--keys", help=f"Where the pseudonym secrets are: {keys.FORMS}.", show_default=False
    ),
    show: int = typer.Option(20, min=0, help="How many of the items that are out are shown."),
    as_json: bool = typer.Option(False, "--json", help="Print all of it as JSON."),
) -> None:
    """Explain what an email would show a shopper now: why each item is in, and why others are out.

    It reads what the functions read, and remembers nothing. Exit code 3: the store did not answer.

    \b
    Examples:
      evermail explain --shopper k1.Zm9vYmFyYmF6cXV4cXV1eA --store sqlite:///shop.sqlite3
      evermail explain --shopper crm-4711 --keys env:EVERMAIL_PSEUDONYM_KEYS --campaign black-friday --json
    """
    names = _names(shopper, pseudonym_keys)
    try:
        with opened(store, _end, must_exist=True) as reading:
            found = _explained(reading, names, campaign, slots)
    except StoreError as problem:
        _end(f"the store does not answer: {problem}", NO_ANSWER)
    if as_json:
        print(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False))
    else:
        _show(found, show)
    if not found.known and (hint := _hint(shopper, pseudonym_keys)):
        print(hint, file=sys.stderr)


def _names(shopper: str, reference: str | None) -> list[str]:
    """What a shopper may be called in the store: as given, then as a user, then as a browser."""
    if reference is None or key_id_of(shopper) is not None:
        return [shopper]
    secrets = _secrets(reference)
    pseudonyms = Pseudonymizer(secrets, list(secrets)[-1])
    return [
        name
        for kind in ("user", "client")
        for name in (pseudonyms.pseudonym(kind, shopper), *pseudonyms.aliases(kind, shopper))
    ]


def _secrets(reference: str) -> dict[str, str]:
    try:
        return keys.key_source(reference).keys()
    except ModuleNotFoundError as missing:
        _end(f"--keys needs {missing.name}: pip install evermail[dead-letters]", WRONG_USE)
    except ValueError as problem:
        _end(f"--keys: {problem}", WRONG_USE)


def _hint(shopper: str, reference: str | None) -> str:
    """Why nothing may be stored of a shopper, if the name says so."""
    key_id = key_id_of(shopper)
    if key_id is None:
        advice = "If this is a user or client id, give --keys: the store knows people by pseudonyms."
        return advice if reference is None else ""
    if reference is None:
        return f"Give --keys to learn whether there is a key {key_id}, which this name was made with."
    known = list(_secrets(reference))
    if key_id in known:
        return ""
    return f"This name was made with a key {key_id}; the keys in {reference} are {', '.join(known)}."


def _explained(store: Store, names: Sequence[str], campaign: str, slots: int) -> Explanation:
    """Raises `StoreError`."""
    profiles = store.get_many([Key(Profile.COLLECTION, name) for name in names])
    known = (name for name in names if Key(Profile.COLLECTION, name) in profiles)
    recommender = Recommender(store, deadline_s=DEADLINE_S)
    found, filled, problem = recommender.open(next(known, names[0]), slots=slots, campaign=campaign)
    if isinstance(problem, StoreError):
        raise problem
    ids = dict.fromkeys(refused.ranked.item_id for refused in filled.refused)
    titles = store.get_many([Key(Product.COLLECTION, one) for one in ids if one not in filled.products])
    products = filled.products | {one.id: one for one in titles.values() if isinstance(one, Product)}
    return explain_open(found, filled, slots, products)


def _show(found: Explanation, most: int) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    width = console.width if console.is_terminal else None
    campaign = f" in campaign {found.campaign}" if found.campaign else ""
    print(f"{found.shopper}{campaign}, {found.slots} slots, {found.at}")
    print(f"rules: {found.rules or 'none published'}; diversity {found.diversity:g}")
    if not found.known:
        print("Nothing is stored of this shopper, who gets what is popular.")
    print()
    if found.shown:
        print("\n".join(lines(found.shown, "slot", width)))
    else:
        print("No slot is filled: the email shows its own fallback.")
    if found.notes:
        print("\n".join(["", *found.notes]))
    if found.out and most:
        further = f"; {found.not_looked_at:,} further down were not looked at" if found.not_looked_at else ""
        print(f"\nOut ({min(most, len(found.out)):,} of {len(found.out):,}{further}):")
        print("\n".join(lines(found.out[:most], "out", width)))


def _end(message: str, code: int) -> NoReturn:
    print(f"evermail explain: {message}", file=sys.stderr)
    raise typer.Exit(code)
