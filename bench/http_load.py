"""Load on ports of this machine: by `wrk`, where it is installed, else by threads of this process.

Bounded in time, and to loopback alone. A client in Python takes more of the machine than what it measures:
figures by it are lower, and `by` says which it was.
"""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

MAX_S = 120.0

# Each thread of wrk asks one of the ports for the paths in turn, and counts answers that are not 200.
_SCRIPT = """
local ports, threads = PORTS, 0
function setup(thread)
  threads = threads + 1
  thread.addr = wrk.lookup("HOST", ports[threads])[1]
end
local paths = {}
for line in io.lines("PATHS") do paths[#paths + 1] = line end
local at = 0
request = function()
  at = at % #paths + 1
  return wrk.format("GET", paths[at], {HEADERS})
end
done = function(summary, latency)
  io.write(string.format("FIGURES %d %d %d %f %f %f\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""


class Load(NamedTuple):
    """Latencies in milliseconds; `failed` counts answers other than 200, and none at all."""

    requests_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int
    by: str


def load(
    host: str,
    ports: Sequence[int],
    paths: Sequence[str],
    *,
    headers: Mapping[str, str],
    connections: int,
    seconds: float,
) -> Load:
    """Asks for the paths in turn on so many connections that are kept, as many to each port. Raises
    `ValueError` for any other machine than this one."""
    if not ip_address(host).is_loopback:
        raise ValueError(f"{host} is not this machine")
    seconds = min(seconds, MAX_S)
    wrk = shutil.which("wrk")
    if wrk:
        return _by_wrk(wrk, host, ports, paths, headers, connections, seconds)
    return _by_threads(host, ports, paths, headers, connections, seconds)


def _by_wrk(
    wrk: str,
    host: str,
    ports: Sequence[int],
    paths: Sequence[str],
    headers: Mapping[str, str],
    connections: int,
    seconds: float,
) -> Load:
    with tempfile.TemporaryDirectory(prefix="evermail-load-") as folder:
        listed, script = Path(folder, "paths"), Path(folder, "load.lua")
        listed.write_text("\n".join(paths), encoding="utf-8")
        pairs = ", ".join(f"[{_lua(name)}] = {_lua(value)}" for name, value in headers.items())
        told = {"PATHS": str(listed), "HEADERS": pairs, "HOST": host}
        told["PORTS"] = "{" + ", ".join(f'"{port}"' for port in ports) + "}"
        script.write_text(re.sub("|".join(told), lambda found: told[found[0]], _SCRIPT), encoding="utf-8")
        command = [wrk, f"-t{len(ports)}", f"-c{connections}", f"-d{seconds:.0f}s", "-s", str(script)]
        done = subprocess.run(
            [*command, f"http://{host}:{ports[0]}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=MAX_S + 30,
        )
    found = re.search(r"FIGURES (.*)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk has no figures:\n{done.stdout}{done.stderr}")
    requests, duration_us, failed, p50, p95, p99 = map(float, found[1].split())
    return Load(requests / duration_us * 1e6, p50 / 1e3, p95 / 1e3, p99 / 1e3, int(failed), "wrk")


def _lua(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _by_threads(
    host: str,
    ports: Sequence[int],
    paths: Sequence[str],
    headers: Mapping[str, str],
    connections: int,
    seconds: float,
) -> Load:
    begun = time.monotonic()
    took: list[list[float]] = [[] for _ in range(connections)]
    failed = [0] * connections

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection(host, ports[number % len(ports)], timeout=10)
        at = number
        while time.monotonic() - begun < seconds:
            asked = time.perf_counter()
            try:
                connection.request("GET", paths[at % len(paths)], headers=dict(headers))
                answer = connection.getresponse()
                answer.read()
                failed[number] += answer.status != http.client.OK
            except (OSError, http.client.HTTPException):
                failed[number] += 1
                connection.close()
            took[number].append((time.perf_counter() - asked) * 1e3)
            at += connections
        connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted_s = time.monotonic() - begun
    every = sorted(one for each in took for one in each)
    p50, p95, p99 = (every[min(len(every) - 1, int(len(every) * share))] for share in (0.5, 0.95, 0.99))
    return Load(len(every) / lasted_s, p50, p95, p99, sum(failed), "threads of Python")
