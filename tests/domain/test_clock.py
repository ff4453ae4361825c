"""Times in whole microseconds, and their text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])))
def test_no_time_between_year_1_and_9999_loses_a_microsecond(moment: datetime) -> None:
    time_us = clock.from_datetime(moment)
    assert clock.to_datetime(time_us) == moment
    assert datetime.fromisoformat(clock.to_rfc3339(time_us)) == moment


@pytest.mark.parametrize(
    ("time_us", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_795_489_200_123_000, "2026-11-24T03:00:00.123000Z"),
        (-62_135_596_800_000_000, "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_is_written_in_utc_with_all_digits(time_us: int, text: str) -> None:
    assert clock.to_rfc3339(time_us) == text


def test_now_is_after_this_was_written() -> None:
    assert clock.now_us() > 1_750_000_000 * clock.SECOND
