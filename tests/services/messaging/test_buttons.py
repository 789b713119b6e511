"""What bots offer: commands to type, and buttons whose presses reach the bot alone, live or later."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.bots import NO, YES, a_bot, ask, press_of
from tests.services.messaging.chats import channel, direct, group, log_of, message_of, say

from kaif.interfaces.auth import GetPeople, Nothing, PersonChanged
from kaif.interfaces.messaging import AddMembers, GetChat, Outgoing, RemoveMember, SendBatch
from kaif.interfaces.messaging.actions import (
    DeleteMessages,
    EditMessage,
    ForwardedMessage,
    ForwardMessages,
    MessageNotFound,
)
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.bots import (
    ANSWERABLE_S,
    CALLBACKS_KEPT_MAX,
    CALLBACKS_KEPT_S,
    AnswerCallback,
    BadCommands,
    ButtonGone,
    CallbackAnswered,
    CallbackGone,
    Command,
    CommandList,
    ListCallbacks,
    OnlyBots,
    Press,
)
from kaif.interfaces.messaging.content import Button, TextEntity
from kaif.interfaces.messaging.errors import (
    BadButtons,
    ButtonsForBots,
    ChatNotFound,
    LinksNotAllowed,
    PersonNotReachable,
)
from kaif.interfaces.messaging.news import SIGNALS, Signal
from kaif.interfaces.messaging.privacy import OfPerson
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.clock import SECOND_US, now_us
from kaif.kernel.ids import new_id
from kaif.services.messaging.chats.knowing import Acquaintance
from kaif.services.messaging.reactions import Reactions
from kaif.services.messaging.sending.announcing import Announcer

SITE = Button("Сайт", url="https://ozero.example/")


async def heard_by(services: Services) -> dict[str, list[dict[str, Any]]]:
    """What goes to one person's sockets, by their id, from now on."""
    heard: dict[str, list[dict[str, Any]]] = {}

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        heard.setdefault(signal.user_id, []).append(msgspec.json.decode(signal.event))

    await services.cache.subscribe(SIGNALS, hear)
    return heard


# Commands


async def test_the_commands_of_a_chats_bots_are_for_its_members(services: Services) -> None:
    anna, boris, stranger = await services.newcomers("anna", "boris", "stranger")
    lake, other = await a_bot(services), await a_bot(services, "otherbot")
    chat_id = await group(services, anna, boris, lake, other)
    deploy, help_ = Command("deploy", "Выкатить", "Deploy"), Command("help", "Помощь", "Help")

    await services.commands.set_commands(await a_bot(services, "awaybot"), CommandList([help_]))
    await services.commands.set_commands(lake, CommandList([Command("old", "Старое", "Old")]))
    await services.commands.set_commands(lake, CommandList([help_, deploy]))
    await services.commands.set_commands(other, CommandList([help_]))

    found = (await services.commands.list_commands(boris, GetChat(chat_id))).commands
    assert [(one.bot.username, one.name, one.ru) for one in found] == [
        ("lakebot", "help", "Помощь"),
        ("lakebot", "deploy", "Выкатить"),
        ("otherbot", "help", "Помощь"),
    ]
    with pytest.raises(ChatNotFound):
        await services.commands.list_commands(stranger, GetChat(chat_id))
    await services.messaging.remove_member(anna, RemoveMember(chat_id, lake.user_id))
    assert len((await services.commands.list_commands(boris, GetChat(chat_id))).commands) == 1
    await services.messaging.add_members(anna, AddMembers(chat_id, [lake.user_id]))
    assert len((await services.commands.list_commands(boris, GetChat(chat_id))).commands) == 3


async def test_only_bots_offer_commands_and_only_such_as_can_be_shown(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)

    with pytest.raises(OnlyBots):
        await services.commands.set_commands(anna, CommandList([Command("help", "Помощь", "Help")]))
    for bad in ([Command("help", "a\nb", "Help")], [Command("help", "Помощь", "Help")] * 2):
        with pytest.raises(BadCommands):
            await services.commands.set_commands(bot, CommandList(bad))


async def test_a_command_in_a_text_says_whose_it_is(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot)

    said = await say(services, anna, chat_id, "/deploy@lakebot. И /help, но не /usr/bin и не a/b, /x@nobody")

    assert said.entities == [
        TextEntity("command", 0, 15, user_id=bot.user_id),
        TextEntity("command", 19, 5),
    ]


async def test_a_channel_offers_no_commands(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await channel(services, anna, bot)
    await services.commands.set_commands(bot, CommandList([Command("help", "Помощь", "Help")]))

    assert (await services.commands.list_commands(anna, GetChat(chat_id))).commands == []


# Buttons


async def test_buttons_are_part_of_the_message_until_it_is_deleted(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot)

    asked = await ask(services, bot, chat_id, [YES, NO], [SITE])

    assert asked.buttons == [[YES, NO], [SITE]]
    assert (await log_of(services, anna, chat_id))[-1] == asked
    forwarded = await services.actions.forward_messages(
        anna, ForwardMessages(chat_id, chat_id, [ForwardedMessage(asked.seq, "f")])
    )
    assert forwarded.entries[0].buttons == []
    await services.actions.delete_messages(bot, DeleteMessages(chat_id, [asked.seq], True))
    assert (await message_of(services, anna, asked)).buttons == []
    with pytest.raises(MessageNotFound):
        await services.callbacks.press_button(anna, press_of(asked))


async def test_an_edit_changes_the_buttons_and_without_new_words_shows_as_none(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await direct(services, anna, bot)
    asked = await ask(services, bot, chat_id)

    kept = await services.actions.edit_message(bot, EditMessage(chat_id, asked.seq, "Едем завтра?"))
    changed = await services.actions.edit_message(bot, EditMessage(chat_id, asked.seq, "Едем завтра?", [[SITE]]))
    again = await services.actions.edit_message(bot, EditMessage(chat_id, asked.seq, "Едем завтра?", [[SITE]]))
    without = await services.actions.edit_message(bot, EditMessage(chat_id, asked.seq, "Едем завтра?", []))

    assert kept.buttons == asked.buttons and kept.edited_at
    assert changed.buttons == [[SITE]] and changed.edited_at == kept.edited_at
    assert again.version == changed.version < without.version and without.buttons == []
    with pytest.raises(ButtonGone):
        await services.callbacks.press_button(anna, press_of(asked))


async def test_people_put_no_buttons_under_what_they_say(embedded: Services) -> None:
    services = embedded
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)

    with pytest.raises(ButtonsForBots):
        await ask(services, anna, chat_id)
    batch = SendBatch([Outgoing(anna.user_id, chat_id, "r", "Едем?", buttons=[[YES]])])
    assert (await services.messaging.send_batch(anna, batch)).outcomes[0].code == "buttons_for_bots"
    said = await say(services, anna, chat_id)
    with pytest.raises(ButtonsForBots):
        await services.actions.edit_message(anna, EditMessage(chat_id, said.seq, "Привет", [[YES]]))


async def test_a_button_that_lies_or_breaks_is_refused(embedded: Services) -> None:
    (anna,) = await embedded.newcomers("anna")
    bot = await a_bot(embedded)
    chat_id = await group(embedded, anna, bot)

    for button in (
        Button(" ", "x"),
        Button("a\nb", "x"),
        Button("Ни того ни другого"),
        Button("И то и другое", "x", "https://ozero.example/"),
        Button("Длинно", "ё" * 33),
        Button("Невидимо", "\x00"),
        Button("Скрипт", url="javascript:alert(1)"),
        Button("Почта", url="mailto:a@b.example"),
        Button("Никуда", url="https://"),
    ):
        with pytest.raises(BadButtons):
            await ask(embedded, bot, chat_id, [button])


async def test_a_link_on_a_button_is_a_link(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot)
    await services.administration.change_chat(anna, ChangeChat(chat_id, default_rights=["send"]))

    with pytest.raises(LinksNotAllowed):
        await ask(services, bot, chat_id, [SITE])
    assert (await ask(services, bot, chat_id, [YES])).buttons == [[YES]]


# Presses


async def test_a_press_reaches_the_bot_alone_and_its_answer_the_presser_alone(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot = await a_bot(services)
    chat_id = await group(services, anna, boris, bot)
    asked = await ask(services, bot, chat_id)
    heard, log_before = await heard_by(services), await log_of(services, anna, chat_id)

    pressed = await services.callbacks.press_button(anna, press_of(asked))
    await services.callbacks.answer_callback(bot, AnswerCallback(pressed.callback_id, "Едем!"))

    (callback,) = heard[bot.user_id]
    assert callback.pop("at")
    assert callback == {
        "type": "callback",
        "number": 1,
        "id": pressed.callback_id,
        "chat_id": chat_id,
        "seq": asked.seq,
        "user_id": anna.user_id,
        "data": "yes",
    }
    assert heard[anna.user_id] == [{"type": "callback_answer", "callback_id": pressed.callback_id, "text": "Едем!"}]
    assert boris.user_id not in heard and await log_of(services, anna, chat_id) == log_before


async def test_a_bot_that_was_away_asks_for_what_came_after_the_last_it_knows(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    bot, other = await a_bot(services), await a_bot(services, "otherbot")
    chat_id = await group(services, anna, boris, bot, other)
    asked, elsewhere = await ask(services, bot, chat_id), await ask(services, other, chat_id)

    await asyncio.gather(
        *(services.callbacks.press_button(who, press_of(asked)) for who in (anna, boris) for _ in range(10)),
        services.callbacks.press_button(anna, press_of(elsewhere)),
    )

    page = await services.callbacks.list_callbacks(bot, ListCallbacks(limit=15))
    rest = await services.callbacks.list_callbacks(bot, ListCallbacks(after=page.callbacks[-1].number))
    assert [one.number for one in page.callbacks + rest.callbacks] == list(range(1, 21))
    assert page.newest == 20 and {one.user_id for one in page.callbacks} == {anna.user_id, boris.user_id}
    assert (await services.callbacks.list_callbacks(anna, ListCallbacks())).callbacks == []


async def test_the_same_press_is_one_press(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    asked = await ask(services, bot, await group(services, anna, bot))

    pressed = await asyncio.gather(
        *(services.callbacks.press_button(anna, press_of(asked, ref="same")) for _ in range(10))
    )

    assert len({one.callback_id for one in pressed}) == 1
    assert len((await services.callbacks.list_callbacks(bot, ListCallbacks())).callbacks) == 1


async def test_nobody_presses_what_is_not_theirs_to_see_or_not_there(embedded: Services) -> None:
    services = embedded
    anna, stranger = await services.newcomers("anna", "stranger")
    bot = await a_bot(services)
    chat_id = await group(services, anna, bot)
    asked, plain = await ask(services, bot, chat_id, [YES, SITE]), await say(services, bot, chat_id)

    with pytest.raises(ChatNotFound):
        await services.callbacks.press_button(stranger, press_of(asked))
    for lie in (press_of(asked, "maybe"), press_of(plain), press_of(asked, "https://ozero.example/")):
        with pytest.raises(ButtonGone):
            await services.callbacks.press_button(anna, lie)
    with pytest.raises(MessageNotFound):
        await services.callbacks.press_button(anna, Press(chat_id, 1, "yes", "r"))
    await services.messaging.remove_member(anna, RemoveMember(chat_id, bot.user_id))
    with pytest.raises(ButtonGone):
        await services.callbacks.press_button(anna, press_of(asked))

    assert (await services.callbacks.list_callbacks(bot, ListCallbacks())).newest == 0


async def test_a_blocked_bot_hears_no_presses(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    asked = await ask(services, bot, await direct(services, anna, bot))
    await services.privacy.block_person(anna, OfPerson(bot.user_id))

    with pytest.raises(PersonNotReachable):
        await services.callbacks.press_button(anna, press_of(asked))


class Hands:
    """Of a clock."""

    def __init__(self) -> None:
        self.now_us = now_us()


async def test_a_press_is_answered_once_by_its_bot_in_time(tmp_path: Path, migrated_sqlite_url: str) -> None:
    hands = Hands()
    async with wired_services(tmp_path, migrated_sqlite_url, clock=lambda: hands.now_us) as services:
        (anna,) = await services.newcomers("anna")
        bot, other = await a_bot(services), await a_bot(services, "otherbot")
        asked = await ask(services, bot, await group(services, anna, bot, other))
        pressed, late = [await services.callbacks.press_button(anna, press_of(asked)) for _ in range(2)]
        answer = AnswerCallback(pressed.callback_id, "Да")

        for actor in (anna, other):
            with pytest.raises(CallbackGone):
                await services.callbacks.answer_callback(actor, answer)
        assert await services.callbacks.answer_callback(bot, answer) == Nothing()
        assert await services.callbacks.answer_callback(bot, answer) == Nothing()
        with pytest.raises(CallbackAnswered):
            await services.callbacks.answer_callback(bot, AnswerCallback(pressed.callback_id, "Нет"))
        hands.now_us += ANSWERABLE_S * SECOND_US + 1
        with pytest.raises(CallbackGone):
            await services.callbacks.answer_callback(bot, AnswerCallback(late.callback_id, "Да"))
        hands.now_us += CALLBACKS_KEPT_S * SECOND_US
        assert (await services.callbacks.list_callbacks(bot, ListCallbacks())).callbacks == []


async def test_no_more_than_a_thousand_presses_wait(embedded: Services) -> None:
    services = embedded
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    asked = await ask(services, bot, await group(services, anna, bot))
    columns = ("bot_id", "number", "id", "chat_id", "seq", "user_id", "ref", "data", "at_us")
    rows = [
        (bot.user_id, n, f"id-{n}", asked.chat_id, asked.seq, anna.user_id, f"r-{n}", "yes", now_us())
        for n in range(3500, 5001)
    ]
    async with services.database.transaction() as tx:
        await tx.insert("messaging_bots", ("bot_id", "callbacks"), [(bot.user_id, 5000)])
        await tx.insert("messaging_callbacks", columns, rows)

    await services.callbacks.press_button(anna, press_of(asked))

    kept: list[tuple[int]] = await services.database.fetch(tuple, "SELECT COUNT(*) FROM messaging_callbacks")
    assert kept == [(CALLBACKS_KEPT_MAX,)]


async def test_presses_and_commands_go_with_whose_they_were(services: Services) -> None:
    (anna,) = await services.newcomers("anna")
    bot = await a_bot(services)
    asked = await ask(services, bot, await group(services, anna, bot))
    await services.commands.set_commands(bot, CommandList([Command("help", "Помощь", "Help")]))
    await services.callbacks.press_button(anna, press_of(asked))
    data = await services.own_data.export_own_messaging_data(anna, Nothing())
    assert [(one.seq, one.data) for one in data.pressed] == [(asked.seq, "yes")]
    reactions = Reactions(services.database)

    (person,) = (await services.auth.get_people(anna, GetPeople([bot.user_id]))).people
    await Acquaintance(services.database, Announcer(services.cache)).remember_person(PersonChanged(person=person))
    await reactions.forget_person(PersonErased(erasure_id=new_id(), remains=person))

    for table in ("messaging_callbacks", "messaging_commands", "messaging_bots"):
        assert await services.database.fetch(tuple, f"SELECT 1 FROM {table}") == []
