"""The Beam job as a process of its own: runs `pipeline.main` locally and reports its counters.

    python -m demo.job_process --events_subscription=... --dead_letter_topic=... --store=...

Each line on stdout that starts with `COUNTERS ` carries the job's counters as JSON, several times a second
while they change. Ended by a signal, like any other process.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from dataclasses import replace

from apache_beam.runners.runner import PipelineResult, PipelineState

from demo import local_runner
from evermail import clock
from pipeline import main
from pipeline.config import JobConfig
from pipeline.counted import counted
from pipeline.options import EvermailOptions

PREFIX = "COUNTERS "
EVERY_S = 0.2

ARCHIVE_FLUSH_US = 5 * clock.SECOND


def _report(result: PipelineResult, ended: threading.Event) -> None:
    last = None
    while not ended.wait(EVERY_S):
        try:
            now = counted(result)
        except RuntimeError:  # a counter was added while they were read
            continue
        if now != last:
            print(PREFIX + json.dumps(now), flush=True)
            last = now


def _archive_soon() -> None:
    """The job writes its archive once a minute, with no option for it: a demo may be over by then."""
    config_of = EvermailOptions.job_config

    def job_config(ours: EvermailOptions) -> JobConfig:
        return replace(config_of(ours), archive_flush_us=ARCHIVE_FLUSH_US)

    EvermailOptions.job_config = job_config  # type: ignore[method-assign]


def run(arguments: list[str]) -> None:
    logging.basicConfig(level=logging.WARNING)
    local_runner.patch()
    _archive_soon()
    result = main.start(["--runner=BundleBasedDirectRunner", *arguments])
    ended = threading.Event()
    threading.Thread(target=_report, args=(result, ended), daemon=True).start()
    print("READY", flush=True)
    try:
        result.wait_until_finish()
    finally:
        ended.set()
    if result.state != PipelineState.DONE:
        sys.exit(1)


if __name__ == "__main__":
    run(sys.argv[1:])
