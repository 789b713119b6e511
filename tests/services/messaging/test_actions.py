"""What is done with messages: who may, what everybody sees then, and that it can be repeated."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.harness import Services, wired_services
from tests.services.messaging.chats import channel, chat_of, direct, group, log_of, message_of, say

from kaif.interfaces.messaging import (
    AddMembers,
    ChatId,
    Entry,
    ListChats,
    ListEntries,
    MarkRead,
    RemoveMember,
    SendMessage,
)
from kaif.interfaces.messaging.actions import (
    EDIT_WITHIN_S,
    EDITS_MAX,
    PINS_MAX,
    REACTIONS_DISTINCT_MAX,
    DeleteMessages,
    EditMessage,
    EditTooLate,
    ForwardedMessage,
    ForwardMessages,
    ListReactions,
    MessageNotFound,
    NotAnEmoji,
    NotEditable,
    NotYourMessage,
    OfChat,
    OfMessage,
    React,
    TooManyEdits,
    TooManyPins,
    TooManyReactions,
)
from kaif.interfaces.messaging.administration import ChangeChat
from kaif.interfaces.messaging.content import Origin, Reaction
from kaif.interfaces.messaging.errors import BadCursor, BadQuote, BadText, ChatNotFound
from kaif.interfaces.messaging.news import ENTRIES, SIGNALS, Delivery, Signal
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import SECOND_US, as_datetime, now_us

EMOJIS = "👍❤🔥😂😮😢🎉👏🤔😍🙏💯😁🥳🤝👀🤩😴🍓🎣🐟"


async def edit(services: Services, actor: Actor, entry: Entry, text: str) -> Entry:
    return await services.actions.edit_message(actor, EditMessage(entry.chat_id, entry.seq, text))


async def delete(services: Services, actor: Actor, *entries: Entry, for_everyone: bool = True) -> None:
    seqs = [entry.seq for entry in entries]
    await services.actions.delete_messages(actor, DeleteMessages(entries[0].chat_id, seqs, for_everyone))


async def react(services: Services, actor: Actor, entry: Entry, emoji: str = "👍") -> None:
    await services.actions.add_reaction(actor, React(entry.chat_id, entry.seq, emoji))


async def unreact(services: Services, actor: Actor, entry: Entry, emoji: str = "👍") -> None:
    await services.actions.remove_reaction(actor, React(entry.chat_id, entry.seq, emoji))


async def pin(services: Services, actor: Actor, entry: Entry) -> None:
    await services.actions.pin_message(actor, OfMessage(entry.chat_id, entry.seq))


async def unpin(services: Services, actor: Actor, entry: Entry) -> None:
    await services.actions.unpin_message(actor, OfMessage(entry.chat_id, entry.seq))


async def pins(services: Services, actor: Actor, chat_id: ChatId) -> list[Entry]:
    return (await services.actions.list_pins(actor, OfChat(chat_id))).messages


async def kinds(services: Services, actor: Actor, chat_id: ChatId) -> list[str]:
    return [entry.kind for entry in await log_of(services, actor, chat_id)]


async def refused(kind: type[Exception], *calls: Awaitable[Any]) -> None:
    for call in calls:
        with pytest.raises(kind):
            await call


async def everything_stored(services: Services) -> str:
    """All that any table of messaging holds, as one text."""
    tables = ("entries", "quotes", "versions", "reactions", "pins", "hidden")
    rows: list[object] = []
    for table in tables:
        rows += await services.database.fetch(tuple, f"SELECT * FROM messaging_{table}")
    return repr(rows)


# Editing


async def test_everyone_sees_what_a_message_says_now_and_what_it_said_before(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris), "в восем")

    edited = await edit(services, anna, sent, "в **восемь**")

    assert edited == await message_of(services, boris, sent)
    assert (edited.text, edited.entities[0].kind, edited.seq) == ("в восемь", "bold", sent.seq)
    assert edited.edited_at and edited.edited_at > sent.at
    log = await log_of(services, boris, sent.chat_id)
    assert log[1] == edited
    assert (log[2].kind, log[2].target, log[2].message) == ("edited", sent.seq, edited)
    (version,) = (await services.actions.list_versions(boris, OfMessage(sent.chat_id, sent.seq))).versions
    assert (version.text, version.at) == ("в восем", sent.at)


async def test_an_edit_that_changes_nothing_is_no_entry(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris), "раз")

    for _ in range(2):
        await edit(services, anna, sent, "два")
    await asyncio.gather(*[edit(services, anna, sent, "три") for _ in range(10)])

    assert await kinds(services, anna, sent.chat_id) == ["created", "message", "edited", "edited"]


async def test_only_the_author_edits_and_only_what_is_a_message(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris)
    sent = await say(services, boris, chat_id)
    created = (await log_of(services, anna, chat_id))[0]

    await refused(NotYourMessage, edit(services, anna, sent, "x"))
    await refused(ChatNotFound, edit(services, clara, sent, "x"))
    await refused(MessageNotFound, edit(services, anna, created, "x"))
    await refused(MessageNotFound, services.actions.edit_message(boris, EditMessage(chat_id, 99, "x")))
    await refused(BadText, edit(services, boris, sent, "  "))
    assert (await message_of(services, anna, sent)).text == "Привет"


async def test_a_message_is_edited_so_often(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    sent = await say(embedded, anna, await direct(embedded, anna, boris))

    for number in range(EDITS_MAX):
        await edit(embedded, anna, sent, str(number))

    await refused(TooManyEdits, edit(embedded, anna, sent, "снова"))


@pytest.fixture
async def slow_clock(tmp_path: Path, database_url: str) -> AsyncIterator[tuple[Services, list[int]]]:
    """Services whose clock is ahead by as much as the test says."""
    ahead_s = [0]
    async with wired_services(tmp_path, database_url, clock=lambda: now_us() + ahead_s[0] * SECOND_US) as services:
        yield services, ahead_s


async def test_after_two_days_a_message_stays_as_it_is(slow_clock: tuple[Services, list[int]]) -> None:
    services, ahead_s = slow_clock
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris))

    ahead_s[0] = EDIT_WITHIN_S - 60
    await edit(services, anna, sent, "успела")
    ahead_s[0] = EDIT_WITHIN_S + 1

    await refused(EditTooLate, edit(services, anna, sent, "опоздала"))
    # What it says already may be repeated: an answer could have been lost.
    assert (await edit(services, anna, sent, "успела")).text == "успела"


# Deleting


async def test_what_is_deleted_is_gone_from_everywhere(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = await say(services, anna, chat_id, "тайна раз")
    await edit(services, anna, sent, "тайна два")
    await say(services, boris, chat_id, "что?", reply_to=sent.seq, quote="тайна")
    await react(services, boris, sent)
    await pin(services, boris, sent)

    for _ in range(2):
        await delete(services, anna, sent)

    assert "тайна" not in await everything_stored(services)
    now = await message_of(services, boris, sent)
    assert (now.deleted, now.text, now.reactions, now.pinned, now.edited_at) == (True, "", [], False, None)
    assert (await kinds(services, boris, chat_id)).count("deleted") == 1
    assert await pins(services, boris, chat_id) == []
    of = OfMessage(chat_id, sent.seq)
    await refused(
        MessageNotFound,
        edit(services, anna, sent, "снова"),
        react(services, boris, sent),
        unreact(services, boris, sent),
        pin(services, boris, sent),
        services.actions.list_versions(boris, of),
    )


async def test_in_a_group_its_owner_deletes_what_others_say_and_nobody_else_does(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    chat_id = await group(services, anna, boris, clara)
    of_boris, of_clara = await say(services, boris, chat_id), await say(services, clara, chat_id)

    await refused(NotYourMessage, delete(services, boris, of_boris, of_clara))
    assert not (await message_of(services, anna, of_boris)).deleted
    await delete(services, anna, of_boris, of_clara)

    assert (await message_of(services, boris, of_clara)).deleted


async def test_whoever_began_a_direct_chat_does_not_delete_the_others_words(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, boris, await direct(services, anna, boris))

    await refused(NotYourMessage, delete(services, anna, sent))


async def test_what_is_not_a_message_is_not_deleted(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    sent = await say(services, anna, chat_id)
    created = (await log_of(services, anna, chat_id))[0]

    for for_everyone in (True, False):
        await refused(MessageNotFound, delete(services, anna, sent, created, for_everyone=for_everyone))
    assert (await message_of(services, anna, sent)).text == "Привет"


async def signals(services: Services) -> list[tuple[str, dict[str, Any]]]:
    heard: list[tuple[str, dict[str, Any]]] = []

    def hear(payload: bytes) -> None:
        signal = msgspec.msgpack.decode(payload, type=Signal)
        heard.append((signal.user_id, msgspec.json.decode(signal.event)))

    await services.cache.subscribe(SIGNALS, hear)
    return heard


async def test_what_one_deletes_for_oneself_stays_with_the_others(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = await say(services, anna, chat_id, "лишнее")
    await pin(services, anna, sent)
    heard = await signals(services)

    for _ in range(2):
        await delete(services, boris, sent, for_everyone=False)

    assert "лишнее" not in str(
        [
            await log_of(services, boris, chat_id),
            await message_of(services, boris, sent),
            await pins(services, boris, chat_id),
            await services.messaging.list_chats(boris, ListChats()),
        ]
    )
    assert (await log_of(services, boris, chat_id))[1].hidden
    assert (await chat_of(services, boris, chat_id)).hidden == 1
    event = {"type": "hidden", "chat_id": chat_id, "seqs": [sent.seq], "hidden": 1}
    assert heard == [(boris.user_id, event)] * 2
    assert (await message_of(services, anna, sent)).text == "лишнее"
    assert (await chat_of(services, anna, chat_id)).hidden == 0
    assert (await pins(services, anna, chat_id))[0].text == "лишнее"
    shared = (await services.messaging.list_log(boris, ListEntries(chat_id))).entries
    assert shared[1].text == "лишнее"
    forward = ForwardMessages(chat_id, chat_id, [ForwardedMessage(sent.seq, "r")])
    await refused(MessageNotFound, services.actions.forward_messages(boris, forward))


# Reactions


async def test_a_reaction_is_counted_once_for_each_person(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    sent = await say(services, anna, await group(services, anna, boris, clara))

    await asyncio.gather(*[react(services, person, sent) for person in (anna, boris, clara) * 4])
    await react(services, boris, sent, "❤")
    await unreact(services, anna, sent)
    await unreact(services, anna, sent)

    assert (await message_of(services, boris, sent)).reactions == [Reaction("👍", 2, True), Reaction("❤️", 1, True)]
    assert (await message_of(services, anna, sent)).reactions == [Reaction("👍", 2), Reaction("❤️", 1)]
    assert (await kinds(services, anna, sent.chat_id))[2:] == ["reacted"] * 4 + ["unreacted"]
    for person in (boris, clara):
        await unreact(services, person, sent)
    await unreact(services, boris, sent, "❤️")
    assert (await message_of(services, boris, sent)).reactions == []


@pytest.mark.parametrize("emoji", ["👍", "❤", "❤️", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "🇷🇺", "1️⃣", "🏳️‍🌈"])
async def test_any_single_emoji_is_a_reaction(embedded: Services, emoji: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    sent = await say(embedded, anna, await direct(embedded, anna, boris))

    await react(embedded, boris, sent, emoji)

    assert len((await message_of(embedded, anna, sent)).reactions) == 1


@pytest.mark.parametrize("text", ["a", "1", "👍👍", "👍 ", "<b>", "\u200d", "\ufe0f", "🇷", "👍‍👍", "👍\ufe0e", "🏽🏽"])
async def test_nothing_else_is(embedded: Services, text: str) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    sent = await say(embedded, anna, await direct(embedded, anna, boris))

    await refused(NotAnEmoji, react(embedded, boris, sent, text))


async def test_a_message_has_room_for_so_many_kinds_of_reactions(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris))
    for emoji in EMOJIS[:REACTIONS_DISTINCT_MAX]:
        await react(services, anna, sent, emoji)

    await refused(TooManyReactions, react(services, boris, sent, EMOJIS[REACTIONS_DISTINCT_MAX]))
    await react(services, boris, sent, EMOJIS[0])

    now = await message_of(services, boris, sent)
    assert [(one.count, one.mine) for one in now.reactions] == [(2, True)] + [(1, False)] * 19


async def test_who_reacted_comes_in_pages(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(7)])
    sent = await say(services, people[0], await group(services, *people))
    for person in people:
        await react(services, person, sent)
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        request = ListReactions(sent.chat_id, sent.seq, limit=3, cursor=cursor)
        page = await services.actions.list_reactions(people[1], request)
        seen += [one.person.username for one in page.reactions]
        cursor = page.next_cursor

    assert seen == [f"person{number}" for number in reversed(range(7))]
    await refused(
        BadCursor, services.actions.list_reactions(people[1], ListReactions(sent.chat_id, sent.seq, cursor="x"))
    )


# Replies, forwards, pins


async def test_a_reply_quotes_what_was_said_and_nothing_else(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = await say(services, anna, chat_id, "в **восемь** у причала")

    reply = await say(services, boris, chat_id, "где?", "r-1", sent.seq, "восемь у")

    assert (reply.reply_to, reply.quote) == (sent.seq, "восемь у")
    assert await say(services, boris, chat_id, "где?", "r-1", sent.seq, "восемь у") == reply
    assert (await log_of(services, anna, chat_id))[2] == reply
    for seq, quote in ((sent.seq, "в девять"), (1, "в"), (None, "восемь")):
        await refused(BadQuote, say(services, boris, chat_id, "x", "", seq, quote))
    await delete(services, anna, sent)
    assert (await message_of(services, anna, reply)).quote == ""
    await refused(BadQuote, say(services, boris, chat_id, "x", "", sent.seq, "восемь"))


async def test_a_quote_covers_what_the_message_does(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    sent = await say(embedded, anna, chat_id, "убил ||🔪 дворецкий|| в саду, не садовник || сад")

    async def quoted(part: str) -> str:
        return (await say(embedded, boris, chat_id, "да?", reply_to=sent.seq, quote=part)).quote

    assert await quoted("🔪 дворецкий в") == "▒" * 11 + " в"
    assert await quoted("ил 🔪") == "ил ▒"
    assert await quoted("сад") == "сад"


async def test_a_forward_names_its_first_author_and_is_sent_once(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    here, there = await direct(services, anna, boris), await direct(services, boris, clara)
    first = await say(services, anna, here, "**важно** и \\*звёздочки\\*")
    second = await say(services, boris, here, "и это")
    request = ForwardMessages(there, here, [ForwardedMessage(first.seq, "f1"), ForwardedMessage(second.seq, "f2")])

    made = await asyncio.gather(*[services.actions.forward_messages(boris, request) for _ in range(5)])

    assert all(one == made[0] for one in made)
    assert await kinds(services, clara, there) == ["created", "message", "message"]
    entry = (await log_of(services, clara, there))[1]
    assert (entry.text, entry.entities, entry.sender_id) == (first.text, first.entities, boris.user_id)
    assert entry.forward and (entry.forward.sender_id, entry.forward.at) == (anna.user_id, first.at)
    further = await group(services, clara)
    again = ForwardMessages(further, there, [ForwardedMessage(entry.seq, "f3")])
    assert (await services.actions.forward_messages(clara, again)).entries[0].forward == entry.forward
    await refused(NotEditable, edit(services, boris, entry, "другое"))


async def test_a_forwarded_post_says_of_which_public_channel_it_is_wherever_it_goes(embedded: Services) -> None:
    anna, boris, clara = await embedded.newcomers("anna", "boris", "clara")
    chat_id, there = await channel(embedded, anna, boris), await direct(embedded, boris, clara)
    post = await say(embedded, anna, chat_id, "Лёд сошёл")
    change = embedded.administration.change_chat

    async def forwarded(ref: str) -> Origin | None:
        request = ForwardMessages(there, chat_id, [ForwardedMessage(post.seq, ref)])
        return (await embedded.actions.forward_messages(boris, request)).entries[0].forward

    assert await forwarded("f1") == Origin(UserId(chat_id), post.at, seq=post.seq), "a private one is not named"
    await change(anna, ChangeChat(chat_id, title="Пруд", name="pond_news"))

    assert await forwarded("f2") == Origin(UserId(chat_id), post.at, "Пруд", post.seq, "pond_news")
    await change(anna, ChangeChat(chat_id, signed=True))
    signed = await say(embedded, anna, chat_id, "Подписано")
    request = ForwardMessages(there, chat_id, [ForwardedMessage(signed.seq, "f3")])
    assert (await embedded.actions.forward_messages(boris, request)).entries[0].forward == Origin(
        anna.user_id, signed.at
    )


async def test_nothing_is_forwarded_from_or_to_where_one_is_not(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    here, there = await direct(services, anna, boris), await direct(services, boris, clara)
    sent = await say(services, anna, here, "секрет")
    deleted = await say(services, anna, here, "стёрто")
    await delete(services, anna, deleted)

    async def forward(actor: Actor, to: ChatId, source: ChatId, *seqs: int) -> None:
        messages = [ForwardedMessage(seq, f"f{seq}") for seq in seqs]
        await services.actions.forward_messages(actor, ForwardMessages(to, source, messages))

    await refused(ChatNotFound, forward(clara, there, here, sent.seq), forward(anna, there, here, sent.seq))
    await refused(
        MessageNotFound,
        forward(boris, there, here, sent.seq, deleted.seq),
        forward(boris, there, here, 1),
        forward(boris, there, here, 99),
    )
    assert await kinds(services, clara, there) == ["created"]


async def test_pins_are_listed_newest_first_as_they_are_now(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    one, two = await say(services, anna, chat_id, "раз"), await say(services, boris, chat_id, "два")

    for message in (one, two, one):
        await pin(services, boris, message)
    await edit(services, anna, one, "один")

    assert [message.text for message in await pins(services, anna, chat_id)] == ["два", "один"]
    assert all(message.pinned for message in (await log_of(services, anna, chat_id))[1:3])
    for _ in range(2):
        await unpin(services, anna, two)
    assert [message.text for message in await pins(services, anna, chat_id)] == ["один"]
    assert (await kinds(services, anna, chat_id))[3:] == ["pinned", "pinned", "edited", "unpinned"]


async def test_a_chat_has_room_for_so_many_pins(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    messages = [await say(embedded, anna, chat_id) for _ in range(PINS_MAX + 1)]
    for message in messages[1:]:
        await pin(embedded, anna, message)

    await refused(TooManyPins, pin(embedded, anna, messages[0]))

    assert not (await message_of(embedded, anna, messages[0])).pinned
    await unpin(embedded, anna, messages[1])
    await pin(embedded, anna, messages[0])


async def test_who_has_read_a_message_is_shown_without_its_author(services: Services) -> None:
    anna, boris, clara = await services.newcomers("anna", "boris", "clara")
    sent = await say(services, anna, await group(services, anna, boris, clara))
    of = OfMessage(sent.chat_id, sent.seq)

    assert (await services.actions.list_readers(anna, of)).people == []
    await services.messaging.mark_read(boris, MarkRead(sent.chat_id, sent.seq))

    assert [one.username for one in (await services.actions.list_readers(clara, of)).people] == ["boris"]


async def test_a_silent_message_says_so(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    await services.messaging.send_message(anna, SendMessage(chat_id, "r", "тихо", silent=True))

    assert [entry.silent for entry in await log_of(services, boris, chat_id)] == [False, True]


async def test_a_mention_leads_to_the_person(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris), "привет, @Boris и @nobody")

    assert [(entity.kind, entity.user_id) for entity in sent.entities] == [("mention", boris.user_id)]
    assert await message_of(services, boris, sent) == sent


# In the log


async def test_actions_count_as_no_message_and_move_no_chat(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)
    sent = await say(services, anna, chat_id, "раз")
    other = await group(services, boris, anna)
    before = await chat_of(services, boris, chat_id)

    await react(services, anna, sent)
    await edit(services, anna, sent, "два")
    await pin(services, anna, sent)

    after = await chat_of(services, boris, chat_id)
    assert (after.unread, after.seq) == (1, before.seq + 3)
    assert after.last_entry and (after.last_entry.seq, after.last_entry.text) == (sent.seq, "два")
    listed = (await services.messaging.list_chats(boris, ListChats())).chats
    assert [chat.id for chat in listed] == [other, chat_id]
    next_one = await say(services, anna, chat_id, "три")
    assert (await chat_of(services, boris, chat_id)).unread == 2
    assert next_one.seq == before.seq + 4


async def test_actions_are_announced_after_their_commit_with_the_message_as_it_is(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris))
    heard: list[Entry] = []

    def hear(payload: bytes) -> None:
        for delivery in msgspec.msgpack.decode(payload, type=list[Delivery]):
            heard.extend(msgspec.json.decode(entry, type=Entry) for entry in delivery.entries)

    await services.cache.subscribe(ENTRIES, hear)

    await edit(services, anna, sent, "два")
    await react(services, boris, sent)
    await delete(services, anna, sent)

    assert [(entry.kind, entry.seq, entry.target) for entry in heard] == [
        ("edited", 3, 2), ("reacted", 4, 2), ("deleted", 5, 2),
    ]  # fmt: skip
    states = [entry.message for entry in heard]
    assert [state and (state.text, state.version, state.deleted) for state in states] == [
        ("два", 3, False), ("два", 4, False), ("", 5, True),
    ]  # fmt: skip
    # What goes to everybody doesn't say whose reaction is whose own.
    assert states[1] and states[1].reactions == [Reaction("👍", 1)]


async def test_many_who_act_at_once_leave_no_gap(services: Services) -> None:
    people = await services.newcomers(*[f"person{number}" for number in range(5)])
    chat_id = await group(services, *people)
    sent = await say(services, people[0], chat_id)

    await asyncio.gather(
        *[react(services, person, sent, emoji) for person in people for emoji in EMOJIS[:4]],
        *[say(services, person, chat_id) for person in people for _ in range(4)],
        *[edit(services, people[0], sent, f"раз {number}") for number in range(5)],
        *[pin(services, person, sent) for person in people],
    )

    log = await log_of(services, people[1], chat_id)
    assert [entry.seq for entry in log] == list(range(1, 2 + 20 + 20 + 5 + 1 + 1))
    now = await message_of(services, people[1], sent)
    assert [one.count for one in now.reactions] == [5] * 4
    assert now.version == max(entry.seq for entry in log if entry.target == sent.seq)


async def test_who_leaves_and_comes_back_finds_what_they_had_hidden_hidden(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await group(services, anna, boris))
    await delete(services, boris, sent, for_everyone=False)

    await services.messaging.remove_member(boris, RemoveMember(sent.chat_id, boris.user_id))
    await services.messaging.add_members(anna, AddMembers(sent.chat_id, [boris.user_id]))

    assert (await message_of(services, boris, sent)).hidden


async def test_times_are_those_of_the_actions(slow_clock: tuple[Services, list[int]]) -> None:
    services, ahead_s = slow_clock
    anna, boris = await services.newcomers("anna", "boris")
    sent = await say(services, anna, await direct(services, anna, boris), "раз")
    ahead_s[0] = 3600

    edited = await edit(services, anna, sent, "два")

    assert edited.at == sent.at
    assert edited.edited_at and edited.edited_at >= as_datetime(now_us() + 3590 * SECOND_US)
