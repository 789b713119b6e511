"""An entry whose kind and body nobody here can read stands in its place, as those of secret chats will one day."""

from typing import cast

from tests.harness import Services
from tests.services.messaging.chats import chat_of, group, log_of, say

from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId, Entry, EntryKind, MarkRead
from kaif.interfaces.messaging.actions import OfMessage
from kaif.kernel.actor import Actor
from kaif.kernel.clock import as_datetime, now_us
from kaif.services.messaging import chat_store, entry_store

# As a newer process stores it, beside which this one still runs.
KIND = cast(EntryKind, "sealed")
BODY = '{"sealed":"q83vEjRWeJq8' + "A" * 4000 + '","for":["device-1","device-2"]}'


async def append_sealed(services: Services, by: Actor, chat_id: ChatId) -> int:
    async with services.database.transaction() as tx:
        (place,) = (await chat_store.lock_places(tx, [chat_id])).values()
        place.seq += 1
        entry = Entry(chat_id, place.seq, KIND, by.user_id, as_datetime(now_us()))
        await entry_store.append(tx, {place.chat_id: place}, [entry], [by.user_id], [place.messages])
        await chat_store.advance(tx, [place])
        where = {"chat_id": chat_id, "seq": place.seq}
        await tx.execute(
            "UPDATE messaging_entries SET body = :body WHERE chat_id = :chat_id AND seq = :seq", body=BODY, **where
        )
    return place.seq


async def test_what_nobody_here_can_read_is_stored_and_listed_in_its_place(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await group(services, anna, boris)
    first = await say(services, anna, chat_id, "до")
    sealed_seq = await append_sealed(services, anna, chat_id)

    last = await say(services, boris, chat_id, "после", reply_to=sealed_seq - 1)

    log = await log_of(services, boris, chat_id)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    assert [(entry.kind, entry.text) for entry in log[-3:]] == [("message", "до"), (KIND, ""), ("message", "после")]
    assert (first.seq + 1, last.seq) == (sealed_seq, sealed_seq + 1)
    standings = await services.messaging.get_standings(boris, Nothing())
    assert [standing.seq for standing in standings.chats] == [last.seq]
    await services.messaging.mark_read(boris, MarkRead(chat_id, sealed_seq))
    assert (await chat_of(services, boris, chat_id)).read_seq >= sealed_seq
    # What was done with other messages changes nothing of it.
    await services.actions.pin_message(anna, OfMessage(chat_id, first.seq))
    bodies = "SELECT body FROM messaging_entries WHERE chat_id = :chat_id AND kind = :kind"
    assert await services.database.fetch(tuple, bodies, chat_id=chat_id, kind=KIND) == [(BODY,)]
