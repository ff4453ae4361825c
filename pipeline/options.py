"""The job's options, as given on a command line or to a template."""

from __future__ import annotations

import argparse
import math
import re
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, WorkerOptions

from evermail import clock
from evermail.archive.location import location
from pipeline import keys
from pipeline.config import JobConfig

LONGEST_S = 300_000_000
"""No duration is longer: nine and a half years, a round number so that a pattern can say it."""

# The Flex Template has these patterns as well, so they keep to POSIX's extended syntax
_PROJECT = r"projects/[a-z][-a-z0-9:.]{4,61}[a-z0-9]"
_NAME = r"[A-Za-z][-A-Za-z0-9._~+%]{2,254}"
SUBSCRIPTION = re.compile(f"{_PROJECT}/subscriptions/{_NAME}")
TOPIC = re.compile(f"{_PROJECT}/topics/{_NAME}")
FIRESTORE = re.compile(r"firestore://[-a-z0-9.:]+(/[-a-z0-9()]+)?/?")
_SQLITE = re.compile(r"sqlite:///[^?#]+")

_RULE = "NAME has 3 to 255 characters and begins with a letter, PROJECT has 6 to 63"
"""What these say of lengths, for people."""

_NOT_EMPTY = ("archive", "triggers_topic", "rebuild_from", "rebuild_since", "rebuild_until")
"""Options that may be left out, with a meaning of its own: what is empty would be taken for that."""


class OptionError(ValueError):
    """An option is missing or cannot be used; the message names it."""


def _true_or_false(text: str) -> bool:
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"must be true or false, got {text!r}")
    return text == "true"


# Templates give a switch as --name=true, people as --name
_SWITCH: dict[str, Any] = {
    "nargs": "?",
    "const": True,
    "default": False,
    "type": _true_or_false,
    "metavar": "true|false",
}


class EvermailOptions(PipelineOptions):  # type: ignore[misc]
    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        # Nothing is `required` here: Beam parses every class's options for any pipeline of a process.
        parser.add_argument(
            "--events_subscription",
            help="Required. Pub/Sub subscription with the events: projects/PROJECT/subscriptions/NAME.",
        )
        parser.add_argument(
            "--dead_letter_topic",
            help="Required. Pub/Sub topic for what could not be used: projects/PROJECT/topics/NAME.",
        )
        parser.add_argument(
            "--store",
            help="Required. Where documents go: firestore://PROJECT[/DATABASE], or sqlite:///PATH locally.",
        )
        parser.add_argument(
            "--pseudonym_keys",
            default=keys.DEFAULT,
            help="Where workers find the secrets that replace identifiers: "
            f"{keys.FORMS}. There stand id:secret pairs separated by commas; the last is current. "
            f"Default: {keys.DEFAULT}. On Dataflow a secret, as its workers see no variable of this machine.",
        )
        parser.add_argument(
            "--allowed_lateness_s",
            type=float,
            default=86_400,
            help="Events that were older than this, in seconds, when Pub/Sub took them are counted as late, "
            "archived and dead-lettered. Default: a day.",
        )
        parser.add_argument(
            "--profile_flush_s",
            type=float,
            default=0.95,
            help="A shopper's profile is written at most once in this time, in seconds. Default: 0.95.",
        )
        parser.add_argument(
            "--neighbors_flush_s",
            type=float,
            default=300,
            help="A row of neighbours or trending items is written at most once in this time, in seconds. "
            "Default: 300.",
        )
        parser.add_argument(
            "--neighbors_settle_s",
            type=float,
            default=600,
            help="How long, in seconds, a row of neighbours or trending items that changed too little to "
            "change a ranking waits once --neighbors_flush_s is over. So a small change is written when both "
            "are over one after the other, or up to one more --neighbors_flush_s later if others follow it. "
            "Default: 600.",
        )
        parser.add_argument(
            "--triggers_topic",
            help="Pub/Sub topic that is told of carts left without a purchase. Default: nobody is.",
        )
        parser.add_argument(
            "--cart_gap_s",
            type=float,
            default=3600,
            help="A cart is left when its shopper has done nothing for this long, in seconds. Default: 3600.",
        )
        parser.add_argument(
            "--archive",
            help="Where every accepted event is kept: bigquery:PROJECT.DATASET.TABLE, or a folder (gs://... "
            "or local) for files of newline-delimited JSON. Default: events are not archived.",
        )
        parser.add_argument(
            "--rebuild_from",
            help="An archive, as in --archive, to make every document from again, in a batch that ends. Then "
            "nothing is read from --events_subscription. Default: the streaming job.",
        )
        parser.add_argument(
            "--rebuild_since",
            help="With --rebuild_from: only events received at this time, in RFC 3339, or later.",
        )
        parser.add_argument(
            "--rebuild_until",
            help="With --rebuild_from: only events received before this time, in RFC 3339.",
        )
        parser.add_argument(
            "--catalog_ttl_s",
            type=float,
            default=300,
            help="How long a worker remembers a product of the catalog, in seconds. Default: 300.",
        )
        parser.add_argument(
            "--catalog_wait_s",
            type=float,
            default=900,
            help="How long, in seconds, lines of events wait to count as trending in a category while the "
            "catalog does not know their product yet; in none after that. The events themselves do not wait. "
            "Default: 900.",
        )
        parser.add_argument(
            "--no_bootstrap",
            **_SWITCH,
            help="Do not read stored documents for keys without state: for rebuilding them from the archive.",
        )
        parser.add_argument(
            "--state_cache",
            choices=("quick", "stock"),
            default="quick",
            help="How workers weigh what they keep of state: quick adds up the sizes that our values know of "
            "themselves, stock walks all they refer to, many times slower. Default: quick.",
        )
        parser.add_argument(
            "--garbage_collection",
            choices=("seldom", "stock"),
            default="seldom",
            help="How often workers look for cyclic garbage: seldom, as events leave none behind, or as "
            "often as stock Python does, for a sixth more CPU time. Default: seldom.",
        )
        parser.add_argument(
            "--store_ramp_up",
            **_SWITCH,
            help="Begin with 500 writes a second in all and grow by half every five minutes, as Firestore "
            "asks for a new database.",
        )
        parser.add_argument(
            "--store_workers",
            type=int,
            help="How many processes of workers share the writes of --store_ramp_up, 1 to 9999. Dataflow "
            "runs one for each vCPU: most machines times vCPUs of one. Default: --max_num_workers or 1.",
        )
        parser.add_argument(
            "--trending_window_s",
            type=float,
            default=60,
            help="Length of the windows that count trending items, in seconds; whole milliseconds. "
            "Default: 60.",
        )
        parser.add_argument(
            "--store_retry_s",
            type=float,
            default=300,
            help="How long, in seconds, a write that the store cannot take now is tried again before the "
            "bundle fails and the runner tries again: Dataflow without end, the local runner four times. "
            "Default: 300.",
        )

    def job_config(self) -> JobConfig:
        """The settings in the job's own terms. Raises `OptionError` for what is missing or cannot be used."""
        self._check_not_empty()
        if not self.rebuild_from:
            self._require("events_subscription", SUBSCRIPTION, "projects/PROJECT/subscriptions/NAME")
        self._require("dead_letter_topic", TOPIC, "projects/PROJECT/topics/NAME")
        if self.triggers_topic:
            self._require("triggers_topic", TOPIC, "projects/PROJECT/topics/NAME")
        self._check_archives()
        return JobConfig(
            store_url=self._store_url(),
            pseudonym_keys=self._key_source(),
            allowed_lateness_us=self._us("allowed_lateness_s"),
            profile_flush_us=self._us("profile_flush_s"),
            neighbors_flush_us=self._us("neighbors_flush_s"),
            neighbors_settle_us=self._us("neighbors_settle_s"),
            cart_gap_us=self._us("cart_gap_s"),
            catalog_ttl_us=self._us("catalog_ttl_s"),
            catalog_wait_us=self._us("catalog_wait_s"),
            bootstrap=not self.no_bootstrap,
            quick_state_cache=self.state_cache == "quick",
            seldom_collection=self.garbage_collection == "seldom",
            store_ramp_up=self.store_ramp_up,
            store_workers=self._store_workers(),
            trending_window_us=self._window_us("trending_window_s"),
            store_retry_us=self._us("store_retry_s"),
        )

    def rebuild_span(self) -> dict[str, int | None]:
        """The times of receipt to rebuild from, as `pipeline.read_archive.ReadArchive` takes them."""
        return {
            "since_us": self._moment("rebuild_since"),
            "until_us": self._moment("rebuild_until"),
        }

    def _check_not_empty(self) -> None:
        """An empty value is a shell's variable that was not set; or, from a template, a parameter that a form
        left empty."""
        if self.view_as(GoogleCloudOptions).template_location:
            return
        for name in _NOT_EMPTY:
            if getattr(self, name) == "":
                raise OptionError(f"--{name} is given without a value: leave it out if it is not wanted")

    def _check_archives(self) -> None:
        for name in ("archive", "rebuild_from"):
            url = getattr(self, name)
            try:
                url and location(url)
            except ValueError as problem:
                raise OptionError(f"--{name}: {problem}") from None
        for name in ("rebuild_since", "rebuild_until"):
            if getattr(self, name) and not self.rebuild_from:
                raise OptionError(f"--{name} needs --rebuild_from: without it, the job would stream")
        since_us, until_us = self.rebuild_span().values()
        if since_us is not None and until_us is not None and since_us >= until_us:
            raise OptionError("--rebuild_since must be before --rebuild_until")
        if self.archive and self.rebuild_from:
            raise OptionError("--archive: a rebuild archives nothing, what it reads is the archive")

    def _moment(self, name: str) -> int | None:
        text: str | None = getattr(self, name)
        if not text:
            return None
        try:
            return clock.from_rfc3339(text)
        except ValueError:
            expected = "an RFC 3339 time with a time zone, such as 2026-11-24T03:00:00Z"
            raise OptionError(f"--{name} must be {expected}, got {text!r}") from None

    def _given(self, name: str, expected: str) -> str:
        value: str | None = getattr(self, name)
        if not value:
            raise OptionError(f"--{name} is required: {expected}")
        return value

    def _require(self, name: str, pattern: re.Pattern[str], expected: str) -> None:
        value = self._given(name, expected)
        if not pattern.fullmatch(value):
            raise OptionError(f"--{name} must be {expected} ({_RULE}), got {value!r}")

    def _store_url(self) -> str:
        expected = "firestore://PROJECT[/DATABASE] or sqlite:///PATH"
        url = self._given("store", expected)
        if not (_SQLITE.fullmatch(url) or FIRESTORE.fullmatch(url)):
            raise OptionError(f"--store must be {expected}, got {url!r}")
        return url

    def _store_workers(self) -> int:
        given: int | None = self.store_workers
        workers = (self.view_as(WorkerOptions).max_num_workers or 1) if given is None else given
        if not 0 < workers < 10_000:
            raise OptionError(f"--store_workers must be 1 to 9999, got {workers}")
        return workers

    def _key_source(self) -> keys.KeySource:
        try:
            return keys.key_source(self._given("pseudonym_keys", keys.FORMS))
        except OptionError:
            raise
        except ValueError as problem:
            raise OptionError(f"--pseudonym_keys: {problem}") from None

    def _us(self, name: str) -> int:
        seconds: float = getattr(self, name)
        us = round(seconds * clock.SECOND) if math.isfinite(seconds) else 0
        if not 0 < us <= LONGEST_S * clock.SECOND:
            raise OptionError(
                f"--{name} must be more than 0 and at most {LONGEST_S} seconds, got {seconds:g}"
            )
        return us

    def _window_us(self, name: str) -> int:
        us = self._us(name)
        if us % 1000:  # runners keep the bounds of windows in milliseconds
            raise OptionError(f"--{name} must be whole milliseconds, got {us / clock.SECOND} seconds")
        return us
