"""Options that several subcommands have, and how what stands behind them is opened or told why not."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import typer

from evermail.campaigns.brand import Brand, is_url
from evermail.campaigns.brand_file import BrandRefused, read_brand
from evermail.campaigns.context import Tokens
from evermail.campaigns.dialects import DIALECTS, Dialect
from evermail.campaigns.render import Renderer
from evermail.campaigns.snapshot import Snapshot
from evermail.keys import KeysUnavailable, parse_keys
from evermail.pseudonyms import Pseudonymizer
from evermail.serving import RecommendedItem
from evermail.shelf import last_resort
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import StoreError
from evermail.tokens import Recipient, TokenSigner

FINDINGS = 1
"""Exit code: what was given is at fault. Others are those of `evermail.shelf.store_option`."""

TOKEN_KEYS = "EVERMAIL_TOKEN_KEYS"  # noqa: S105 (a variable's name)
PSEUDONYM_KEYS = "EVERMAIL_PSEUDONYM_KEYS"


class Layout(StrEnum):
    """How the AMP part arranges its products."""

    GRID = "grid"
    CAROUSEL = "carousel"


End = Callable[[str, int], NoReturn]
"""Ends a command with a message and an exit code."""

TEMPLATE = typer.Argument(metavar="TEMPLATE", help="The template's name.", show_default=False)
BRAND = typer.Option(..., "--brand", metavar="FILE", help="The brand, in YAML.", show_default=False)
ESP = typer.Option(
    ..., "--esp", metavar="NAME", help=f"The mail service: {', '.join(DIALECTS)}.", show_default=False
)
STORE = typer.Option(
    None,
    "--store",
    envvar="EVERMAIL_STORE",
    metavar="URL",
    help="Where products are, and who wants no email: sqlite:///PATH or firestore://PROJECT[/DATABASE].",
    show_default=False,
)
ITEMS = typer.Option(
    None,
    "--items",
    envvar="EVERMAIL_STATIC",
    metavar="FILE",
    help="Without a store: the products to show, as `evermail static` wrote them.",
    show_default=False,
)
CATEGORY = typer.Option(
    "", "--category", metavar="NAME", help="The category it is about, if it is.", show_default=False
)
LAYOUT = typer.Option(Layout.GRID, "--layout", help="How products are arranged in the AMP part.")
ENDPOINT = typer.Option(
    ...,
    "--endpoint",
    envvar="EVERMAIL_FUNCTIONS_URL",
    metavar="URL",
    help="Where the functions are reached, https.",
    show_default=False,
)


def ending(command: str) -> End:
    """What ends a subcommand."""

    def end(message: str, code: int) -> NoReturn:
        lines = message.splitlines() or [""]
        print("\n".join([f"evermail campaign {command}: {lines[0]}", *lines[1:]]), file=sys.stderr)
        raise typer.Exit(code)

    return end


def the_brand(file: Path, end: End) -> Brand:
    """The brand of a file."""
    try:
        return read_brand(file)
    except BrandRefused as refused:
        end(str(refused), FINDINGS)


def the_renderer(template: str, end: End) -> Renderer:
    """What renders the template, if there is one of that name."""
    renderer = Renderer()
    if template not in renderer.templates():
        end(f"no template {template!r}; there are: {', '.join(renderer.templates())}", WRONG_USE)
    return renderer


def the_dialect(esp: str, end: End) -> Dialect:
    """The dialect of that name."""
    dialect = DIALECTS.get(esp.lower())
    if dialect is None:
        end(f"--esp: no mail service {esp!r}; there are: {', '.join(DIALECTS)}", WRONG_USE)
    return dialect


def the_endpoint(url: str, end: End) -> str:
    """The URL without a slash at its end."""
    url = url.strip().rstrip("/")
    if not is_url(url, schemes=("https",)) or "?" in url or "#" in url:
        end(
            f"--endpoint: {url!r} is not an https URL; mail clients load nothing else "
            "(https://live.shop.example, without ? and #)",
            WRONG_USE,
        )
    return url


def the_address(text: str, option: str, end: End) -> str:
    """An address with or without a name."""
    _, address = parseaddr(text)
    if not re.fullmatch(r"[^\s@]+@[^\s@]+\.[^\s@]+", address) or not address.isascii():
        end(f'{option}: {text!r} is not an address such as "Alder <hi@alder.example>"', WRONG_USE)
    return text


@contextmanager
def the_snapshot(store: str | None, items: Path | None, locale: str, end: End) -> Iterator[Snapshot]:
    """What is known of products, from the store, the file, or nothing. A store that fails ends it."""
    try:
        resort: list[RecommendedItem] = last_resort.read(items) if items is not None else []
    except ValueError as problem:
        end(f"--items: {problem}; make it by `evermail static`", WRONG_USE)
    opening: Any = opened(store, end, must_exist=True) if store else nullcontext()
    with opening as source:
        try:
            yield Snapshot(source, resort, locale=locale)
        except StoreError as problem:
            end(f"the store does not answer: {problem}", NO_ANSWER)


def the_token_signer(end: End) -> TokenSigner:
    """What signs and verifies tokens, by the keys in the environment."""
    keys = [key.strip() for key in os.environ.get(TOKEN_KEYS, "").split(",")]
    if keys == [""]:
        end(f"{TOKEN_KEYS} is not set: set it as the functions have it", WRONG_USE)
    try:
        return TokenSigner(keys)
    except ValueError as problem:
        end(f"{TOKEN_KEYS}: {problem}", WRONG_USE)


def the_signer(end: End) -> Callable[[Recipient], Tokens]:
    """What signs the tokens of recipients, by the keys in the environment."""
    signer = the_token_signer(end)
    return lambda recipient: Tokens.signed(recipient, signer)


def the_pseudonyms(end: End) -> Pseudonymizer | None:
    """What makes pseudonyms, by the keys in the environment, as the job does: the last one is current. None
    where none are set."""
    given = os.environ.get(PSEUDONYM_KEYS, "").strip()
    if not given:
        return None
    try:
        keys = parse_keys(given, PSEUDONYM_KEYS)
        return Pseudonymizer(keys, list(keys)[-1])
    except (KeysUnavailable, ValueError) as problem:
        end(str(problem), WRONG_USE)
