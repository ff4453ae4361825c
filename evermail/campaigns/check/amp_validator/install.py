"""Fetches the official AMP validator with npm, for use without a network.

The npm package `amphtml-validator` alone downloads its rules from a CDN whenever it runs. The same rules are
shipped, compiled, inside the package `next`: that one file is taken out of its archive, nothing else is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from evermail.campaigns.check.amp_validator import RULES, folder

NEXT_VERSION = "15.5.29"
VALIDATOR_VERSION = "1.0.38"
_MEMBER = f"package/dist/compiled/amphtml-validator/{RULES}"


class InstallFailed(Exception):
    """The validator is not there now. The message says why, and what to do."""


def install(tell: Callable[[str], None]) -> Path:
    """Fetches what is not there yet; returns the folder it is in. `tell` is told what takes long.

    Raises `InstallFailed`.
    """
    into = folder().resolve()
    rules = into / RULES
    if rules.is_file() and (into / "node_modules" / "amphtml-validator").is_dir():
        return into
    npm = shutil.which("npm")
    if npm is None:
        raise InstallFailed(
            "npm is not installed: install Node 18 or later (https://nodejs.org), which has it"
        )
    try:
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into) as work:
            tell(f"Fetching the rules of the AMP validator (next@{NEXT_VERSION}, 31 MB, kept: 4 MB)")
            _run(npm, "pack", "--silent", f"next@{NEXT_VERSION}", cwd=Path(work))
            with tarfile.open(Path(work) / f"next-{NEXT_VERSION}.tgz") as archive:
                taken = archive.extractfile(_MEMBER)
                if taken is None:
                    raise InstallFailed(f"next@{NEXT_VERSION} has no file {_MEMBER}")
                (Path(work) / RULES).write_bytes(taken.read())
            quiet = ("--silent", "--no-audit", "--no-fund", "--no-save")
            _run(
                npm,
                "install",
                *quiet,
                "--prefix",
                str(into),
                f"amphtml-validator@{VALIDATOR_VERSION}",
                cwd=into,
            )
            (Path(work) / RULES).replace(rules)  # last: its presence says that the rest is complete
    except (OSError, KeyError, tarfile.TarError) as problem:
        raise InstallFailed(f"the AMP validator could not be put into {into}: {problem}") from None
    return into


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-500:] or "it says nothing of why; is there a network?"
        raise InstallFailed(f"npm {command[1]} failed: {said}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    try:
        print(f"AMP validator is in {install(_say)}")
    except InstallFailed as failure:
        sys.exit(str(failure))
