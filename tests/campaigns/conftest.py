"""Messages that were built, and a mail server to send them to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from mail_server import MailServer

from evermail.campaigns import EmailRecipient, Tokens, render, sample_context, to_mime
from evermail.campaigns.folder import MESSAGES, Built, write_description
from evermail.tokens import Recipient, TokenSigner

TOKEN_KEY = "a token secret of 16 bytes"


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A folder as `evermail campaign build --esp smtp` makes it, for ann, ben and cleo."""
    folder = tmp_path / "autumn"
    (folder / MESSAGES).mkdir(parents=True)
    endpoint = sample_context("recommended_for_you").endpoint
    built = Built(template="t", service="smtp", campaign="autumn", endpoint=endpoint, sent_at=1)
    write_description(folder, built)
    for number, name in enumerate(("ann", "ben", "cleo"), start=1):
        _write_message(folder / MESSAGES / f"{number:06}.eml", name, TokenSigner([TOKEN_KEY]))
    return folder


def _write_message(file: Path, name: str, signer: TokenSigner) -> None:
    sample = sample_context("recommended_for_you")
    tokens = Tokens.signed(Recipient(f"k1.{name}", "autumn"), signer)
    context = msgspec.structs.replace(sample, recipient=EmailRecipient(tokens, name.title()))
    message = to_mime(
        render("recommended_for_you", context),
        sender="Alder & Pine <hello@alder.example>",
        recipient=f"{name}@mail.example",
        unsubscribe_url=context.unsubscribe_url,
        sent_at=context.sent_at,
    )
    file.write_bytes(message.as_bytes())


@pytest.fixture
def write_message() -> Callable[[Path, str, TokenSigner], None]:
    """Writes the email of a shopper called `k1.NAME`, to NAME@mail.example, into a file."""
    return _write_message


@pytest.fixture
def token_key() -> str:
    return TOKEN_KEY
