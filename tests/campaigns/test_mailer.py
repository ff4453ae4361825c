"""A mail server lets us in, or it is said why not."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mail_server import OK, MailServer

from evermail.campaigns.folder import message_files
from evermail.campaigns.outgoing import read_outgoing
from evermail.campaigns.sending import Mailer, NoEntry, Server
from evermail.tokens import TokenSigner


def mailer(server: MailServer, **more: Any) -> Mailer:
    host, _, port = server.address.rpartition(":")
    return Mailer(Server(host, int(port), **more))


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_a_password_is_given_and_checked(build: Path, token_key: str) -> None:
    message = read_outgoing(message_files(build)[0], TokenSigner([token_key]))
    with MailServer(login=("shop", "secret")) as server:
        with mailer(server, user="shop", password="secret") as sending:
            assert sending.send(message) == OK.removeprefix("250 ")
        with (
            mailer(server, user="shop", password="wrong") as sending,
            pytest.raises(NoEntry, match="does not take this user and password") as caught,
        ):
            sending.send(message)
        assert "wrong" not in str(caught.value)
        with mailer(server) as sending, pytest.raises(NoEntry, match="wants more before it takes an email"):
            sending.send(message)


def test_tls_is_spoken_with_who_has_a_certificate_alone(
    build: Path, token_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = read_outgoing(message_files(build)[0], TokenSigner([token_key]))
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed("127.0.0.1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with MailServer(tls=context, login=("shop", "secret")) as server:
        in_the_clear = mailer(server)
        with in_the_clear as sending, pytest.raises(NoEntry, match="STARTTLS"):
            sending.send(message)
        encrypted = {"starttls": True, "user": "shop", "password": "secret"}
        with mailer(server, **encrypted) as sending, pytest.raises(NoEntry, match="certificate"):
            sending.send(message)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with mailer(server, **encrypted) as sending:
            sending.send(message)
        assert [one[1] for one in server.accepted] == ["ann@mail.example"]


def self_signed(address: str) -> bytes:
    """A certificate for an address, which nobody knows yet, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    unencrypted = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    written = key.private_bytes(serialization.Encoding.PEM, pkcs8, unencrypted)
    return certificate.public_bytes(serialization.Encoding.PEM) + written


def test_without_tls_there_is_none(build: Path, token_key: str, mail_server: MailServer) -> None:
    message = read_outgoing(message_files(build)[0], TokenSigner([token_key]))
    with mailer(mail_server, starttls=True) as sending, pytest.raises(NoEntry, match="STARTTLS"):
        sending.send(message)
    assert not mail_server.accepted
