"""Time: whole microseconds of UTC since 1970 inside, RFC 3339 outside."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import overload

Clock = Callable[[], int]

MS_US = 1000
SECOND_US = 1000 * MS_US
MINUTE_US = 60 * SECOND_US
DAY_US = 24 * 60 * MINUTE_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    return time.time_ns() // 1000


def as_us(moment: datetime) -> int:
    """Of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


@overload
def as_datetime(at_us: int) -> datetime: ...
@overload
def as_datetime(at_us: None) -> None: ...
@overload
def as_datetime(at_us: int | None) -> datetime | None: ...
def as_datetime(at_us: int | None) -> datetime | None:
    """The moment as an aware datetime, which msgspec writes as RFC 3339; None for what has not happened."""
    return None if at_us is None else _EPOCH + timedelta(microseconds=at_us)
