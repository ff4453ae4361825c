"""The client library of Pub/Sub, imported when it is needed, and its failures in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

RETRY_S = 20.0
"""How long a call is tried again while Pub/Sub does not answer."""


class PubSubFailed(Exception):
    """A call failed; the message says what it was about and why."""


def subscriber() -> SubscriberClient:
    """A client; honours PUBSUB_EMULATOR_HOST. Raises `PubSubFailed` without the library or credentials."""
    with explained("Pub/Sub"):
        from google.cloud import pubsub_v1

        return pubsub_v1.SubscriberClient()


def publisher() -> PublisherClient:
    """As `subscriber`."""
    with explained("Pub/Sub"):
        from google.cloud import pubsub_v1

        return pubsub_v1.PublisherClient()


def transient() -> Retry:
    """Tries again what may pass, for `RETRY_S`."""
    from google.api_core import exceptions, retry

    may_pass = retry.if_exception_type(
        exceptions.Aborted,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
        exceptions.Unknown,
    )
    return retry.Retry(may_pass, initial=0.1, multiplier=2.0, maximum=5.0, timeout=RETRY_S)


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turns whatever a call can raise into `PubSubFailed` about `what`."""
    try:
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
    except ModuleNotFoundError as missing:
        raise PubSubFailed(f"{what} needs {missing.name}: pip install evermail[dead-letters]") from None
    try:
        yield
    except ModuleNotFoundError as missing:
        raise PubSubFailed(f"{what} needs {missing.name}: pip install evermail[dead-letters]") from None
    except RetryError as problem:
        cause = problem.cause or problem
        raise PubSubFailed(f"{what}: no answer within {RETRY_S:.0f} s: {_brief(cause)}") from None
    except DefaultCredentialsError as problem:
        why = str(problem).partition(". ")[0].rstrip(".")
        raise PubSubFailed(
            f"{what}: {why}: run `gcloud auth application-default login`, or, for a local Pub/Sub, "
            "set PUBSUB_EMULATOR_HOST to its HOST:PORT"
        ) from None
    except (GoogleAPICallError, GoogleAuthError) as problem:
        raise PubSubFailed(f"{what}: {_brief(problem)}") from None


def _brief(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {' '.join(str(getattr(problem, 'message', problem)).split())[:300]}"
