"""Sends the messages of a campaign one by one: each once, to who still wants it, as fast as is allowed.

What a server refuses for now is tried again after a while; what it refuses for good is told, and the rest
goes on. What was handed over and has no answer is not sent again, since it was perhaps delivered. Ctrl-C ends
it between two messages.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from evermail.campaigns.journal import Journal, State
from evermail.campaigns.outgoing import CannotSend, Outgoing, read_outgoing
from evermail.campaigns.sending import Deferred, Mailer, NoConnection, NoEntry, SendingFailed, Unconfirmed
from evermail.stores import Store
from evermail.suppression import is_suppressed
from evermail.tokens import TokenSigner

TRIES = 5
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0

STORE_TIMEOUT_S = 10.0
"""Of the look at who wants no email, before each message."""


class Sent(msgspec.Struct):
    """What became of the messages so far. `earlier` are those that a run before this one sent,
    `perhaps` those of this or an earlier run that were handed over without an answer."""

    sent: int = 0
    earlier: int = 0
    suppressed: int = 0
    perhaps: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        return self.sent + self.earlier + self.suppressed + self.perhaps + self.failed


class Dispatch:
    """How messages go out. Without a `mailer` all is looked at, and nothing is sent.

    `journal` gives the journal of a file, `told` takes what is wrong with one. `rate` is the most messages a
    second, None for no bound.
    """

    def __init__(
        self,
        signer: TokenSigner,
        journal: Callable[[Path], Journal],
        mailer: Mailer | None,
        *,
        told: Callable[[Path, str], None],
        store: Store | None = None,
        rate: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.so_far = Sent()
        self._signer = signer
        self._journal = journal
        self._mailer = mailer
        self._told = told
        self._store = store
        self._interval_s = 1 / rate if rate is not None else 0.0
        self._sleep = sleep
        self._monotonic = monotonic
        self._next_at = 0.0
        self._interruption = _Interruption()

    def send(self, files: Iterable[Path]) -> Iterator[Sent]:
        """Sends them, and says after each how it stands.

        Raises `NoConnection`, `NoEntry`, `JournalRefused` and `StoreUnavailable`, after which nothing can be
        sent, and `KeyboardInterrupt`. What is in `so_far` holds all the same.
        """
        with self._interruption.watched():
            for file in files:
                try:
                    self._one(read_outgoing(file, self._signer))
                except NoConnection:
                    raise
                except (CannotSend, SendingFailed) as problem:
                    self.so_far.failed += 1
                    self._told(file, str(problem))
                yield self.so_far

    def _one(self, message: Outgoing) -> None:
        journal = self._journal(message.file)
        state = journal.state(message)
        if state is State.ACCEPTED:
            self.so_far.earlier += 1
        elif state in (State.TRYING, State.PERHAPS):
            self._perhaps(message, journal, "an earlier run ended before it had an answer")
        elif self._store is not None and is_suppressed(
            self._store, [message.person.shopper], timeout_s=STORE_TIMEOUT_S
        ):
            self.so_far.suppressed += 1
        else:
            try:
                if self._mailer is not None:
                    self._hand_over(message, journal, self._mailer)
            except Unconfirmed as problem:
                self._perhaps(message, journal, str(problem))
            else:
                self.so_far.sent += 1

    def _perhaps(self, message: Outgoing, journal: Journal, why: str) -> None:
        self.so_far.perhaps += 1
        remedy = f"to send it again, delete the lines with {message.key} from {journal.path}"
        self._told(message.file, f"perhaps delivered: {why}; {remedy}")

    def _hand_over(self, message: Outgoing, journal: Journal, mailer: Mailer) -> None:
        wait = wait_exponential_jitter(initial=FIRST_WAIT_S, max=LONGEST_WAIT_S)
        for attempt in Retrying(
            retry=retry_if_exception_type(Deferred),
            stop=stop_after_attempt(TRIES),
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                self._keep_pace()
                with self._interruption.held_off():
                    self._attempt(message, journal, mailer)

    def _attempt(self, message: Outgoing, journal: Journal, mailer: Mailer) -> None:
        """Tries once, with a line in the journal before: if it cannot be written, nothing goes out."""
        journal.write(message, State.TRYING)
        try:
            answer = mailer.send(message)
        except Unconfirmed as problem:
            journal.write(message, State.PERHAPS, str(problem))
            raise
        except (SendingFailed, NoEntry) as problem:
            journal.write(message, State.REFUSED, str(problem))
            raise
        journal.write(message, State.ACCEPTED, answer)

    def _keep_pace(self) -> None:
        now = self._monotonic()
        if now < self._next_at:
            self._sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._interval_s


class _Interruption:
    """Ctrl-C, which waits until a message and its entry in the journal are through; a second one does not."""

    def __init__(self) -> None:
        self._is_held_off = False
        self._came = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        before = signal.signal(signal.SIGINT, self._on)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def held_off(self) -> Iterator[None]:
        self._is_held_off = True
        try:
            yield
        finally:
            self._is_held_off = False
            if self._came:
                raise KeyboardInterrupt

    def _on(self, number: int, frame: FrameType | None) -> None:
        if not self._is_held_off or self._came:
            raise KeyboardInterrupt
        self._came = True
