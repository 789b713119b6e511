"""Quiet hours begin on the days that were chosen, in the person's own zone, and last beyond midnight."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kaif.interfaces.messaging import ChatKind
from kaif.interfaces.messaging.notifications import WEEKDAYS, Weekday
from kaif.kernel.actor import UserId
from kaif.services.messaging.notifications.telling import Listener, day_bits, days_of, is_quiet

DIRECT: ChatKind = "direct"
LISTENER = Listener(
    subscription_id="",
    user_id=UserId("anna"),
    language="ru",
    kind=DIRECT,
    title="",
    members=2,
    read_seq=0,
    muted_until_us=0,
    notify="all",
    preview=1,
    mentions_only=0,
    topics=0,
    quiet_from=22 * 60,
    quiet_until=7 * 60,
    time_zone="Asia/Vladivostok",
    quiet_days=0,
)


@pytest.mark.parametrize(
    ("at", "days", "quiet"),
    [
        # The 27th of November 2026 is a Friday.
        ("2026-11-27T22:00", ["fr"], True),
        ("2026-11-27T21:59", ["fr"], False),
        ("2026-11-28T06:59", ["fr"], True),
        ("2026-11-28T07:00", ["fr"], False),
        ("2026-11-28T22:30", ["fr"], False),
        ("2026-11-27T06:59", ["fr"], False),
        ("2026-11-30T00:30", ["su"], True),
        ("2026-11-27T23:00", [], False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(at: str, days: list[Weekday], quiet: bool) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Asia/Vladivostok"))
    listener = msgspec.structs.replace(LISTENER, quiet_days=day_bits(days))

    assert is_quiet(listener, int(moment.timestamp()) * 1_000_000) is quiet


def test_hours_within_a_day_belong_to_it() -> None:
    noon = int(datetime(2026, 11, 29, 12, tzinfo=ZoneInfo("UTC")).timestamp()) * 1_000_000
    lunch = msgspec.structs.replace(LISTENER, quiet_from=11 * 60, quiet_until=13 * 60, time_zone="UTC")

    assert is_quiet(msgspec.structs.replace(lunch, quiet_days=day_bits(["su"])), noon)
    assert not is_quiet(msgspec.structs.replace(lunch, quiet_days=day_bits(["sa"])), noon)


def test_days_are_kept_as_they_were_chosen() -> None:
    assert days_of(day_bits(WEEKDAYS)) == list(WEEKDAYS)
    assert days_of(day_bits(["su", "mo", "su"])) == ["mo", "su"]
