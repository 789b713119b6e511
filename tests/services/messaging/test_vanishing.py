"""Vanishing messages: what is written under a chat's timer is gone for everyone when it runs out, all of it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, say
from tests.services.messaging.dues import Home
from tests.services.messaging.replicas import Replica
from tests.services.messaging.searches import finds, searching

from kaif.interfaces.messaging import ChatId, ListEntries
from kaif.interfaces.messaging.actions import EditMessage, OfMessage, React
from kaif.interfaces.messaging.errors import ChatNotFound, PersonNotReachable, RightMissing
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.interfaces.messaging.vanishing import SetTimer, VanishAfter
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import DAY_US
from kaif.services.messaging.due.vanishing import AT_ONCE

DAY_S: VanishAfter = 86_400
WEEK_S: VanishAfter = 604_800


async def set_timer(home: Home, actor: Actor, chat_id: ChatId, after_s: VanishAfter = DAY_S) -> None:
    chat = await home.services.vanishing.set_timer(actor, SetTimer(chat_id, after_s))
    assert chat.vanish_after_s == after_s


async def texts(home: Home, actor: Actor, chat_id: ChatId) -> list[str]:
    """What is left to read; of what was deleted nothing may be."""
    messages = await home.said(actor, chat_id)
    assert not any(entry.text or entry.entities or entry.reactions for entry in messages if entry.deleted)
    return [entry.text for entry in messages if not entry.deleted]


async def test_each_message_goes_when_its_own_time_is_over(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await say(home.services, anna, chat_id, "До таймера")
    await set_timer(home, boris, chat_id)
    await say(home.services, anna, chat_id, "Первое")
    await home.come(DAY_US // 2)
    await say(home.services, boris, chat_id, "Второе")

    await home.come(DAY_US // 2 - 1)
    assert await texts(home, anna, chat_id) == ["До таймера", "Первое", "Второе"], "not a moment before"
    await home.come(1)
    assert await texts(home, anna, chat_id) == ["До таймера", "Второе"]
    await home.come(DAY_US // 2)

    assert await texts(home, boris, chat_id) == ["До таймера"]


async def test_the_log_says_who_set_the_timer_and_that_messages_are_gone(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await set_timer(home, boris, chat_id)
    await set_timer(home, anna, chat_id)
    entry = await say(home.services, anna, chat_id)

    await home.come(DAY_US)

    timer, _, gone = (await log_of(home.services, anna, chat_id))[1:]
    assert (timer.kind, timer.sender_id, timer.vanish_after_s) == ("timer", boris.user_id, DAY_S), "only once"
    assert (gone.kind, gone.target, gone.sender_id) == ("deleted", entry.seq, UserId(chat_id)), "it is nobody's deed"


async def test_nothing_that_hung_on_it_stays_anywhere(home: Home, tmp_path: Path) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await set_timer(home, anna, chat_id)
    entry = await say(home.services, anna, chat_id, "Секретное слово")
    await home.services.actions.edit_message(anna, EditMessage(chat_id, entry.seq, "Секретное слово, да"))
    await home.services.actions.add_reaction(boris, React(chat_id, entry.seq, "👍"))
    await home.services.actions.pin_message(boris, OfMessage(chat_id, entry.seq))
    await set_timer(home, anna, chat_id, 0)
    await say(home.services, boris, chat_id, "Что?", reply_to=entry.seq, quote="Секретное")
    async with searching(tmp_path / "index", home.services) as search:
        await finds(search, boris, "секретное", "Секретное слово, да")

        await home.come(DAY_US)

        await finds(search, boris, "секретное", timeout_s=1)
    assert await texts(home, boris, chat_id) == ["Что?"]
    history = (await home.services.history.export_history(boris, ExportHistory(chat_id=chat_id))).content
    assert "Что?" in history and "екретн" not in history
    for table in ("entries", "versions", "quotes", "reactions", "pins", "due"):
        rows = await home.services.database.fetch(tuple, f"SELECT * FROM messaging_{table}")
        assert "екретн" not in str(rows), table
        assert table == "entries" or not rows, table


async def test_what_was_written_under_a_timer_keeps_it_whatever_is_set_later(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    changes: Sequence[tuple[VanishAfter, str]] = [(DAY_S, "день"), (WEEK_S, "неделя"), (0, "всегда"), (DAY_S, "снова")]
    for after_s, text in changes:
        await set_timer(home, anna, chat_id, after_s)
        await say(home.services, boris, chat_id, text)

    await home.come(DAY_US)
    assert await texts(home, anna, chat_id) == ["неделя", "всегда"]
    await home.come(6 * DAY_US)
    assert await texts(home, anna, chat_id) == ["всегда"]
    await set_timer(home, anna, chat_id, 0)
    await home.come(40 * DAY_US)

    assert await texts(home, anna, chat_id) == ["всегда"]
    assert await home.services.database.fetch(tuple, "SELECT 1 FROM messaging_due") == [], "no work is left behind"


async def test_many_go_in_portions_that_ten_workers_share(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await set_timer(home, anna, chat_id)
    count = 2 * AT_ONCE + 30
    await asyncio.gather(*(say(home.services, anna, chat_id, f"№ {number}") for number in range(count)))
    home.moment[0] += DAY_US

    await asyncio.gather(*(home.do_due() for _ in range(10)))

    assert await texts(home, boris, chat_id) == []
    log = await log_of(home.services, boris, chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert sum(entry.kind == "deleted" for entry in log) == count, "each was deleted once"


async def test_a_client_that_was_away_sees_them_gone(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    await set_timer(home, anna, chat_id)
    await say(home.services, anna, chat_id, "Было и нет")
    replica = Replica()
    replica.take(await log_of(home.services, boris, chat_id))
    have = (await chat_of(home.services, boris, chat_id)).seq
    await home.come(DAY_US)

    gap = await home.services.messaging.list_entries(boris, ListEntries(chat_id, have, limit=200))
    replica.take(gap.entries)

    assert [message.text for message in replica.messages.values()] == [""]
    last = (await chat_of(home.services, boris, chat_id)).last_entry
    assert last and last.deleted and not last.text


async def test_who_may_change_the_chat_sets_it(small_home: Home) -> None:
    home = small_home
    owner, anna, vera = await home.services.newcomers("owner", "anna", "vera")
    chats = [await group(home.services, owner, anna), await channel(home.services, owner, anna)]
    for chat_id in chats:
        with pytest.raises(RightMissing):
            await set_timer(home, anna, chat_id)
        with pytest.raises(ChatNotFound):
            await set_timer(home, vera, chat_id)
        await set_timer(home, owner, chat_id)
    entry = (await log_of(home.services, anna, chats[1]))[-1]
    assert (entry.kind, entry.sender_id) == ("timer", UserId(chats[1])), "a channel names nobody"
    closed = await direct(home.services, owner, anna)
    await home.services.privacy.block_person(owner, OfPerson(anna.user_id))
    with pytest.raises(PersonNotReachable):
        await set_timer(home, anna, closed)
