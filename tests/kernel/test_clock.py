"""Time: whole microseconds inside, RFC 3339 outside."""

import time
from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kaif.kernel.clock import DAY_US, as_datetime, now_us


def test_now_is_in_microseconds_since_1970() -> None:
    assert abs(now_us() / 1e6 - time.time()) < 1


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_a_moment_keeps_every_microsecond(moment: datetime) -> None:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    at_us = since.days * DAY_US + since.seconds * 1_000_000 + since.microseconds

    assert as_datetime(at_us) == moment


def test_a_moment_is_written_as_rfc_3339_in_utc() -> None:
    assert msgspec.json.encode(as_datetime(1_795_392_000_000_001)) == b'"2026-11-23T00:00:00.000001Z"'
