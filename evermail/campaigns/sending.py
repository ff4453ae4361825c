"""Hands messages to a mail server (SMTP, RFC 5321), over one connection that is made anew when it is lost."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from ipaddress import ip_address
from types import TracebackType

import msgspec

from evermail.campaigns.outgoing import Outgoing

TIMEOUT_S = 60.0
"""Of one answer. RFC 5321 (4.5.3.2) has senders wait for minutes, but nobody watches those."""

DELIVERY_TIMEOUT_S = 600.0
"""Of the answer to a whole message (RFC 5321, 4.5.3.2.6): who gives up before may have it delivered twice."""

_GO_ON = 354
"""To DATA: now the message."""

_CLOSING = 421
"""The server is about to close the connection."""

_NOT_LET_IN = 530
"""Authentication, or TLS before it, is required (RFC 4954, RFC 3207)."""


class Server(msgspec.Struct, frozen=True):
    """A mail server, and how to get in. The password is used with a user only."""

    host: str
    port: int
    starttls: bool = False
    user: str | None = None
    password: str = ""

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, so that nobody on the way can listen."""
        with contextlib.suppress(ValueError):
            return ip_address(self.host).is_loopback
        return self.host.lower() == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class SendingFailed(Exception):
    """A message was not accepted. The text says what the server answered."""


class Rejected(SendingFailed):
    """For good: the same message would be rejected again."""


class Deferred(SendingFailed):
    """For now: the same message may be accepted later."""


class NoConnection(Deferred):
    """There is no connection now, so no message would be accepted."""


class Unconfirmed(SendingFailed):
    """It was handed over without an answer: it was perhaps delivered, and once more would be twice."""


class NoEntry(Exception):
    """The server does not let us in, however often one tries. The text says why."""


class Mailer:
    """A context manager, which says goodbye to the server. Connects when first needed."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._smtp: smtplib.SMTP | None = None

    def __enter__(self) -> Mailer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._smtp.quit()
        self._drop()

    def send(self, message: Outgoing) -> str:
        """Tries once; what the server said on accepting it. Raises `SendingFailed` and `NoEntry`."""
        smtp = self._smtp = self._smtp or self._connected()
        try:
            _require(smtp.mail(message.sender))
            _require(smtp.rcpt(message.recipient))
            code, text = smtp.docmd("DATA")
            if code != _GO_ON:
                raise _Answered(code, text)
            smtp.send(_dotted(message.data))
            answer = _require(self._delivered(smtp))
        except _Answered as answered:
            if answered.code == _NOT_LET_IN:
                raise NoEntry(f"it wants more before it takes an email: {_plain(answered.text)}") from None
            self._clear(smtp, answered.code)
            raise _failure(answered.code, answered.text) from None
        except (smtplib.SMTPException, OSError) as lost:
            self._drop()
            raise Deferred(f"the connection was lost: {_brief(lost)}") from None
        return answer

    def _delivered(self, smtp: smtplib.SMTP) -> tuple[int, bytes]:
        """Ends a message, and what the server says to it. Raises `Unconfirmed`."""
        assert smtp.sock is not None  # noqa: S101 (it has just sent)
        try:
            smtp.sock.settimeout(DELIVERY_TIMEOUT_S)
            smtp.send(b".\r\n")
            code, text = smtp.getreply()
            smtp.sock.settimeout(TIMEOUT_S)
        except (smtplib.SMTPException, OSError) as lost:
            self._drop()
            raise Unconfirmed(f"the connection was lost after it was handed over: {_brief(lost)}") from None
        if not (200 <= code < 300 or 400 <= code < 600):
            self._drop()
            raise Unconfirmed(f"the server's answer to it is none: {code} {_plain(text)}".rstrip())
        return code, text

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        try:
            smtp = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
        except smtplib.SMTPConnectError as error:
            raise NoConnection(f"{server} answered {_brief(error)}") from None
        except (smtplib.SMTPException, OSError, UnicodeError) as problem:
            raise NoConnection(f"{server} does not answer: {_brief(problem)}") from None
        try:
            assert smtp.sock is not None  # noqa: S101 (it is connected)
            # The few bytes that end a message would wait for the server to confirm those before
            smtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.starttls:
                smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo_or_helo_if_needed()
            if server.user is not None:
                smtp.login(server.user, server.password)
        except (smtplib.SMTPNotSupportedError, ssl.CertificateError) as problem:
            smtp.close()
            raise NoEntry(_brief(problem)) from None
        except (smtplib.SMTPException, OSError) as problem:
            smtp.close()
            if isinstance(problem, smtplib.SMTPAuthenticationError) and problem.smtp_code >= 500:
                raise NoEntry(f"it does not take this user and password: {_brief(problem)}") from None
            raise NoConnection(f"{server} broke off: {_brief(problem)}") from None
        return smtp

    def _clear(self, smtp: smtplib.SMTP, code: int) -> None:
        """Makes the connection fit for the next message, or lets go of it."""
        try:
            if code == _CLOSING or smtp.rset()[0] != 250:
                self._drop()
        except (smtplib.SMTPException, OSError):
            self._drop()

    def _drop(self) -> None:
        if self._smtp is not None:
            self._smtp.close()
            self._smtp = None


class _Answered(Exception):
    """Anything but yes."""

    def __init__(self, code: int, text: bytes) -> None:
        super().__init__(code)
        self.code, self.text = code, text


def _require(answer: tuple[int, bytes]) -> str:
    code, text = answer
    if not 200 <= code < 300:
        raise _Answered(code, text)
    return _plain(text)


def _dotted(data: bytes) -> bytes:
    """Lines as they travel, without the one that ends them (RFC 5321, 4.5.2)."""
    quoted = re.sub(rb"(?m)^\.", b"..", data)
    return quoted if quoted.endswith(b"\r\n") else quoted + b"\r\n"


def _failure(code: int, text: bytes | str) -> SendingFailed:
    return (Rejected if code >= 500 else Deferred)(f"the server answered {code} {_plain(text)}".rstrip())


def _plain(text: bytes | str) -> str:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join("".join(c if c.isprintable() else " " for c in decoded).split())


def _brief(problem: Exception) -> str:
    if isinstance(problem, smtplib.SMTPResponseException):
        return f"{problem.smtp_code} {_plain(problem.smtp_error)}"
    return _plain(str(problem)) or type(problem).__name__
