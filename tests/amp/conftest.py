"""The official AMP validator as a fixture: where it is not, tests that need it are skipped and say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evermail.campaigns.check.amp_validator import INSTALL_COMMAND, AmpValidator, missing


class Validator(AmpValidator):
    """The validator, with what it finds as lines of text."""

    def errors(self, document: str) -> list[str]:
        """Empty for a document that passes. Warnings count."""
        return [f"{one.line}:{one.col}: {one.code}: {one.message}" for one in self.complaints(document)]


@pytest.fixture(scope="session")
def amp_validator() -> Iterator[Validator]:
    if reason := missing():
        pytest.skip(f"{reason}: {INSTALL_COMMAND}")
    with Validator() as validator:
        yield validator
