"""`evermail campaign export`: one recipient's email, as files to look at."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import msgspec
import typer

from evermail import clock
from evermail.campaigns.addressing import Addressed, Addressing, CannotAddress, Person, Wrong, people
from evermail.campaigns.audience import AudienceRefused
from evermail.campaigns.building import Order, as_delivered, is_about_products
from evermail.campaigns.command.options import (
    CATEGORY,
    ESP,
    FINDINGS,
    ITEMS,
    LAYOUT,
    STORE,
    TEMPLATE,
    End,
    Layout,
    ending,
    the_brand,
    the_dialect,
    the_endpoint,
    the_pseudonyms,
    the_renderer,
    the_signer,
    the_snapshot,
)
from evermail.campaigns.context import Context
from evermail.campaigns.dialects import MergeFailed
from evermail.campaigns.dialects.raw import message
from evermail.campaigns.folder import FolderRefused, fresh, write_description, write_parts
from evermail.campaigns.render import Renderer, TemplateProblem
from evermail.campaigns.snapshot import Snapshot
from evermail.shelf.store_option import WRONG_USE
from evermail.tokens import Recipient

_BRAND = typer.Option(
    None, "--brand", metavar="FILE", help="The brand, by default a made-up one.", show_default=False
)
_OUT = typer.Option(..., "--out", metavar="DIR", help="The folder to make.", show_default=False)
_RECIPIENTS = typer.Option(
    None,
    "--recipients",
    metavar="FILE.csv",
    help="Whose email: the first in it. By default somebody made up, whose tokens do nothing.",
    show_default=False,
)
_ENDPOINT = typer.Option(
    None, "--endpoint", envvar="EVERMAIL_FUNCTIONS_URL", metavar="URL", help="Where the functions are, https."
)


def export(
    template: str = TEMPLATE,
    esp: str = ESP,
    out: Path = _OUT,
    brand: Path | None = _BRAND,
    recipients: Path | None = _RECIPIENTS,
    store: str | None = STORE,
    items: Path | None = ITEMS,
    endpoint: str | None = _ENDPOINT,
    category: str = CATEGORY,
    layout: Layout = LAYOUT,
) -> None:
    """Write the email of one recipient, as a mail service would deliver it: amp.html, email.html, email.txt,
    subject.txt and message.eml, which mail programs open.

    \b
    Examples:
      evermail campaign export recommended_for_you --esp sparkpost --out look
      evermail campaign export abandoned_cart --esp smtp --brand brand.yaml --recipients audience.csv \\
        --store sqlite:///shop.sqlite3 --out look
    """
    end = ending("export")
    dialect, renderer, now_us = the_dialect(esp, end), the_renderer(template, end), clock.now_us()
    try:
        sample = renderer.sample_context(template)
    except TemplateProblem as problem:
        end(f"{problem}; mend the template", FINDINGS)
    order = Order(
        template=template,
        brand=the_brand(brand, end) if brand is not None else sample.brand,
        campaign=sample.campaign,
        endpoint=the_endpoint(endpoint, end) if endpoint else sample.endpoint,
        sent_at=now_us,
        sender="Sample <shop@example.com>",
        category=category or sample.category,
        layout=layout.value,
    )
    made_up = nullcontext(Snapshot(None, sample.items))
    known = the_snapshot(store, items, order.brand.locale, end) if store or items else made_up
    with known as snapshot:
        try:
            one = _first(recipients, order, snapshot, end) if recipients else _made_up(sample)
            order = msgspec.structs.replace(order, first_name=bool(one.person.first_name))
            parts, envelope = as_delivered(order, one, dialect, renderer, snapshot)
            with fresh(out) as folder:
                write_parts(folder, parts)
                (folder / "message.eml").write_bytes(message(parts, envelope).as_bytes())
                write_description(folder, order.built(dialect))
        except (AudienceRefused, CannotAddress) as refused:
            end(str(refused), FINDINGS)
        except (TemplateProblem, MergeFailed) as problem:
            end(f"{problem}; mend the template", FINDINGS)
        except (FolderRefused, ValueError) as problem:
            end(str(problem), WRONG_USE)
    print(f"{out}: {template} as {dialect.title} would deliver it to {one.person.email}")


def _first(file: Path, order: Order, snapshot: Snapshot, end: End) -> Addressed:
    """The first in a file who wants email."""
    wrong = Wrong()
    addressing = Addressing(
        snapshot, the_signer(end), wrong, about=is_about_products(order.template, Renderer())
    )
    found = next(addressing.addressed(people(file, order.campaign, the_pseudonyms(end), wrong)), None)
    if found is None:
        end(f"{file}: there is nobody in it who wants email", FINDINGS)
    return found


def _made_up(sample: Context) -> Addressed:
    """Somebody with the tokens and the products of a template's sample."""
    person = Person(
        email="mara@example.com",
        recipient=Recipient("made-up", sample.campaign),
        names=(),
        first_name=sample.recipient.first_name or "Mara",
        place="the made-up recipient",
    )
    return Addressed(person, sample.recipient.tokens, sample.about)
