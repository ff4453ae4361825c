"""`evermail campaign experiment`: who of a campaign is held out, and who sees which variant."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec
import typer
from rich.console import Console

from evermail import clock
from evermail.campaigns.command.options import FINDINGS, ending
from evermail.documents import Campaign, Impression, Key, Trending, Variant
from evermail.events import Refusal
from evermail.events.checks import IDENTIFIERS, check_identifier
from evermail.experiments import HOLDOUT, NO_EXPERIMENT
from evermail.shelf.reading import CACHE_US
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import Outcome, Store, StoreError
from evermail.trending import category_scope

MAX_VARIANTS = 20

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_end = ending("experiment")

_CAMPAIGN = typer.Argument(
    metavar="CAMPAIGN", help="The campaign's id, as in its tokens.", show_default=False
)
_STORE = typer.Option(
    ...,
    envvar="EVERMAIL_STORE",
    metavar="URL",
    help="sqlite:///PATH or firestore://PROJECT[/DATABASE].",
    show_default=False,
)
_HOLDOUT = typer.Option(
    None,
    metavar="SHARE",
    help="The share, 0 to 1, of shoppers who are shown what is popular, to measure the others against.",
    show_default=False,
)
_VARIANTS = typer.Option(
    None,
    "--variant",
    metavar="NAME=SHARE[,popular][,diversity=D]",
    help="A way of the experiment, and its share relative to the others'; once for each, in place of all "
    "there were. `popular`: it shows what is popular. `diversity`: in place of that of the rules.",
    show_default=False,
)
_CATEGORY = typer.Option(
    None,
    metavar="NAME",
    help="What it is about: of whom nothing is known sees what is popular there. Empty: nothing special.",
    show_default=False,
)


def experiment(
    campaign: str = _CAMPAIGN,
    store: str = _STORE,
    holdout: float | None = _HOLDOUT,
    variant: list[str] | None = _VARIANTS,
    category: str | None = _CATEGORY,
    show: bool = typer.Option(False, "--show", help="Change nothing, only show what is there."),
    force: bool = typer.Option(False, "--force", help="Change it even if emails have been opened already."),
) -> None:
    """Say who of a campaign is held out, who sees which variant, and what it is about.

    Emails opened seconds later follow it, sent ones too. What is not given stays as it is. Who sees what is
    drawn by hash: the same at every open. So an experiment that has begun is not changed (exit code 1) unless
    --force says so.

    \b
    Examples:
      evermail campaign experiment autumn --store sqlite:///shop.sqlite3 --holdout 0.1
      evermail campaign experiment autumn --store firestore://my-shop --variant a=1 --variant b=1,popular
      evermail campaign experiment autumn --store firestore://my-shop --show
    """
    _check(campaign, holdout, category)
    variants = _read_all(variant) if variant else None
    changes = {"holdout": holdout, "variants": variants, "category": category}
    given = {name: value for name, value in changes.items() if value is not None}
    if show and given:
        _end("--show changes nothing: leave it out, or the others", WRONG_USE)
    if not show and not given:
        _end(
            "nothing to do: give --holdout, --variant or --category, or --show to see what is there",
            WRONG_USE,
        )
    with opened(store, _end, must_exist=True) as opened_store:
        try:
            before = _stored(opened_store, campaign)
            if show:
                print(_told(before) if before is not None else f"{campaign} has no experiment")
                return
            old = before or Campaign(id=campaign, version=0, updated_at=0, name=campaign, template="")
            after = msgspec.structs.replace(old, **given)
            _refuse_if_begun(opened_store, old, after, force)
            _write(opened_store, after, before)
            print(_told(after))
            print(f"emails follow it within {CACHE_US[Campaign.COLLECTION] // clock.SECOND} seconds")
            _remark(opened_store, after)
        except StoreError as problem:
            _end(f"the store does not answer: {problem}", NO_ANSWER)


def _check(campaign: str, holdout: float | None, category: str | None) -> None:
    try:
        check_identifier("the campaign's id", campaign, IDENTIFIERS["campaign_id"])
    except Refusal as refusal:
        _end(refusal.message, WRONG_USE)
    if holdout is not None and not 0.0 <= holdout <= 1.0:
        _end(f"--holdout {holdout:g}: a share is from 0 to 1; 10 % are 0.1", WRONG_USE)
    if category and not category.isprintable():
        _end("--category: a name has letters that can be printed, in one line", WRONG_USE)


def _read_all(texts: Sequence[str]) -> tuple[Variant, ...]:
    if len(texts) > MAX_VARIANTS:
        _end(f"--variant: at most {MAX_VARIANTS} can be told apart in figures, not {len(texts)}", WRONG_USE)
    variants = tuple(map(_read, texts))
    names = [variant.name for variant in variants]
    for name in names:
        if names.count(name) > 1:
            _end(f"--variant: {name} is there twice: give each another name", WRONG_USE)
    return variants


def _read(text: str) -> Variant:
    """One --variant: NAME=SHARE[,popular][,diversity=D]."""
    first, *more = text.split(",")
    name, _, share = first.partition("=")
    if not _NAME.fullmatch(name):
        _wrong(text, "a name has up to 40 letters, digits, - and _, as in calm=1")
    if name == HOLDOUT.name:
        _wrong(text, f"the name {name} is taken: its share is that of --holdout")
    weight = _number(share)
    if weight is None or weight <= 0.0:
        _wrong(text, "after the name stands its share, a number above 0, as in calm=1")
    variant = Variant(name, weight)
    for word in more:
        what, _, value = word.partition("=")
        if word == "popular":
            variant = msgspec.structs.replace(variant, personal=False)
        elif what == "diversity":
            diversity = _number(value)
            if diversity is None or not 0.0 <= diversity <= 1.0:
                _wrong(text, "diversity is from 0 to 1, as in calm=1,diversity=0.2")
            variant = msgspec.structs.replace(variant, diversity=diversity)
        else:
            _wrong(text, f"{word!r} is neither popular nor diversity=D")
    return variant


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wrong(text: str, remedy: str) -> NoReturn:
    _end(f"--variant {text}: {remedy}", WRONG_USE)


def _stored(store: Store, campaign: str) -> Campaign | None:
    key = Key(Campaign.COLLECTION, campaign)
    found = store.get_many([key]).get(key)
    return found if isinstance(found, Campaign) else None


def _refuse_if_begun(store: Store, old: Campaign, new: Campaign, force: bool) -> None:
    """Ends the command if somebody has seen what is to be changed. Raises `StoreError`."""
    if force or not (old.holdout or old.variants):
        return
    if (new.holdout, new.variants) == (old.holdout, old.variants) or not _begun(store, old.id):
        return
    print(_told(old), file=sys.stderr)
    _end(
        f"not changed: emails of {old.id} have been opened, so the experiment has begun.\n"
        "Who sees what is drawn by hash from these shares. With others some people, who have seen one thing\n"
        "already, would see another from now on, and what they do could be laid to neither. For another\n"
        "experiment begin a campaign of another id; --force changes this one all the same, to end it, say.",
        FINDINGS,
    )


def _begun(store: Store, campaign: str) -> bool:
    """Whether an email of this campaign was opened in the last 90 days: looks until it finds one. Raises
    `StoreError`."""
    with Console(stderr=True).status(f"looking whether emails of {campaign} have been opened"):
        return any(
            isinstance(one, Impression) and one.campaign == campaign
            for one in store.scan(Impression.COLLECTION)
        )


def _write(store: Store, document: Campaign, before: Campaign | None) -> None:
    """Raises `StoreError`."""
    now_us = clock.now_us()
    version = now_us if before is None else max(now_us, before.version + 1)
    [result] = store.put_many([msgspec.structs.replace(document, version=version, updated_at=now_us)])
    if result.outcome is not Outcome.WRITTEN:
        overtaken = "somebody else changed it at the same moment: look at it by --show"
        _end(f"not stored: {result.message or overtaken}", NO_ANSWER)


def _remark(store: Store, campaign: Campaign) -> None:
    """Says what may be a slip. Raises `StoreError`."""
    if campaign.category:
        key = Key(Trending.COLLECTION, category_scope(campaign.category))
        if key not in store.get_many([key]):
            print(
                f"nothing is popular in the category {campaign.category!r} yet: is it spelt as in the feed?",
                file=sys.stderr,
            )


def _told(campaign: Campaign) -> str:
    """What an experiment is, for people."""
    about = f"{campaign.id}, about {campaign.category}" if campaign.category else campaign.id
    if not (campaign.holdout or campaign.variants):
        return f"{about}: no experiment"
    rest = 1.0 - campaign.holdout
    total = sum(variant.weight for variant in campaign.variants)
    lines = [(one.name, rest * one.weight / total, _shows(one)) for one in campaign.variants]
    if not lines:
        lines = [("others", rest, _shows(NO_EXPERIMENT))]
    if campaign.holdout:
        lines.insert(0, (HOLDOUT.name, campaign.holdout, _shows(HOLDOUT)))
    width = max(len(name) for name, _, _ in lines)
    return "\n".join([about, *(f"  {name:<{width}}  {share:>6.1%}  {shows}" for name, share, shows in lines)])


def _shows(variant: Variant) -> str:
    shows = "what suits each shopper" if variant.personal else "what is popular"
    return shows if variant.diversity is None else f"{shows}, diversity {variant.diversity:g}"
