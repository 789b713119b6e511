"""When a story happens: its days are told from a day near the present, so that weekends fall on weekends."""

import re
from datetime import date, datetime, time, timedelta

from kaif.kernel.clock import as_us

# "sat-2 19:40": from the last Saturday whose Sunday is over too, so that a weekend can be planned, spent and told of.
# "work-3 10:15": so many working days ago. "day-4 21:05": so many days ago. "now-25": so many minutes ago.
_WHEN = re.compile(r"(sat|work|day)([+-]\d+)? (\d\d):(\d\d)|now-(\d+)")
_SATURDAY = 5
# A Sunday has passed by then.
_SATURDAY_AGE_DAYS_MIN = 2


class BadMoment(Exception):
    """The message names it."""


class Calendar:
    """Of a present moment, in the time zone that it is told in."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def moment_us(self, written: str) -> int:
        """Never later than the present. Raises BadMoment."""
        match = _WHEN.fullmatch(written)
        if match is None:
            raise BadMoment(written)
        anchor, days, hour, minute, minutes_ago = match.groups()
        if minutes_ago:
            return as_us(self._now - timedelta(minutes=int(minutes_ago)))
        at = time(int(hour), int(minute), tzinfo=self._now.tzinfo)
        moment = datetime.combine(self._day(anchor, int(days or 0)), at)
        if moment > self._now:
            raise BadMoment(f"{written} is still to come")
        return as_us(moment)

    def _day(self, anchor: str, days: int) -> date:
        today = self._now.date()
        if anchor == "day":
            return today + timedelta(days=days)
        if anchor == "work":
            return _working_day(today, -days)
        age = (today.weekday() - _SATURDAY) % 7
        return today - timedelta(days=age if age >= _SATURDAY_AGE_DAYS_MIN else age + 7) + timedelta(days=days)


def _working_day(today: date, back: int) -> date:
    """That many of them before today, today itself not counted."""
    day = today
    while back:
        day -= timedelta(days=1)
        back -= day.weekday() < _SATURDAY
    return day
