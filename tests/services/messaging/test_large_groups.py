"""In a group of 200,000 what one person does costs as much as in one of ten: counted in the database's own steps.

Within a fifth, as it is promised; how long it takes is for the bench.
"""

import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest
from tests.harness import Services
from tests.services.messaging.chats import chat_of, group, say

from kaif.engines.database.sqlite import Sqlite
from kaif.interfaces.auth import Nothing, Person
from kaif.interfaces.messaging import AddMembers, ChatId, ListChats, ListMembers, MarkRead, RemoveMember
from kaif.interfaces.messaging.administration import Appoint, OfMember
from kaif.interfaces.messaging.errors import TooManyMembers
from kaif.interfaces.messaging.invitations import Door, MakeLink
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, member_store, people_store
from kaif.services.messaging.model import MEMBERS_MAX

AT_ONCE = 20_000


async def fill(services: Services, chat_id: ChatId, count: int, name: str = "") -> None:
    """So many members more, as the store itself adds them."""
    people = [Person(UserId(new_id()), f"m{number}", name or f"M{number}") for number in range(count)]
    for start in range(0, count, AT_ONCE):
        portion = people[start : start + AT_ONCE]
        async with services.database.transaction() as tx:
            place = (await chat_store.lock_places(tx, [chat_id]))[chat_id]
            await people_store.remember_people(tx, portion)
            await member_store.add_members(tx, place, [person.id for person in portion])


async def steps_of(services: Services, work: Callable[[], Awaitable[Any]]) -> int:
    """How many instructions SQLite carries out for it, and for nothing that goes on in the background meanwhile."""
    count, measured = 0, ContextVar("measured", default=False)

    def step() -> None:
        nonlocal count
        # The thread that writes knows no context.
        count += measured.get() or threading.current_thread() is not threading.main_thread()

    assert isinstance(services.database, Sqlite)
    connections: list[sqlite3.Connection] = [services.database._writer, services.database._reader.connection()]
    for connection in connections:
        connection.set_progress_handler(step, 1)
    measured.set(True)
    try:
        await work()
    finally:
        measured.set(False)
        for connection in connections:
            connection.set_progress_handler(None, 0)
    return count


async def costs(services: Services, owner: Actor, chat_id: ChatId, *newcomers: Actor) -> dict[str, int]:
    added, joining = newcomers
    door = Door((await services.invitations.make_link(owner, MakeLink(chat_id))).secret)
    messaging = services.messaging
    seq = (await say(services, owner, chat_id)).seq
    work: dict[str, Callable[[], Awaitable[Any]]] = {
        "send": lambda: say(services, owner, chat_id),
        "add": lambda: messaging.add_members(owner, AddMembers(chat_id, [added.user_id])),
        "send after a join": lambda: say(services, owner, chat_id),
        "preview": lambda: services.invitations.preview_chat(joining, door),
        "join": lambda: services.invitations.join_chat(joining, door),
        "read": lambda: messaging.mark_read(added, MarkRead(chat_id, seq + 1)),
        "get": lambda: chat_of(services, owner, chat_id),
        "list": lambda: messaging.list_chats(owner, ListChats()),
        "standings": lambda: messaging.get_standings(owner, Nothing()),
        "members": lambda: messaging.list_members(owner, ListMembers(chat_id, limit=5)),
        "staff": lambda: messaging.list_members(owner, ListMembers(chat_id, limit=5, who="staff")),
        "appoint": lambda: services.administration.appoint_admin(owner, Appoint(chat_id, joining.user_id, ["pin"])),
        "ban": lambda: services.administration.ban_person(owner, OfMember(chat_id, added.user_id)),
        "remove": lambda: messaging.remove_member(owner, RemoveMember(chat_id, joining.user_id)),
        "owner leaves": lambda: messaging.remove_member(owner, RemoveMember(chat_id, owner.user_id)),
    }
    return {name: await steps_of(services, each) for name, each in work.items()}


async def test_what_one_person_does_costs_the_same_in_a_group_of_200_000(embedded: Services) -> None:
    anna, boris, *people = await embedded.newcomers("anna", "boris", "c", "d", "e", "f")
    small, large = await group(embedded, anna), await group(embedded, boris)
    await fill(embedded, small, 9)
    await fill(embedded, large, MEMBERS_MAX - 3)

    few = await costs(embedded, anna, small, *people[:2])
    many = await costs(embedded, boris, large, *people[2:])

    for name, steps in many.items():
        assert steps <= few[name] * 1.2, (name, few[name], steps)


async def test_there_is_room_for_200_000_and_no_more(embedded: Services) -> None:
    anna, boris, clara = await embedded.newcomers("anna", "boris", "clara")
    chat_id = await group(embedded, anna)
    async with embedded.database.transaction() as tx:
        await tx.execute("UPDATE messaging_chats SET members = :members", members=MEMBERS_MAX - 1)

    await embedded.messaging.add_members(anna, AddMembers(chat_id, [boris.user_id]))

    with pytest.raises(TooManyMembers):
        await embedded.messaging.add_members(anna, AddMembers(chat_id, [clara.user_id]))
    door = Door((await embedded.invitations.make_link(anna, MakeLink(chat_id, uses_max=1))).secret)
    with pytest.raises(TooManyMembers):
        await embedded.invitations.join_chat(clara, door)
