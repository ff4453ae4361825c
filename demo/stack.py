"""The whole product on one machine: topics, store, the Beam job and the functions, each in a process."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from google.cloud import pubsub_v1

from demo import backends, job_process
from demo.backends import PROJECT, Backend, BackendName
from demo.catalog import front_page
from demo.processes import HOST, Child, free_port, how_it_ended, port_is_free
from evermail.documents import Document, Product
from evermail.pseudonyms import Pseudonymizer
from evermail.stores import Outcome, Store, open_store
from evermail.tokens import Purpose, Recipient, TokenSigner

EVENTS = f"projects/{PROJECT}/topics/events"
DEAD_LETTERS = f"projects/{PROJECT}/topics/dead-letters"
JOB_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/events-job"
DEAD_LETTER_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/dead-letters-inspection"

PSEUDONYM_KEYS = "k1:evermail-demo-pseudonyms-not-a-secret"

STORE_RETRY_S = 365 * 86_400
SENDER = "news@shop.example"
CAMPAIGN = "demo"
START_TIMEOUT_S = 90.0

_ROOT = Path(__file__).resolve().parent.parent


class StackError(Exception):
    """The stack cannot be started, or a part of it ended; the message says which and why."""


@dataclass(frozen=True)
class Timing:
    """How the local job is tuned, in seconds: small windows and short intervals, since a demo is short."""

    trending_window_s: float = 5.0
    profile_flush_s: float = 0.25
    neighbors_flush_s: float = 5.0
    allowed_lateness_s: float = 600.0


class Counters:
    """The job's counters as last reported. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._values: dict[str, int] = {}

    def update(self, values: dict[str, int]) -> None:
        with self._changed:
            self._values = values
            self._changed.notify_all()

    def snapshot(self) -> dict[str, int]:
        with self._changed:
            return dict(self._values)

    def wait(self, timeout_s: float) -> None:
        """Returns at the next report, or after the timeout."""
        with self._changed:
            self._changed.wait(timeout_s)


@dataclass
class Stack:
    """A running product."""

    backend: Backend
    timing: Timing
    store: Store
    counters: Counters
    signer: TokenSigner
    pseudonyms: Pseudonymizer
    functions_url: str
    """Where they are, without a slash at the end: each is at its path below."""
    publisher: pubsub_v1.PublisherClient
    subscriber: pubsub_v1.SubscriberClient
    children: list[Child] = field(default_factory=list)

    @property
    def recommendations_url(self) -> str:
        return f"{self.functions_url}/recommendations"

    @property
    def collect_url(self) -> str:
        return f"{self.functions_url}/collect"

    def shopper_key(self, kind: str, identifier: str) -> str:
        """The key of a shopper's documents; `kind` is `user` or `client`."""
        return self.pseudonyms.pseudonym(kind, identifier)

    def recipient(self, kind: Literal["user", "client"], identifier: str) -> Recipient:
        """Whom an email to this shopper goes to."""
        return Recipient(self.shopper_key(kind, identifier), CAMPAIGN, kind)

    def token(self, kind: Literal["user", "client"], identifier: str) -> str:
        """By which an email to this shopper asks for recommendations."""
        return self.signer.sign(self.recipient(kind, identifier), purpose=Purpose.RECOMMENDATIONS)

    def check(self) -> None:
        """Raises `StackError` if a part has ended."""
        for child in self.children:
            code = child.poll()
            if code is not None:
                raise StackError(f"{child.name} {how_it_ended(code)}; its last output:\n{child.tail()}")


@contextmanager
def running(
    backend_name: BackendName,
    range_: list[Product],
    workdir: Path,
    *,
    timing: Timing | None = None,
    shop_url: str = "",
    keep_dead_letters: bool = False,
    archive: Path | None = None,
) -> Iterator[Stack]:
    """Starts everything with the products of a shop in an empty store; ends it all on the way out.

    With `keep_dead_letters` they wait at `DEAD_LETTER_SUBSCRIPTION` for the caller to read them. Otherwise
    their topic drops them: what nobody reads would one day fill the broker, which then holds up the job.
    `shop_url` is where the shop's pages are, if there are any. `archive` is a folder for the job's archive;
    without it, the job writes none.
    """
    timing = timing or Timing()
    with ExitStack() as exits:
        backend = exits.enter_context(backends.running(backend_name, workdir))
        store = open_store(backend.store_url)
        exits.callback(store.close)
        _put(store, [*range_, front_page(range_)])
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        exits.callback(publisher.stop)
        exits.callback(subscriber.close)
        _create_topics(publisher, subscriber, keep_dead_letters=keep_dead_letters)
        token_key = secrets.token_urlsafe(32)
        counters = Counters()
        job = exits.enter_context(_job(backend, timing, counters, workdir, archive))
        environment = {
            "EVERMAIL_STORE": backend.store_url,
            "EVERMAIL_TOKEN_KEYS": token_key,
            "EVERMAIL_SENDERS": SENDER,
            "EVERMAIL_EVENTS_TOPIC": EVENTS,
            "EVERMAIL_SHOP_ORIGINS": shop_url,
            "EVERMAIL_SHOP_URL": shop_url,
            "EVERMAIL_REQUESTS_PER_MINUTE": "1000000",  # the probes of freshness ask all the time
            "WORKERS": "1",
            "THREADS": "8",
        }
        functions, port = exits.enter_context(_functions(environment, workdir))
        functions.wait_until(lambda: not port_is_free(port), timeout_s=START_TIMEOUT_S)
        job.wait_until(lambda: job.ready.is_set(), timeout_s=START_TIMEOUT_S)
        yield Stack(
            backend=backend,
            timing=timing,
            store=store,
            counters=counters,
            signer=TokenSigner([token_key]),
            pseudonyms=Pseudonymizer(dict([PSEUDONYM_KEYS.split(":")]), "k1"),
            functions_url=f"http://{HOST}:{port}",
            publisher=publisher,
            subscriber=subscriber,
            children=[job, functions],
        )


class _Job(Child):
    """The Beam job. Its counters arrive as lines of its output."""

    def __init__(self, counters: Counters, *args: Any, **kwargs: Any) -> None:
        self.ready = threading.Event()
        self._counters = counters
        super().__init__(*args, on_line=self._read_line, **kwargs)

    def _read_line(self, line: str) -> None:
        if line.startswith(job_process.PREFIX):
            self._counters.update(json.loads(line.removeprefix(job_process.PREFIX)))
        elif line == "READY":
            self.ready.set()


def _job(backend: Backend, timing: Timing, counters: Counters, workdir: Path, archive: Path | None) -> _Job:
    arguments = [
        f"--events_subscription={JOB_SUBSCRIPTION}",
        f"--dead_letter_topic={DEAD_LETTERS}",
        f"--store={backend.store_url}",
        f"--trending_window_s={timing.trending_window_s}",
        f"--profile_flush_s={timing.profile_flush_s}",
        f"--neighbors_flush_s={timing.neighbors_flush_s}",
        f"--neighbors_settle_s={timing.neighbors_flush_s}",  # nobody waits ten minutes for a demo's last rows
        f"--allowed_lateness_s={timing.allowed_lateness_s}",
        # The local runner gives up on a bundle that fails; a store that is down should hold it up instead.
        f"--store_retry_s={STORE_RETRY_S}",
    ]
    if archive is not None:
        arguments.append(f"--archive={archive}")
    return _Job(
        counters,
        "the Beam job",
        [sys.executable, "-m", "demo.job_process", *arguments],
        log=workdir / "job.log",
        env={**backend.environment, "EVERMAIL_PSEUDONYM_KEYS": PSEUDONYM_KEYS},
        cwd=_ROOT,
    )


@contextmanager
def _functions(environment: dict[str, str], workdir: Path) -> Iterator[tuple[Child, int]]:
    """All of them in one process: a second one takes 70 MB, and a demo has two cores."""
    port = free_port()
    source = _ROOT / "demo" / "local_functions.py"
    command = [sys.executable, "-m", "functions_framework", "--host", HOST, "--port", str(port)]
    command += ["--target", "evermail", "--source", str(source)]
    log = workdir / "functions.log"
    with Child("the functions", command, log=log, env=environment, cwd=_ROOT) as child:
        yield child, port


def _create_topics(
    publisher: pubsub_v1.PublisherClient, subscriber: pubsub_v1.SubscriberClient, *, keep_dead_letters: bool
) -> None:
    subscriptions = {JOB_SUBSCRIPTION: EVENTS}
    if keep_dead_letters:
        subscriptions[DEAD_LETTER_SUBSCRIPTION] = DEAD_LETTERS
    for topic in (EVENTS, DEAD_LETTERS):
        publisher.create_topic(name=topic)
    for subscription, topic in subscriptions.items():
        subscriber.create_subscription(name=subscription, topic=topic, ack_deadline_seconds=60)


def _put(store: Store, documents: list[Document]) -> None:
    for result in store.put_many(documents):
        if result.outcome is not Outcome.WRITTEN:
            raise StackError(f"cannot write the catalog: {result.key}: {result.outcome} {result.message}")
