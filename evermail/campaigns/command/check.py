"""`evermail campaign check`: an email looked over before it is sent."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from evermail import clock
from evermail.campaigns.check.amp_validator import AmpValidator
from evermail.campaigns.check.amp_validator.install import InstallFailed, install
from evermail.campaigns.check.checkup import Circumstances, SenderUnknown, look_over
from evermail.campaigns.check.emails import Email, NothingToCheck, emails
from evermail.campaigns.check.report import Summary, as_json, tell
from evermail.campaigns.check.txt_records import txt_records
from evermail.campaigns.command.options import FINDINGS, TOKEN_KEYS, ending, the_brand, the_dialect
from evermail.campaigns.dialects import DIALECTS
from evermail.shelf.store_option import NO_ANSWER, WRONG_USE

_end = ending("check")
_PATHS = typer.Argument(
    None, help="A folder of `evermail campaign build`, or messages (.eml).", show_default=False
)
_ENDPOINT = typer.Option("", help="Ask the live functions at this URL too.", show_default=False)
_SENDER = typer.Option("", help="The address emails come from; else that of the message.", show_default=False)
_SEND_AT = typer.Option(
    "", help="When it goes out, such as 2026-11-27T09:00+01:00; else now.", show_default=False
)
_BRAND = typer.Option(None, help="The brand file, whose colours are looked at.", show_default=False)
_ESP = typer.Option(
    "", help=f"The mail service, if the folder does not say: {', '.join(DIALECTS)}.", show_default=False
)
_DNS = typer.Option(True, help="Ask DNS about the domain of the sender.")
_SELECTOR = typer.Option("", help="The DKIM selector of your mail service.", show_default=False)
_JSON = typer.Option(False, "--json", help="Write JSON.")
_STRICT = typer.Option(False, "--strict", help="End with exit code 1 for warnings too.")
_INSTALL = typer.Option(False, "--install-validator", help="Fetch the official AMP validator; needs npm.")


def check(
    paths: list[Path] = _PATHS,
    endpoint: str = _ENDPOINT,
    sender: str = _SENDER,
    send_at: str = _SEND_AT,
    brand: Path | None = _BRAND,
    esp: str = _ESP,
    dns: bool = _DNS,
    dkim_selector: str = _SELECTOR,
    as_data: bool = _JSON,
    strict: bool = _STRICT,
    install_validator: bool = _INSTALL,
) -> None:
    """Look an email over before it is sent: what is wrong, where, and how to mend it.

    With EVERMAIL_TOKEN_KEYS in the environment, its tokens are checked as the functions will. docs/check.md
    lists all that can be found.

    \b
    Example:
      evermail campaign check autumn/ --send-at 2026-11-27T09:00+01:00
    """
    if install_validator:
        _install()
        if not paths:
            return
    if not paths:
        _end("name a folder that `evermail campaign build` made, or .eml files", WRONG_USE)
    service = the_dialect(esp, _end).name if esp else ""
    send_at_us, token_keys = _moment(send_at), _token_keys()
    found = (
        email
        for path in paths
        for email in emails(path, service=service, token_keys=token_keys, send_at_us=send_at_us)
    )
    counted = _Counted(found)
    with AmpValidator() as validator:
        circumstances = Circumstances(
            send_at_us=send_at_us,
            brand=the_brand(brand, _end) if brand else None,
            token_keys=token_keys,
            validator=validator,
            sender=_address(sender),
            endpoint=_url(endpoint),
            records=txt_records if dns else None,
            dkim_selector=dkim_selector,
        )
        try:
            findings = look_over(counted, circumstances, httpx.Client)
        except NothingToCheck as nothing:
            _end(str(nothing), WRONG_USE)
        except SenderUnknown:
            _end("--endpoint needs --sender: the address that your emails come from", WRONG_USE)
    summary = Summary.of(findings, counted.number)
    if as_data:
        print(as_json(findings, summary))
    else:
        tell(findings, summary, Console(highlight=False))
    if summary.errors or (strict and summary.warnings):
        raise typer.Exit(FINDINGS)


class _Counted:
    """Emails, counted as they go by, with their number on stderr for whoever waits."""

    def __init__(self, found: Iterable[Email]) -> None:
        self.number = 0
        self._found = found

    def __iter__(self) -> Iterator[Email]:
        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("Checking")
            for email in self._found:
                self.number += 1
                progress.update(task, description=f"Checking {email.file or 'the parts'}")
                yield email
            progress.update(task, description="Asking the functions and DNS")


def _install() -> None:
    try:
        print(f"The AMP validator is in {install(lambda line: print(line, file=sys.stderr))}")
    except InstallFailed as failed:
        _end(str(failed), NO_ANSWER)


def _moment(text: str) -> int:
    try:
        return clock.from_rfc3339(text) if text else clock.now_us()
    except ValueError:
        _end(f"--send-at: {text!r} is no time with its zone; write 2026-11-27T09:00+01:00", WRONG_USE)


def _token_keys() -> tuple[str, ...]:
    keys = tuple(key.strip() for key in os.environ.get(TOKEN_KEYS, "").split(",") if key.strip())
    if any(len(key.encode()) < 16 for key in keys):
        _end(f"{TOKEN_KEYS}: each key has 16 bytes or more; give the functions' keys, or none", WRONG_USE)
    return keys


def _address(text: str) -> str:
    if text and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+", text):
        _end(f"--sender: {text!r} is no address; write hello@shop.example", WRONG_USE)
    return text


def _url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^\s/?#]+(?:/[^\s?#]*)?", text):
        _end(f"--endpoint: {text!r} is no URL of functions; write https://live.shop.example", WRONG_USE)
    return text.rstrip("/")
