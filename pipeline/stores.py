"""One store client for each worker process, however many bundles and DoFn instances come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from evermail import clock
from evermail.stores import Store, StoreUnavailable, open_store
from pipeline.config import JobConfig

T = TypeVar("T")

_LOCK = threading.Lock()


def shared_store(url: str) -> Store:
    """The process's store for a URL. It lives as long as the process."""
    with _LOCK:
        return _open(url)


def answered(config: JobConfig, ask: Callable[[], T], retries: Any) -> T:
    """What a question to the store is answered with; it is asked again while the store is unavailable, and
    `retries`, a counter, counts that. Raises `StoreUnavailable` when that lasts longer than the configuration
    allows: the runner then tries the bundle again."""
    for last_try in config.store_backoff.tries(config.store_retry_us / clock.SECOND):
        try:
            return ask()
        except StoreUnavailable:
            retries.inc()
            if last_try:
                raise
    raise AssertionError("there is always a last try")


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    return open_store(url)
