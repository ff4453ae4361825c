"""The official AMP validator, for tests that need it; they are skipped where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from evermail.campaigns.check.amp_validator import INSTALL_COMMAND, AmpValidator, missing


@pytest.fixture(scope="session")
def official_validator() -> Iterator[AmpValidator]:
    if reason := missing():
        pytest.skip(f"{reason}: {INSTALL_COMMAND}")
    with AmpValidator() as validator:
        yield validator
