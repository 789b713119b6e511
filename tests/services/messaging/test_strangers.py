"""Every use case of a chat refuses everyone who is not in it, as if there were no such chat."""

from typing import Any, get_type_hints

import msgspec
import pytest
from tests.harness import Services
from tests.services.messaging.chats import group, log_of

from kaif.interfaces.messaging import ChatId, ChatNotFound, Messaging, RemoveMember
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.remote import methods_of

USE_CASES_OF_A_CHAT = [
    name
    for name in methods_of(Messaging)
    if "chat_id" in get_type_hints(get_type_hints(getattr(Messaging, name))["request"])
]


def a_request(use_case: str, chat_id: ChatId, member: Actor) -> Any:
    """One that a member's would be carried out."""
    values: dict[str, Any] = {
        "chat_id": chat_id,
        "user_id": member.user_id,
        "user_ids": [member.user_id],
        "ref": "r",
        "text": "t",
        "seq": 1,
    }
    kind = get_type_hints(getattr(Messaging, use_case))["request"]
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    return kind(**{name: values[name] for name in required})


def test_the_use_cases_of_a_chat_are_known() -> None:
    assert len(USE_CASES_OF_A_CHAT) >= 7


@pytest.mark.parametrize("use_case", USE_CASES_OF_A_CHAT)
async def test_strangers_are_refused(services: Services, use_case: str) -> None:
    anna, boris, clara, stranger = await services.newcomers("anna", "boris", "clara", "stranger")
    chat_id = await group(services, anna, boris, clara)
    await services.messaging.remove_member(clara, RemoveMember(chat_id, clara.user_id))
    call = getattr(services.messaging, use_case)

    for who in (stranger, clara, NOBODY):
        with pytest.raises(ChatNotFound):
            await call(who, a_request(use_case, chat_id, boris))
        with pytest.raises(ChatNotFound):
            await call(who, a_request(use_case, ChatId("nowhere"), boris))

    assert len(await log_of(services, anna, chat_id)) == 2
    assert await call(anna, a_request(use_case, chat_id, boris))
