"""`evermail campaign build`: an email in the language of a mail service, ready to upload or to send."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from evermail import clock
from evermail.campaigns.addressing import Addressed, Addressing, CannotAddress, Wrong, people
from evermail.campaigns.audience import AudienceRefused
from evermail.campaigns.building import (
    Order,
    is_about_category,
    is_about_products,
    write_for_all,
    write_messages,
)
from evermail.campaigns.command.options import (
    BRAND,
    CATEGORY,
    ENDPOINT,
    ESP,
    FINDINGS,
    ITEMS,
    LAYOUT,
    STORE,
    TEMPLATE,
    End,
    Layout,
    ending,
    the_address,
    the_brand,
    the_dialect,
    the_endpoint,
    the_pseudonyms,
    the_renderer,
    the_signer,
    the_snapshot,
)
from evermail.campaigns.dialects import Dialect
from evermail.campaigns.folder import FolderRefused, fresh
from evermail.campaigns.render import Renderer, TemplateProblem
from evermail.campaigns.snapshot import Snapshot
from evermail.events import Refusal
from evermail.events.checks import IDENTIFIERS, check_identifier
from evermail.shelf.store_option import WRONG_USE

_OUT = typer.Option(..., "--out", metavar="DIR", help="The folder to make.", show_default=False)
_FROM = typer.Option(
    ..., "--from", metavar="ADDRESS", help='The sender, as in "Alder <hi@alder.example>".', show_default=False
)
_REPLY_TO = typer.Option(None, metavar="ADDRESS", help="Where answers go.", show_default=False)
_RECIPIENTS = typer.Option(
    None,
    "--recipients",
    metavar="FILE.csv",
    help="Whom it goes to: columns email; user_id, client_id or shopper; first_name; item_id.",
    show_default=False,
)
_CAMPAIGN = typer.Option(
    None, metavar="ID", help="The campaign, by default the template and today.", show_default=False
)
_FIRST_NAME = typer.Option(
    False, "--first-name", help="Greet by first_name where a service merges: all must have one."
)


def build(
    template: str = TEMPLATE,
    brand: Path = BRAND,
    esp: str = ESP,
    out: Path = _OUT,
    sender: str = _FROM,
    endpoint: str = ENDPOINT,
    recipients: Path | None = _RECIPIENTS,
    store: str | None = STORE,
    items: Path | None = ITEMS,
    campaign: str | None = _CAMPAIGN,
    category: str = CATEGORY,
    layout: Layout = LAYOUT,
    first_name: bool = _FIRST_NAME,
    reply_to: str | None = _REPLY_TO,
) -> None:
    """Build an email for a mail service: its parts, the calls of its API or whole messages, and STEPS.md.

    Services that merge get one email for all. Mail servers and Amazon SES get a message for each recipient.
    Who has unsubscribed is left out, which takes a store. Tokens are signed with EVERMAIL_TOKEN_KEYS, and
    names in the file are made pseudonyms with EVERMAIL_PSEUDONYM_KEYS.

    \b
    Examples:
      evermail campaign build recommended_for_you --brand brand.yaml --esp klaviyo --from hi@shop.example \\
        --endpoint https://live.shop.example --out built
      evermail campaign build abandoned_cart --brand brand.yaml --esp smtp --recipients audience.csv \\
        --from hi@shop.example --endpoint https://live.shop.example --store sqlite:///shop.sqlite3 --out built
    """
    end = ending("build")
    dialect, renderer, now_us = the_dialect(esp, end), the_renderer(template, end), clock.now_us()
    order = Order(
        template=template,
        brand=the_brand(brand, end),
        campaign=_campaign(campaign or f"{template}-{clock.to_datetime(now_us):%Y-%m-%d}", end),
        endpoint=the_endpoint(endpoint, end),
        sent_at=now_us,
        sender=the_address(sender, "--from", end),
        reply_to=the_address(reply_to, "--reply-to", end) if reply_to else None,
        category=category,
        layout=layout.value,
        first_name=first_name,
    )
    _require(order, dialect, renderer, recipients, store, end)
    with the_snapshot(store, items, order.brand.locale, end) as snapshot:
        try:
            _build(out, order, dialect, renderer, snapshot, recipients, store is not None, end)
        except TemplateProblem as problem:
            end(f"{problem}; mend the template", FINDINGS)
        except (AudienceRefused, CannotAddress) as refused:
            end(str(refused), FINDINGS)
        except (FolderRefused, ValueError) as problem:
            end(str(problem), WRONG_USE)


def _campaign(identifier: str, end: End) -> str:
    """As the pipeline takes it, so that what it does can be told."""
    try:
        check_identifier("the campaign's id", identifier, IDENTIFIERS["campaign_id"])
    except Refusal as refusal:
        end(f"--campaign: {refusal.message}", WRONG_USE)
    return identifier


def _require(
    order: Order, dialect: Dialect, renderer: Renderer, recipients: Path | None, store: str | None, end: End
) -> None:
    """Ends the command if something is missing that could be seen at once."""
    if is_about_category(order.template, renderer) and not order.category:
        end(f"{order.template} is about a category: name it with --category", WRONG_USE)
    if dialect.needs_rendering_per_recipient and recipients is None:
        end(
            f"{dialect.title} merges nothing: give --recipients FILE.csv (to look at "
            "one only: evermail campaign export)",
            WRONG_USE,
        )
    if recipients is not None and not dialect.most_addressees:
        end(
            f"{dialect.title} has the recipients itself: leave --recipients out, and make its columns with "
            "evermail campaign tokens --audience FILE.csv",
            WRONG_USE,
        )
    if recipients is not None and store is None and is_about_products(order.template, renderer):
        end(f"{order.template} is about a product of each recipient: give the --store they are in", WRONG_USE)


def _build(
    out: Path,
    order: Order,
    dialect: Dialect,
    renderer: Renderer,
    snapshot: Snapshot,
    recipients: Path | None,
    checked: bool,
    end: End,
) -> None:
    if recipients is None:
        with fresh(out) as folder:
            write_for_all(folder, order, dialect, renderer, snapshot)
        print(f"{out}: {order.campaign} for {dialect.title}; read {out}/STEPS.md")
        return
    wrong = Wrong()
    addressing = Addressing(
        snapshot, the_signer(end), wrong, about=is_about_products(order.template, renderer)
    )
    addressed = addressing.addressed(people(recipients, order.campaign, the_pseudonyms(end), wrong))
    write = write_messages if dialect.needs_rendering_per_recipient else write_for_all
    with fresh(out) as folder:
        number = write(folder, order, dialect, renderer, snapshot, _counted(addressed))
        if not number:
            left = f"all {addressing.left_out:,} have unsubscribed" if addressing.left_out else "it is empty"
            end(f"{recipients}: nobody to send to: {left}", FINDINGS)
    to = f"{number:,} recipient{'s' * (number != 1)}"
    print(f"{out}: {order.campaign} for {dialect.title}, {to}; read {out}/STEPS.md")
    if addressing.left_out:
        print(f"left out, as they want no email: {addressing.left_out:,}", file=sys.stderr)
    if not checked:
        print("not checked who wants no email: that takes --store", file=sys.stderr)


def _counted(addressed: Iterator[Addressed]) -> Iterator[Addressed]:
    """The same, with a count for people who watch."""
    console = Console(stderr=True)
    columns = TextColumn("made {task.completed:,} emails"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        for one in addressed:
            yield one
            progress.advance(task)
