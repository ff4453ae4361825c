"""What tests of the job on Dataflow share: a command line, and the job that is built from it, once."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pipeline.dataflow.offline import Submission, submission

ROOT = Path(__file__).parents[2]

SUBSCRIPTION = "projects/shop-1/subscriptions/events-job"
DEAD_LETTERS = "projects/shop-1/topics/dead-letters"
KEYS = "projects/shop-1/secrets/pseudonyms/versions/3"
IMAGE = "europe-west1-docker.pkg.dev/shop-1/evermail/job:1"

CLOUD = [
    "--project=shop-1",
    "--region=europe-west1",
    "--job_name=evermail",
    "--temp_location=gs://shop-1-dataflow/temp",
]
JOB = [
    f"--events_subscription={SUBSCRIPTION}",
    f"--dead_letter_topic={DEAD_LETTERS}",
    "--store=firestore://shop-1",
    f"--pseudonym_keys=secret:{KEYS}",
]
"""What the job itself must be given, on Dataflow."""


@lru_cache(maxsize=4)
def built(*more: str) -> Submission:
    """The job with the image of the Flex Template, and further arguments."""
    return submission([*CLOUD, *JOB, f"--sdk_container_image={IMAGE}", *more])
