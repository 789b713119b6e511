"""Reminders: at their time one's saved messages name the message, with what it still says."""

import asyncio

import pytest
from tests.harness import Services
from tests.services.messaging.chats import chat_of, direct, group, message_of, say
from tests.services.messaging.dues import HOUR, Home

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId, CreateChat, Entry, MarkRead, RemoveMember
from kaif.interfaces.messaging.actions import DeleteMessages, EditMessage, MessageNotFound, NotEditable
from kaif.interfaces.messaging.content import MessagePlace, TextEntity
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.reminders import (
    REMINDERS_MAX,
    BadReminderTime,
    OfReminder,
    Reminder,
    ReminderNotFound,
    RemindMe,
    TooManyReminders,
)
from kaif.interfaces.messaging.vanishing import SetTimer
from kaif.kernel.actor import Actor
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_store
from kaif.services.messaging.due.reminding import QUOTED_CHARACTERS_MAX, WORDLESS, quoted
from kaif.services.messaging.notifications import telling


async def remind(home: Home, actor: Actor, entry: Entry, later_us: int = HOUR, ref: str = "") -> Reminder:
    wanted = RemindMe(entry.chat_id, entry.seq, ref or new_id(), home.at(later_us))
    return await home.services.reminders.remind_me(actor, wanted)


async def saved(services: Services, actor: Actor) -> ChatId:
    return (await services.messaging.create_chat(actor, CreateChat("saved"))).id


async def reminded(home: Home, actor: Actor) -> list[Entry]:
    return await home.said(actor, await saved(home.services, actor))


async def pending(home: Home, actor: Actor) -> list[Reminder]:
    return (await home.services.reminders.list_reminders(actor, Nothing())).reminders


async def test_it_quotes_the_message_as_it_is_then_and_names_its_place(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    entry = await say(home.services, boris, chat_id, "Купить 🫖 **чайник**")
    reminder = await remind(home, anna, entry)
    assert await pending(home, anna) == [reminder] and await pending(home, boris) == []
    await home.services.actions.edit_message(boris, EditMessage(chat_id, entry.seq, "Купить 🫖 **кофейник**"))

    await home.come(HOUR)
    await home.come(HOUR)

    (note,) = await reminded(home, anna)
    assert (note.text, note.reminder) == ("Купить 🫖 кофейник", MessagePlace(chat_id, entry.seq))
    assert [(each.kind, each.offset, each.length) for each in note.entities] == [("quote", 0, 18), ("bold", 10, 8)]
    assert await pending(home, anna) == [] and await reminded(home, boris) == []


async def test_it_is_unread_until_it_is_read_and_ones_devices_are_told(home: Home) -> None:
    anna, boris = await home.services.newcomers("anna", "boris")
    entry = await say(home.services, boris, await direct(home.services, anna, boris))
    own = await saved(home.services, anna)
    await say(home.services, anna, own, "Заметка")
    await remind(home, anna, entry)

    await home.come(HOUR)

    assert (await chat_of(home.services, anna, own)).unread == 1
    messages = telling.messages_of(await entry_store.entries_after(home.services.database, own, 0, 9), {}, 0)
    listener = telling.Listener(anna.user_id, "saved", "", 1, 0, 0, "all", 1, 0, 0, "s", "ru", 0, 0, "UTC", 127)
    told = telling.newest_told(messages, listener, home.moment[0], {})
    assert told and told.seq == (await reminded(home, anna))[-1].seq
    assert telling.newest_told(messages[:-1], listener, home.moment[0], {}) is None, "of a note one is not told"
    await home.services.messaging.mark_read(anna, MarkRead(own, told.seq))
    assert (await chat_of(home.services, anna, own)).unread == 0


async def test_of_what_one_may_not_read_any_more_it_says_nothing(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    here, left = await direct(home.services, anna, boris), await group(home.services, boris, anna)
    gone, hidden, outside = [await say(home.services, boris, chat, "Секрет") for chat in (here, here, left)]
    for entry in (gone, hidden, outside):
        await remind(home, anna, entry)
    await home.services.actions.delete_messages(boris, DeleteMessages(here, [gone.seq], True))
    await home.services.actions.delete_messages(anna, DeleteMessages(here, [hidden.seq], False))
    await home.services.messaging.remove_member(boris, RemoveMember(left, anna.user_id))

    await home.come(HOUR)

    assert [note.text for note in await reminded(home, anna)] == [WORDLESS] * 3


async def test_a_message_that_is_to_vanish_leaves_no_copy_of_its_words(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    lasting = await say(home.services, boris, chat_id, "Остаётся")
    await home.services.vanishing.set_timer(anna, SetTimer(chat_id, 86_400))
    fleeting = await say(home.services, boris, chat_id, "Исчезнет")
    for entry in (lasting, fleeting):
        await remind(home, anna, entry)

    await home.come(HOUR)

    assert sorted(note.text for note in await reminded(home, anna)) == sorted(["Остаётся", WORDLESS])


async def test_a_long_message_is_quoted_in_part(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    entry = await say(home.services, boris, chat_id, "🫖" * 2000 + " **конец**")
    await remind(home, anna, entry)

    await home.come(HOUR)

    (note,) = await reminded(home, anna)
    assert len(note.text) == QUOTED_CHARACTERS_MAX
    assert [(each.kind, each.length) for each in note.entities] == [("quote", 2 * QUOTED_CHARACTERS_MAX - 1)]


def test_what_is_quoted_in_part_stays_covered() -> None:
    text, entities = quoted("а" * 4000, [TextEntity("bold", 0, 4000), TextEntity("spoiler", 3, 3997)])

    assert entities == [TextEntity("quote", 0, len(text)), TextEntity("spoiler", 3, len(text) - 3)]


async def test_it_is_asked_for_once_and_is_ones_own(home: Home) -> None:
    anna, boris, vera = await home.services.newcomers("anna", "boris", "vera")
    chat_id = await direct(home.services, anna, boris)
    entry = await say(home.services, boris, chat_id)

    answers = await asyncio.gather(*(remind(home, anna, entry, ref="r-1") for _ in range(10)))

    assert len({each.id for each in answers}) == len(await pending(home, anna)) == 1
    with pytest.raises(ReminderNotFound):
        await home.services.reminders.delete_reminder(boris, OfReminder(answers[0].id))
    with pytest.raises(ChatNotFound):
        await remind(home, vera, entry)
    await home.services.reminders.delete_reminder(anna, OfReminder(answers[0].id))
    await home.come(HOUR)
    assert await reminded(home, anna) == []


async def test_it_is_of_a_message_for_a_time_to_come_and_a_hundred_are_enough(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    chat_id = await direct(home.services, anna, boris)
    entry = await say(home.services, boris, chat_id)

    with pytest.raises(BadReminderTime):
        await remind(home, anna, entry, later_us=0)
    with pytest.raises(MessageNotFound):
        await home.services.reminders.remind_me(anna, RemindMe(chat_id, 1, "r", home.at(HOUR)))
    for _ in range(REMINDERS_MAX):
        await remind(home, anna, entry)
    with pytest.raises(TooManyReminders):
        await remind(home, anna, entry)
    data = await home.services.own_data.export_own_messaging_data(anna, Nothing())
    assert data.reminders == await pending(home, anna)


async def test_what_reminds_can_not_be_made_to_say_something_else(small_home: Home) -> None:
    home = small_home
    anna, boris = await home.services.newcomers("anna", "boris")
    entry = await say(home.services, boris, await direct(home.services, anna, boris), "Так")
    await remind(home, anna, entry)
    await home.come(HOUR)
    (note,) = await reminded(home, anna)

    with pytest.raises(NotEditable):
        await home.services.actions.edit_message(anna, EditMessage(note.chat_id, note.seq, "Иначе"))

    assert (await message_of(home.services, anna, note)).text == "Так"
