"""`evermail rules`: what a shop says about the slots of its emails, checked and published."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from evermail import clock
from evermail.documents import Key, Product, Rules
from evermail.shelf.policy import Policy
from evermail.shelf.reach import Reach, reach
from evermail.shelf.reading import CACHE_US
from evermail.shelf.rules_file import RulesRefused, read_rules
from evermail.shelf.schema import schema
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.shelf.waiting import ended
from evermail.stores import Outcome, Store, StoreError

WRONG_RULES = 1
"""Exit code: the rules are at fault. Others are those of `evermail.shelf.store_option`; 0: all is well."""

rules = typer.Typer(
    help="What a shop says about the slots of its emails: pins, boosts, what is hidden, variety.",
    epilog="Example: evermail rules check rules.yaml --store sqlite:///shop.sqlite3",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_FILE = typer.Argument(metavar="FILE", help="The rules, in YAML.", show_default=False)
_URL = "sqlite:///PATH or firestore://PROJECT[/DATABASE]"


@rules.command("check")
def check(
    file: Path = _FILE,
    store: str | None = typer.Option(
        None, help=f"Also say which products each rule meets in this store: {_URL}.", show_default=False
    ),
    as_json: bool = typer.Option(False, "--json", help="Print it as JSON."),
) -> None:
    """Check a file of rules.

    Every mistake is told with its line and what to write instead. Exit code 1: something is wrong.

    \b
    Examples:
      evermail rules check rules.yaml
      evermail rules check rules.yaml --store sqlite:///shop.sqlite3
    """
    policy = _read(file, as_json)
    if store is None:
        if as_json:
            _print_json({"rules": len(policy.rules), "problems": []})
        else:
            print(f"{file} is right: {_number(policy)}")
            _remark(policy)
        return
    with opened(store, _end, must_exist=True) as reading:
        found = _reach(policy, reading)
    if as_json:
        _print_json({"rules": len(policy.rules), "problems": [], "reach": msgspec.to_builtins(found)})
    else:
        print(f"{file} is right: {_number(policy)}, {found.products:,} products in the store")
        _show(found)
        _remark(policy)


@rules.command("publish")
def publish(
    file: Path = _FILE,
    store: str = typer.Option(..., envvar="EVERMAIL_STORE", help=f"{_URL}.", show_default=False),
) -> None:
    """Put a file of rules into force, in place of the one before.

    Emails opened seconds later follow it; nothing has to be deployed. An empty file takes all rules back.

    \b
    Example:
      evermail rules publish rules.yaml --store firestore://my-shop
    """
    policy = _read(file, False)
    with opened(store, _end, must_exist=True) as writing:
        key = Key(Rules.COLLECTION, Rules.CURRENT)
        try:
            before = writing.get_many([key]).get(key)
        except StoreError as problem:
            _end(f"the rules in force cannot be read: {problem}", NO_ANSWER)
        now_us = clock.now_us()
        version = now_us if before is None else max(now_us, before.version + 1)
        document = Rules(id=Rules.CURRENT, version=version, updated_at=now_us, policy=policy, file=file.name)
        [result] = writing.put_many([document])
        if result.outcome is not Outcome.WRITTEN:
            overtaken = "somebody else published at the same moment"
            _end(f"not published: {result.message or overtaken}", NO_ANSWER)
        seconds = CACHE_US[Rules.COLLECTION] // clock.SECOND
        print(f"published {_number(policy)}: emails follow them within {seconds} seconds")
        _remark(policy)
        if policy.rules or policy.repurchase_after_days:
            for line in _reach(policy, writing).unknown:
                print(line, file=sys.stderr)


@rules.command("schema")
def print_schema() -> None:
    """Print the JSON Schema of rules files, for editors.

    \b
    Example:
      evermail rules schema > rules.schema.json
      # and in the first line of rules.yaml, for editors with a YAML language server:
      # yaml-language-server: $schema=rules.schema.json
    """
    _print_json(schema())


def _read(file: Path, as_json: bool) -> Policy:
    try:
        return read_rules(file.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        _end(f"{file} cannot be read: {problem.strerror}", WRONG_USE)
    except UnicodeDecodeError:
        _end(f"{file} is not UTF-8 text: save it as that", WRONG_RULES)
    except RulesRefused as refused:
        if as_json:
            _print_json({"problems": msgspec.to_builtins(refused.problems), "more": refused.more})
        for one in refused.problems:
            remedy = f" ({one.remedy})" if one.remedy else ""
            print(f"{file}:{one.line}: {one.what}{remedy}", file=sys.stderr)
        if refused.more:
            print(f"and {refused.more:,} more: mend these, then check again", file=sys.stderr)
        raise typer.Exit(WRONG_RULES) from None


def _reach(policy: Policy, store: Store) -> Reach:
    """Ends the command if the store does not answer."""
    try:
        return reach(policy, _products(store))
    except StoreError as problem:
        _end(f"the store does not answer: {problem}", NO_ANSWER)


def _remark(policy: Policy) -> None:
    """Says which rules do nothing any more."""
    now, zone = clock.to_datetime(clock.now_us()), ZoneInfo(policy.timezone)
    for rule in policy.rules:
        if rule.end is not None and rule.end <= now:
            print(f"{rule}: {ended(rule.end, zone)}, and does nothing any more", file=sys.stderr)


def _products(store: Store) -> Iterator[Product]:
    """All of them, with a count for people on the way. Raises `StoreError`."""
    console = Console(stderr=True)
    columns = TextColumn("looking at {task.completed:,} products"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        for document in store.scan(Product.COLLECTION):
            progress.advance(task)
            if isinstance(document, Product):
                yield document


def _show(found: Reach) -> None:
    if found.met:
        names = [one.rule.name if len(one.rule.name) <= 40 else f"{one.rule.name[:39]}…" for one in found.met]
        width = max(4, *map(len, names))
        print(f"\nline  {'rule':<{width}}  {'does':<10}  products  for sale")
        for name, one in zip(names, found.met, strict=True):
            [action] = one.rule.actions
            amount = one.rule.pin or one.rule.boost
            does = f"{action} {amount:g}" if amount is not None else str(action)
            print(f"{one.rule.line:>4}  {name:<{width}}  {does:<10}  {one.products:>8,}  {one.available:>8,}")
    for line in found.unknown:
        print(line, file=sys.stderr)


def _number(policy: Policy) -> str:
    number = "1 rule" if len(policy.rules) == 1 else f"{len(policy.rules):,} rules"
    settings = msgspec.structs.replace(policy, rules=()) != Policy()
    return f"settings and {number}" if settings else number


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _end(message: str, code: int) -> NoReturn:
    print(f"evermail rules: {message}", file=sys.stderr)
    raise typer.Exit(code)
