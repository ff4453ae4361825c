"""How many opened emails two cores answer, beside a function that does nothing, and how long the first takes.

Everything runs on this machine: the function under functions-framework as on Cloud Run, one instance of one
process a core, the store, and the client, which takes its share of the same cores. Each shopper has a
profile, and rows of neighbours are as long as they get. A first open ranks and stores what it shows; one
within a minute shows that again. Prints figures and judges nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from unittest import mock
from urllib.parse import urlencode

from bench.http_load import Load, load
from bench.shelf_load import CATEGORIES, MadeUpShop
from demo.emulators import EmulatorMissing, firestore_emulator
from demo.processes import HOST, Child, free_port, port_is_free
from evermail import repeats
from evermail.documents import Document, Key, Neighbors, Product, Profile, Trending
from evermail.stores import Outcome, Store, open_store
from evermail.tokens import Purpose, Recipient, TokenSigner
from evermail.trending import CATALOG, GLOBAL, category_scope

PRODUCTS, SHOPPERS = 2_000, 1_000
TOKEN_KEY, SENDER = "a-key-for-measuring", "offers@shop.example"
STARTS = 7
THREADS = 3
"""Of each process. More of them lose time to each other where store and client take the same cores."""
WARM_UP_S, WARM_UPS = 5.0, 8
"""Of load before measuring: so long, and again while that makes it faster. Google's emulator, a Java program,
takes five times the CPU in its first seconds."""
CAMPAIGNS = 40
"""More first opens than are made in the time."""

_PURPOSE = Purpose.RECOMMENDATIONS

_ROOT = Path(__file__).resolve().parent.parent

_FIRST_ANSWER = """
import time
begun = time.perf_counter()
import sys, flask
from functions import main
status = 0
while status != 200:  # until it is ready, it says so
    headers = {"AMP-Email-Sender": sys.argv[2]}
    with flask.Flask("cold").test_request_context("/?" + sys.argv[1], headers=headers):
        answer = main.recommendations(flask.request)
    status = answer.status_code
took = time.perf_counter() - begun
assert answer.json["source"] == "personal", answer.json
assert "apache_beam" not in sys.modules
sys.stderr.write(f"{took}")
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.bench_functions",
        description=__doc__,
        epilog="example: python -m bench.bench_functions --seconds 5 --connections 16",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of load on each (default 10, at most 120)"
    )
    parser.add_argument("--connections", type=int, default=16, help="at once (default 16)")
    given = parser.parse_args()
    documents = shop()
    again = paths(1)
    print(f"{'':36} {'requests':>9} {'p50':>9} {'p95':>9} {'p99':>9} {'failed':>6}")
    with tempfile.TemporaryDirectory(prefix="evermail-bench-") as folder:
        workdir = Path(folder)
        with instances("empty", _ROOT / "bench" / "empty_function.py", {}, workdir) as ports:
            _print("an empty function", _measure(ports, ["/"], given.connections, given.seconds))
        for name, backend in (("SQLite", _sqlite), ("Firestore emulator", _emulator)):
            try:
                with backend(workdir) as (url, environment):
                    fill(url, documents, emulator=environment.get("FIRESTORE_EMULATOR_HOST", ""))
                    told = variables(url) | environment
                    source = _ROOT / "functions" / "main.py"
                    with instances("recommendations", source, told, workdir) as ports:
                        _warm_up(ports, again, given.connections)
                        measured = _measure(ports, again, given.connections, given.seconds)
                        _print(f"{name}, opened again", measured)
                        first = paths(CAMPAIGNS, begin=2)
                        _print(
                            f"{name}, opened first", _measure(ports, first, given.connections, given.seconds)
                        )
            except EmulatorMissing as missing:
                print(f"recommendations, {name}: not measured, as {missing}")
        with _sqlite(workdir) as (url, _):
            took_s = _cold_start(again[0], variables(url))
            print(f"\nfrom import to the first answer: {took_s:.2f} s, without Beam")


def shop() -> list[Document]:
    """Everything that is stored of a made-up shop."""
    made = MadeUpShop(PRODUCTS, SHOPPERS)
    items = [f"item-{number}" for number in range(PRODUCTS)]
    scopes = [GLOBAL, CATALOG, *(category_scope(f"category-{number}") for number in range(CATEGORIES))]
    keys = [
        *(Key(Profile.COLLECTION, f"shopper-{number}") for number in range(SHOPPERS)),
        *(Key(Product.COLLECTION, item) for item in items),
        *(Key(Neighbors.COLLECTION, row) for row in [repeats.ROW_ID, *items]),
        *(Key(Trending.COLLECTION, scope) for scope in scopes),
    ]
    return list(made.get_many(keys).values())


def paths(campaigns: int, *, begin: int = 1) -> list[str]:
    """Of an open of each shopper in each of so many campaigns."""
    signer = TokenSigner([TOKEN_KEY])
    recipients = [
        Recipient(f"shopper-{shopper}", f"campaign-{campaign}")
        for campaign in range(begin, begin + campaigns)
        for shopper in range(SHOPPERS)
    ]
    return ["/?" + urlencode({"t": signer.sign(one, purpose=_PURPOSE)}) for one in recipients]


def variables(url: str) -> dict[str, str]:
    return {
        "EVERMAIL_STORE": url,
        "EVERMAIL_TOKEN_KEYS": TOKEN_KEY,
        "EVERMAIL_SENDERS": SENDER,
        "EVERMAIL_REQUESTS_PER_MINUTE": "1000000",
    }


@contextmanager
def _sqlite(workdir: Path) -> Iterator[tuple[str, dict[str, str]]]:
    yield f"sqlite:///{workdir / 'bench.sqlite3'}", {}


@contextmanager
def _emulator(workdir: Path) -> Iterator[tuple[str, dict[str, str]]]:
    with firestore_emulator(log=workdir / "firestore.log") as endpoint:
        yield "firestore://bench-evermail", {"FIRESTORE_EMULATOR_HOST": endpoint}


def fill(url: str, documents: list[Document], *, emulator: str = "") -> None:
    """Writes documents to a store; `emulator` is where Firestore's is, if it is that."""
    with mock.patch.dict(os.environ, {"FIRESTORE_EMULATOR_HOST": emulator} if emulator else {}):
        store: Store = open_store(url)
    with contextlib.closing(store):
        for start in range(0, len(documents), 400):
            for result in store.put_many(documents[start : start + 400]):
                if result.outcome is not Outcome.WRITTEN:
                    raise SystemExit(f"cannot fill the store: {result.key}: {result.message}")


@contextmanager
def instances(target: str, source: Path, variables: dict[str, str], workdir: Path) -> Iterator[list[int]]:
    """The ports of a function's instances: one a core, each a process of its own, as on Cloud Run."""
    environment = {**variables, "WORKERS": "1", "THREADS": str(THREADS)}
    with ExitStack() as exits:
        ports = []
        for number in range(os.cpu_count() or 1):
            port = free_port()
            command = [sys.executable, "-m", "functions_framework", "--host", HOST, "--port", str(port)]
            command += ["--target", target, "--source", str(source)]
            log = workdir / f"{target}-{number}.log"
            child = exits.enter_context(Child(target, command, log=log, env=environment, cwd=_ROOT))
            child.wait_until(lambda port=port: not port_is_free(port), timeout_s=60)
            ports.append(port)
        yield ports


def _warm_up(ports: list[int], paths: list[str], connections: int) -> None:
    best = 0.0
    for _ in range(WARM_UPS):
        now = _measure(ports, paths, connections, WARM_UP_S).requests_per_s
        if now < best * 1.03:
            return
        best = now


def _measure(ports: list[int], paths: list[str], connections: int, seconds: float) -> Load:
    headers = {"AMP-Email-Sender": SENDER}
    return load(HOST, ports, paths, headers=headers, connections=connections, seconds=seconds)


def _print(what: str, measured: Load) -> None:
    print(
        f"{what:36} {measured.requests_per_s:>8,.0f}/s {measured.p50_ms:>6.1f} ms {measured.p95_ms:>6.1f} ms"
        f" {measured.p99_ms:>6.1f} ms {measured.failed:>5,}   by {measured.by}"
    )


def _cold_start(path: str, variables: dict[str, str]) -> float:
    """Seconds, the median of several processes."""
    took = []
    for _ in range(STARTS):
        command = [sys.executable, "-c", _FIRST_ANSWER, path.removeprefix("/?"), SENDER]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=_ROOT, env={**os.environ, **variables}
        )
        took.append(float(done.stderr.splitlines()[-1]))
    return median(took)


if __name__ == "__main__":
    main()
