"""One memory of the catalog for each worker process, however many bundles and DoFn instances come and go."""

from __future__ import annotations

import threading
from functools import lru_cache

from evermail import clock
from evermail.product_cache import ProductCache
from pipeline.config import JobConfig
from pipeline.stores import shared_store

_LOCK = threading.Lock()


def shared_products(config: JobConfig) -> ProductCache:
    """The process's memory of the products in a store. It lives as long as the process."""
    with _LOCK:
        return _products(config.store_url, config.catalog_ttl_us, config.wall_clock)


@lru_cache(maxsize=8)
def _products(store_url: str, ttl_us: int, wall_clock: clock.Clock) -> ProductCache:
    return ProductCache(shared_store(store_url), ttl_us=ttl_us, clock=wall_clock)
