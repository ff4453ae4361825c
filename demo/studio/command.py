"""`evermail campaign preview`: the studio on this machine."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import typer

from evermail.campaigns.command.options import (
    FINDINGS,
    TOKEN_KEYS,
    ending,
    the_endpoint,
    the_pseudonyms,
    the_signer,
)
from evermail.pseudonyms import key_id_of
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE, opened
from evermail.stores import StoreError

ENDPOINT = "https://live.shop.example"
"""Where the functions of an email are said to be that nobody will send."""

_TEMPLATE = typer.Option(None, "--template", metavar="NAME", help="The template to begin with.")
_BRAND = typer.Option(
    [], "--brand", metavar="FILE", help="A brand, in YAML; several may be given. Made-up ones are there too."
)
_STORE = typer.Option(None, "--store", metavar="URL", envvar="EVERMAIL_STORE", help="The shopper's store.")
_SHOPPER = typer.Option(
    None,
    "--shopper",
    metavar="ID",
    help="Whose email: a pseudonym, or with EVERMAIL_PSEUDONYM_KEYS a user id. By default somebody made up.",
)
_ENDPOINT = typer.Option(
    ENDPOINT, "--endpoint", envvar="EVERMAIL_FUNCTIONS_URL", metavar="URL", help="Where the functions are."
)
_PORT = typer.Option(8090, min=1, max=65535, help="Port of the page.")


def preview(
    template: str | None = _TEMPLATE,
    brand: list[Path] = _BRAND,
    store: str | None = _STORE,
    shopper: str | None = _SHOPPER,
    endpoint: str = _ENDPOINT,
    port: int = _PORT,
) -> None:
    """Look at an email as every reader will: AMP, HTML, images off, dark, on a phone, with what `check` says.

    \b
    Examples:
      evermail campaign preview
      evermail campaign preview --template abandoned_cart --brand brand.yaml
      evermail campaign preview --store sqlite:///shop.sqlite3 --shopper k1.Zm9vYmFyYmF6cXV4cXV1eA
    """
    from demo.page.web import until_told
    from demo.processes import HOST, PortBusy, require_port
    from demo.studio.alone import CAMPAIGN, Alone, create_app
    from demo.studio.brands import brands
    from evermail.campaigns.brand_file import BrandRefused
    from evermail.campaigns.check import AmpValidator
    from evermail.campaigns.render import Renderer
    from evermail.tokens import Recipient

    end = ending("preview")
    if template is not None and template not in Renderer().templates():
        end(f"no template {template!r}; there are: {', '.join(Renderer().templates())}", WRONG_USE)
    if shopper and not store:
        end("--shopper needs the --store that knows them", WRONG_USE)
    try:
        known = brands(brand)
    except BrandRefused as refused:
        end(str(refused), FINDINGS)
    functions = the_endpoint(endpoint, end)
    recipient = None
    if shopper:
        pseudonyms = None if key_id_of(shopper) is not None else the_pseudonyms(end)
        name = pseudonyms.pseudonym("user", shopper) if pseudonyms else shopper
        recipient = Recipient(name, CAMPAIGN)
    sign = the_signer(end) if os.environ.get(TOKEN_KEYS) else None
    try:
        require_port(port)
        opening: Any = opened(store, end, must_exist=True) if store else nullcontext()
        with opening as source, AmpValidator() as validator:
            house = Alone(source, recipient, sign, locale=next(iter(known.values())).locale)
            app = create_app(house, known, functions, validator)
            path = f"/studio?template={template}" if template else "/studio"
            until_told(app, port, f"Ready: http://{HOST}:{port}{path} (Ctrl-C ends it)")
    except PortBusy as busy:
        end(str(busy), WRONG_USE)
    except StoreError as problem:
        end(f"the store does not answer: {problem}", NO_ANSWER)
