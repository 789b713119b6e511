"""Every use case of a chat refuses everyone who is not in it, as if there were no such chat."""

from typing import Any, get_type_hints

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import group, log_of, say

from kaif.interfaces.messaging import ChatId, Messaging, RemoveMember
from kaif.interfaces.messaging.actions import ForwardedMessage, MessageActions
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.remote import methods_of

USE_CASES_OF_A_CHAT = [
    (interface, name)
    for interface in (Messaging, MessageActions)
    for name in methods_of(interface)
    if "chat_id" in get_type_hints(get_type_hints(getattr(interface, name))["request"])
]


def a_request(interface: type, use_case: str, chat_id: ChatId, member: Actor) -> Any:
    """One that would be carried out for a member: entry 3 is their message."""
    values: dict[str, Any] = {
        "chat_id": chat_id,
        "user_id": member.user_id,
        "user_ids": [member.user_id],
        "ref": "r",
        "text": "t",
        "seq": 3 if interface is MessageActions else 1,
        "seqs": [3],
        "for_everyone": True,
        "emoji": "👍",
        "from_chat_id": chat_id,
        "messages": [ForwardedMessage(3, "f")],
    }
    kind = get_type_hints(getattr(interface, use_case))["request"]
    # Words are not required of a message with files, and here there are none.
    wanted = [field.name for field in msgspec.structs.fields(kind) if field.required or field.name == "text"]
    return kind(**{name: values[name] for name in wanted})


def test_the_use_cases_of_a_chat_are_known() -> None:
    assert len(USE_CASES_OF_A_CHAT) >= 19


@pytest.mark.parametrize(("interface", "use_case"), USE_CASES_OF_A_CHAT)
async def test_strangers_are_refused(services: Services, interface: type, use_case: str) -> None:
    anna, boris, clara, stranger = await services.newcomers("anna", "boris", "clara", "stranger")
    chat_id = await group(services, anna, boris, clara)
    await services.messaging.remove_member(clara, RemoveMember(chat_id, clara.user_id))
    await say(services, anna, chat_id)
    call = getattr(services.messaging if interface is Messaging else services.actions, use_case)

    for who in (stranger, clara, NOBODY):
        with pytest.raises(ChatNotFound):
            await call(who, a_request(interface, use_case, chat_id, boris))
        with pytest.raises(ChatNotFound):
            await call(who, a_request(interface, use_case, ChatId("nowhere"), boris))

    assert len(await log_of(services, anna, chat_id)) == 3
    assert await call(anna, a_request(interface, use_case, chat_id, boris))
