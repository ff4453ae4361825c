"""One store client for each worker process, however many bundles and DoFn instances come and go."""

from __future__ import annotations

import threading
from functools import lru_cache

from evermail.stores import Store, open_store

_LOCK = threading.Lock()


def shared_store(url: str) -> Store:
    """The process's store for a URL. It lives as long as the process."""
    with _LOCK:
        return _open(url)


@lru_cache(maxsize=8)
def _open(url: str) -> Store:
    return open_store(url)
