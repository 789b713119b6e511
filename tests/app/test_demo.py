"""The stories of the demo are told on any day: weekends fall on weekends, and nothing happens in the future."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from kaif.app.demo import people, script
from kaif.app.demo.calendar import BadMoment, Calendar
from kaif.app.demo.drawing import LIGHTS
from kaif.app.demo.portraits import portrait
from kaif.app.demo.run import STORIES
from kaif.app.demo.script import BadLine
from kaif.app.demo.telling import Teller, in_time
from kaif.kernel.clock import DAY_US, as_datetime, as_us

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# Each day of a week, in the small hours, at noon and at night.
PRESENTS = [MONDAY + timedelta(days=day, hours=hour, minutes=17) for day in range(7) for hour in (0, 12, 23)]


def stories() -> script.Script:
    return script.read("\n".join(path.read_text(encoding="utf-8") for path in sorted(STORIES.glob("*.txt"))))


@pytest.mark.parametrize("now", PRESENTS, ids=str)
def test_two_weeks_end_at_this_moment_and_each_chat_goes_on_in_the_order_in_which_it_is_written(now: datetime) -> None:
    written = stories()

    timed = in_time(written, Calendar(now), as_us(now), random.Random(1))

    assert timed[-1].at_us <= as_us(now) and timed[-1].at_us > as_us(now) - DAY_US // 24
    assert timed[0].at_us > as_us(now) - 16 * DAY_US
    for chat in {line.chat for line in written.lines}:
        told = [each.line for each in timed if each.line.chat == chat]
        assert told == [line for line in written.lines if line.chat == chat], chat


@pytest.mark.parametrize("now", PRESENTS, ids=str)
def test_a_saturday_is_one_whose_sunday_is_over_and_work_is_done_on_working_days(now: datetime) -> None:
    calendar = Calendar(now)

    saturday = as_datetime(calendar.moment_us("sat 10:20"))
    assert saturday.weekday() == 5 and 2 <= (now.date() - saturday.date()).days <= 8
    assert as_datetime(calendar.moment_us("sat+1 21:30")).weekday() == 6
    days = [as_datetime(calendar.moment_us(f"work-{back} 09:00")) for back in range(1, 10)]
    assert all(day.weekday() < 5 for day in days) and all(later > earlier for later, earlier in pairwise(days))


@pytest.mark.parametrize("when", ["sunday 10:00", "day-1", "day+1 10:00", "now", "sat 25:99"])
def test_a_moment_that_is_none_or_is_to_come_is_refused(when: str) -> None:
    with pytest.raises((BadMoment, ValueError)):
        Calendar(MONDAY).moment_us(when)


def test_a_line_that_nobody_says_is_refused() -> None:
    for text in ("anna: Привет", "== group x anna: | Чат\nпросто слова"):
        with pytest.raises(BadLine):
            script.read(text)


def test_everybody_who_speaks_lives_there_and_does_what_can_be_done() -> None:
    written = stories()
    bots = {line.text.partition(" ")[0] for line in written.lines if line.verb == "bot"}

    assert {line.who for line in written.lines} | {who for cast in written.casts for who in cast.others} == (
        people.PEOPLE.keys() | bots
    )
    assert all(hasattr(Teller, f"_do_{line.verb}") for line in written.lines)


def test_two_weeks_show_what_is_done_in_chats_and_each_deed_that_can_be_told_is_told() -> None:
    told = {line.verb for line in stories().lines}

    assert told >= {"comment", "vanish", "link", "knock", "admit", "restrict", "move"}
    assert told == {name.removeprefix("_do_") for name in vars(Teller) if name.startswith("_do_")}


def test_somebody_who_asked_to_be_let_in_still_waits_for_an_answer() -> None:
    lines = stories().lines
    asking = {line.chat for line in lines if line.verb == "link" and line.text.startswith("ask ")}

    waiting = [line for line in lines if line.verb == "knock" and line.chat in asking]

    assert asking and len(waiting) > sum(line.verb == "admit" for line in lines) > 0


def test_every_group_and_channel_gets_a_picture_by_whoever_made_it() -> None:
    written = stories()

    pictured = {(line.chat, line.who) for line in written.lines if line.verb == "picture"}

    assert pictured == {(cast.name, cast.maker) for cast in written.casts if cast.kind in ("group", "channel")}
    assert {line.text for line in written.lines if line.verb == "picture"} <= LIGHTS.keys()


def test_a_portrait_is_known_by_its_name_and_nobody_else_has_it() -> None:
    drawn = {name: portrait(name, long_haired=name in people.LONG_HAIRED) for name in people.PEOPLE}

    assert portrait("anna", long_haired=True) == drawn["anna"]
    assert len(set(drawn.values())) == len(people.PEOPLE)
    assert people.PEOPLE.keys() >= people.LONG_HAIRED | people.WITHOUT_PICTURE
