"""Places and people in messages: where something is, and whom one may write to."""

import pytest
from tests.harness import Services
from tests.services.messaging.chats import direct, group, log_of, say

from kaif.interfaces.messaging.actions import ForwardedMessage, ForwardMessages
from kaif.interfaces.messaging.cards import Contact, Location
from kaif.interfaces.messaging.errors import BadTitle, PersonNotReachable, UnknownMember
from kaif.interfaces.messaging.history import ExportHistory
from kaif.interfaces.messaging.privacy import ChangePrivacy, OfPerson
from kaif.interfaces.messaging.sharing import SendContact, SendLocation
from kaif.kernel.actor import UserId
from kaif.kernel.ids import new_id


async def test_a_place_is_what_was_said_of_it_to_a_tenth_of_a_metre(services: Services) -> None:
    anna, boris = await services.newcomers("anna", "boris")
    chat_id = await direct(services, anna, boris)

    await services.sharing.send_location(anna, SendLocation(chat_id, "a", 61.123456789, -0.0000001))
    await services.sharing.send_location(anna, SendLocation(chat_id, "b", -90, 180, " Южный полюс "))

    here, pole = (await log_of(services, boris, chat_id))[1:]
    assert (here.text, here.card) == ("61.123457, 0.000000", Location(61.123457, 0.0))
    assert (pole.text, pole.card) == ("Южный полюс", Location(-90.0, 180.0, "Южный полюс"))
    with pytest.raises(BadTitle):
        await services.sharing.send_location(anna, SendLocation(chat_id, "c", 0, 0, "\u202e"))


async def test_a_person_is_shared_by_whoever_may_write_to_them(services: Services) -> None:
    anna, boris, clara, vera = await services.newcomers("anna", "boris", "clara", "vera")
    chat_id = await direct(services, anna, boris)

    entry = await services.sharing.send_contact(anna, SendContact(chat_id, "a", clara.user_id))
    await services.sharing.send_contact(anna, SendContact(chat_id, "b", anna.user_id))

    assert (entry.text, entry.card, entry.entities) == ("@clara", Contact(clara.user_id), [])
    page = (await services.history.export_history(boris, ExportHistory("html"))).content
    assert "<p>clara</p>" in page
    await services.privacy.block_person(clara, OfPerson(boris.user_id))
    await services.privacy.change_privacy(vera, ChangePrivacy(write_first="nobody"))
    further = await group(services, boris)
    forward = ForwardMessages(further, chat_id, [ForwardedMessage(entry.seq, "f")])
    for refused in (
        services.sharing.send_contact(boris, SendContact(chat_id, "c", clara.user_id)),
        services.sharing.send_contact(boris, SendContact(chat_id, "d", vera.user_id)),
        services.actions.forward_messages(boris, forward),
    ):
        with pytest.raises(PersonNotReachable):
            await refused
    with pytest.raises(UnknownMember):
        await services.sharing.send_contact(boris, SendContact(chat_id, "e", UserId(new_id())))


async def test_what_is_shared_is_answered_like_any_message(embedded: Services) -> None:
    anna, boris = await embedded.newcomers("anna", "boris")
    chat_id = await direct(embedded, anna, boris)
    asked = await say(embedded, anna, chat_id, "Где ты?")

    answer = await embedded.sharing.send_location(boris, SendLocation(chat_id, "a", 1, 2, reply_to=asked.seq))

    assert answer.reply_to == asked.seq
