"""The job's options, as given on a command line or to a template."""

from __future__ import annotations

import argparse
import os

from apache_beam.options.pipeline_options import PipelineOptions

from evermail import clock
from pipeline.config import JobConfig


class EvermailOptions(PipelineOptions):  # type: ignore[misc]
    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--events_subscription",
            required=True,
            help="Pub/Sub subscription with the shop's events: projects/PROJECT/subscriptions/NAME.",
        )
        parser.add_argument(
            "--dead_letter_topic",
            required=True,
            help="Pub/Sub topic for everything that could not be used: projects/PROJECT/topics/NAME.",
        )
        parser.add_argument(
            "--store",
            required=True,
            help="Where documents go: firestore://PROJECT[/DATABASE] or sqlite:///PATH.",
        )
        parser.add_argument(
            "--pseudonym_keys",
            default=os.environ.get("EVERMAIL_PSEUDONYM_KEYS", ""),
            help="Secrets that replace identifiers, as id:secret pairs separated by commas; the last is current. "
            "Default: the environment variable EVERMAIL_PSEUDONYM_KEYS, which other users do not see.",
        )
        parser.add_argument(
            "--allowed_lateness_s",
            type=float,
            default=86_400,
            help="Events older than this, in seconds, are counted as late and dead-lettered. Default: a day.",
        )
        parser.add_argument(
            "--profile_flush_s",
            type=float,
            default=0.5,
            help="A shopper's profile is written at most once in this time, in seconds.",
        )
        parser.add_argument(
            "--neighbors_flush_s",
            type=float,
            default=10,
            help="A row of neighbours or trending items is written at most once in this time, in seconds.",
        )
        parser.add_argument(
            "--trending_window_s",
            type=float,
            default=60,
            help="Length, in seconds, of the windows in which trending items are counted.",
        )
        parser.add_argument(
            "--store_retry_s",
            type=float,
            default=300,
            help="How long, in seconds, a write that the store cannot take now is tried again.",
        )

    def job_config(self) -> JobConfig:
        """The settings in the job's own terms. Raises `ValueError` for what cannot be used."""

        def us(name: str) -> int:
            seconds = getattr(self, name)
            if seconds <= 0:
                raise ValueError(f"--{name} must be more than 0 seconds, got {seconds}")
            return round(seconds * clock.SECOND)

        return JobConfig(
            store_url=self.store,
            pseudonym_keys=parse_keys(self.pseudonym_keys),
            allowed_lateness_us=us("allowed_lateness_s"),
            profile_flush_us=us("profile_flush_s"),
            neighbors_flush_us=us("neighbors_flush_s"),
            trending_window_us=us("trending_window_s"),
            store_retry_us=us("store_retry_s"),
        )


def parse_keys(text: str) -> dict[str, str]:
    """`id:secret,id:secret` as a mapping, in order. Raises `ValueError`, without showing a secret."""
    keys: dict[str, str] = {}
    for number, pair in enumerate(text.split(","), start=1):
        key_id, colon, secret = pair.strip().partition(":")
        if not (colon and key_id.isalnum() and len(secret.encode()) >= 16):
            raise ValueError(
                f"--pseudonym_keys: pair {number} is not id:secret with letters and digits in the id "
                "and a secret of 16 bytes or more"
            )
        keys[key_id] = secret
    return keys
