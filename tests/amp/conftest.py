"""The official AMP validator as a fixture: where it is not, tests that need it are skipped and say why."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DIR = Path(os.environ.get("EVERMAIL_AMP_VALIDATOR") or HERE / ".cache")


class AmpValidator:
    """A running validator. Starting it takes most of a second, a document then a few milliseconds."""

    def __init__(self) -> None:
        command = ["node", str(HERE / "validate.js"), str(DIR.resolve())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def errors(self, document: str) -> list[str]:
        """What the validator finds wrong: empty for a document that passes. Warnings count."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"html": document}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["status"] in {"PASS", "FAIL"}
        return [f"{e['line']}:{e['col']}: {e['code']}: {e['message']}" for e in answer["errors"]]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)


def missing() -> str:
    """What keeps the validator from running, or nothing."""
    if not shutil.which("node"):
        return "the AMP validator needs node (18 or later), which is not installed"
    if not (DIR / "validator_wasm.js").is_file():
        return f"the AMP validator is not in {DIR}: run tests/amp/install_validator.sh"
    return ""


@pytest.fixture(scope="session")
def amp_validator() -> Iterator[AmpValidator]:
    if reason := missing():
        pytest.skip(reason)
    validator = AmpValidator()
    yield validator
    validator.close()
