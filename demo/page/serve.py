"""Runs the demo with its page until it is told to stop."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from google.api_core.exceptions import GoogleAPICallError

from demo import catalog, stack
from demo.backends import BackendName
from demo.emulators import EmulatorMissing
from demo.keep import Keep
from demo.page.app import Site, create_app
from demo.page.live import Live
from demo.page.traffic import RATE
from demo.page.web import Told, told_by_signals, web_server
from demo.processes import HOST, ChildFailed, PortBusy, require_port

PORT = 8080
LIVED_IN_S = 10.0
"""The page waits at most so long for other shoppers to leave traces: without any there is little to see."""


def serve(
    backend: BackendName = BackendName.EMBEDDED,
    port: int = PORT,
    *,
    rate: float = RATE,
    seed: int = 1,
    keep: Keep | None = None,
    say: Callable[[str], None] = lambda text: print(text, flush=True),
) -> None:
    """Serves the page on a local port and returns after SIGINT or SIGTERM, with everything ended.

    The port answers at once, with a page that waits for the rest to start. `rate` is how many events a second
    the simulated shoppers make; `keep` says where store, archive, dead letters and logs stay, if they do.
    Call it from the main thread. Raises `PortBusy`, `EmulatorMissing`, `ChildFailed` and `StackError`.
    """
    require_port(port)
    url = f"http://{HOST}:{port}"
    range_ = catalog.products(url)
    site = Site(range_)
    try:
        with told_by_signals(), ExitStack() as exits:
            exits.enter_context(web_server(create_app(site), port))
            say(f"Starting the pipeline. The page will be at {url}")
            temporary = exits.enter_context(tempfile.TemporaryDirectory(prefix="evermail-demo-"))
            running = exits.enter_context(
                stack.running(
                    backend,
                    range_,
                    keep.workdir if keep else Path(temporary),
                    shop_url=url,
                    keep_dead_letters=keep is not None,
                    archive=keep.archive if keep else None,
                )
            )
            if keep:
                keep.put_keys()
                exits.callback(_gather, keep, running, say)
            rng = random.Random(seed)  # noqa: S311
            live = exits.enter_context(Live(running, range_, url, rate=rate, rng=rng))
            live.wait_until_lived_in(LIVED_IN_S)
            site.live = live
            say(f"Ready: {url} (Ctrl-C ends it)")
            if keep:
                say(keep.meanwhile(running.backend.environment))
            threading.Event().wait()
    except Told:
        say("Ended.")
    if keep:
        say(keep.afterwards())


def _gather(keep: Keep, running: stack.Stack, say: Callable[[str], None]) -> None:
    """Nobody is in the shop any more. What cannot be had is told, and keeps nothing from ending."""
    say(f"Ending. What stays is gathered in {keep.folder}, which takes up to half a minute.")
    try:
        keep.gather(running)
    except (stack.StackError, GoogleAPICallError, OSError) as problem:
        say(f"It is not all there: {problem}")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.page.serve",
        description=__doc__,
        epilog="example: python -m demo.page.serve --port 8081 --rate 20",
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"port of the page (default {PORT})")
    parser.add_argument(
        "--backend",
        type=BackendName,
        choices=list(BackendName),
        default=BackendName.EMBEDDED,
        help="what stands in for Google Cloud: embedded (default), or Google's own emulators",
    )
    parser.add_argument(
        "--rate", type=float, default=RATE, help=f"simulated events a second (default {RATE:g})"
    )
    given = parser.parse_args(arguments)
    try:
        serve(given.backend, given.port, rate=given.rate)
    except (PortBusy, EmulatorMissing, ChildFailed, stack.StackError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
