"""What the transforms need to know, apart from how it was given on a command line."""

from __future__ import annotations

from dataclasses import dataclass, field

from evermail import __version__, clock
from pipeline.backoff import Backoff
from pipeline.keys import EnvKeys, KeySource


@dataclass(frozen=True)
class JobConfig:
    """Settings of one job. Durations are microseconds.

    `wall_clock` decides what is late or in the future; `timer_clock` is the clock that the runner's
    processing-time timers follow. They are the same, except under a runner with a clock of its own.
    """

    store_url: str
    pseudonym_keys: KeySource = field(default_factory=EnvKeys)
    allowed_lateness_us: int = clock.DAY
    profile_flush_us: int = 950_000
    neighbors_flush_us: int = 5 * clock.MINUTE
    neighbors_settle_us: int = 10 * clock.MINUTE
    trending_window_us: int = clock.MINUTE
    trending_half_life_us: int = clock.DAY
    neighbors_kept: int = 50
    trending_kept: int = 100
    cart_gap_us: int = clock.HOUR
    catalog_ttl_us: int = 5 * clock.MINUTE
    catalog_wait_us: int = 15 * clock.MINUTE
    bootstrap: bool = True
    quick_state_cache: bool = True
    seldom_collection: bool = True
    store_ramp_up: bool = False
    store_workers: int = 1
    store_retry_us: int = 5 * clock.MINUTE
    store_backoff: Backoff = field(default_factory=Backoff)
    archive_flush_us: int = clock.MINUTE
    archive_batch_bytes: int = 16 * 1024 * 1024
    version: str = __version__
    wall_clock: clock.Clock = clock.now_us
    timer_clock: clock.Clock = clock.now_us
