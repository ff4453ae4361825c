"""What it takes to give the people of a campaign their tokens: `python -m bench.bench_tokens`.

`evermail campaign tokens` is run as one would, on one core, over made-up audiences of several sizes; its peak
of memory must not grow with them. CPU and memory are what the kernel says of the process (`wait4`).
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = 10_000, 100_000
_COMMAND = "from evermail.cli import main; main()"


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m bench.bench_tokens",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("--rows", type=int, nargs="*", default=SIZES, help="sizes of the audiences")
    sizes = arguments.parse_args().rows
    print(f"{'recipients':>12}{'seconds':>10}{'CPU s':>8}{'recipients/s':>14}{'peak memory':>14}")
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            elapsed_s, cpu_s, peak_kib = _run(_audience(Path(folder), rows))
            rate = rows / elapsed_s
            print(f"{rows:>12,}{elapsed_s:>10.1f}{cpu_s:>8.1f}{rate:>14,.0f}{peak_kib / 1024:>10,.0f} MiB")


def _audience(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("email,user_id,first_name,city,note\n")
        for number in range(rows):
            file.write(f'customer.{number}@mail.example,crm-{number},Mara,Leeds,"said ""yes"", twice"\n')
    return path


def _run(audience: Path) -> tuple[float, float, int]:
    """Seconds on the clock, seconds of CPU, and the peak of resident memory in KiB, all with the start."""
    out = audience.with_suffix(".out.csv")
    environment = os.environ | {
        "EVERMAIL_TOKEN_KEYS": secrets.token_hex(16),
        "EVERMAIL_PSEUDONYM_KEYS": f"k1:{secrets.token_hex(16)}",
    }
    environment.pop("EVERMAIL_STORE", None)
    given = ["campaign", "tokens", "--campaign", "bench", "--audience", str(audience), "--out", str(out)]
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *given], env=environment, stderr=subprocess.PIPE
    )
    with process.stderr:  # type: ignore[union-attr]
        said = process.stderr.read().decode()  # type: ignore[union-attr]
    _, status, used = os.wait4(process.pid, 0)
    elapsed_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"evermail campaign tokens ended with {process.returncode}: {said}")
    return elapsed_s, used.ru_utime + used.ru_stime, used.ru_maxrss


if __name__ == "__main__":
    main()
