"""A mail server on a free port of this machine, which takes what it is sent, or answers as it is told to."""

from __future__ import annotations

import email
import ssl
from collections import defaultdict
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

OK = "250 2.0.0 taken"


class MailServer:
    """A context manager. `answers` are those to the next attempts for a recipient, each at RCPT or, after
    `DATA:`, once the message is there; `greeting` is that to each HELO. `accepted` are sender, recipient and
    bytes of what it took."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, login: tuple[str, str] | None = None) -> None:
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.accepted: list[tuple[str, str, bytes]] = []
        self.attempts: list[str] = []
        self.connections = 0
        self._stopped = False
        self._controller = _Controller(
            self,
            hostname="127.0.0.1",
            port=0,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            auth_require_tls=tls is not None,
            authenticator=lambda *given: AuthResult(success=_says(given[4], login), handled=False),
        )

    def __enter__(self) -> MailServer:
        self._controller.start()
        self._port = self._controller.port
        self.connections = 0  # that of the controller itself, which looks whether it answers
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Closes the port."""
        if not self._stopped:
            self._stopped = True
            self._controller.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def messages(self) -> list[EmailMessage]:
        """What it took, as a client reads it."""
        read = [email.message_from_bytes(data, policy=default) for _, _, data in self.accepted]
        return [one for one in read if isinstance(one, EmailMessage)]

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += not session.ssl
        session.host_name = hostname
        return responses

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.attempts.append(address)
        answers = self.answers[address]
        if answers and not answers[0].startswith("DATA:"):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        answers = self.answers[recipient]
        if answers:
            answer = answers.pop(0).removeprefix("DATA:")
            if answer == "gone":
                server.transport.abort()  # type: ignore[union-attr]
            return answer
        assert isinstance(envelope.content, bytes)
        self.accepted.append((str(envelope.mail_from), recipient, envelope.content))
        return OK


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Port 0 is any free one: learn which, before the base class connects to it."""
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()


def _says(given: Any, login: tuple[str, str] | None) -> bool:
    return isinstance(given, LoginPassword) and (given.login.decode(), given.password.decode()) == login
