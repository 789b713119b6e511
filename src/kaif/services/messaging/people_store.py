"""What messaging's database keeps of people: how they are called, as far as others see it."""

from collections.abc import Iterable, Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person
from kaif.kernel.actor import UserId
from kaif.services.messaging import people_words_store
from kaif.services.messaging.model import erased_name


async def known_people(reads: Reads, ids: Iterable[UserId]) -> list[Person]:
    return await reads.fetch(
        Person,
        "SELECT id, username, display_name, avatar_colour, kind, avatar FROM messaging_people WHERE id IN :ids",
        ids=list(ids),
    )


async def remember_people(tx: Transaction, people: Sequence[Person]) -> None:
    """Of who has been erased nothing is learned any more: what was said of them before may come after it."""
    await tx.execute_many(
        """
        INSERT INTO messaging_people (id, username, display_name, avatar_colour, kind, avatar)
        VALUES (:id, :username, :display_name, :avatar_colour, :kind, :avatar)
        ON CONFLICT (id) DO UPDATE
        SET username = excluded.username, display_name = excluded.display_name,
          avatar_colour = excluded.avatar_colour, kind = excluded.kind, avatar = excluded.avatar
        WHERE messaging_people.username <> :erased
        """,
        # In one order, so that two transactions that know the same people never wait in a circle.
        [
            (*msgspec.structs.astuple(person), erased_name(person.id))
            for person in sorted(people, key=lambda person: person.id)
        ],
    )
    await people_words_store.keep_words(tx, [person.id for person in people])


async def lock_people(tx: Transaction, people: Sequence[Person]) -> None:
    """Know these people, and keep whoever else asks for the same lock waiting."""
    await tx.execute_many(
        """
        INSERT INTO messaging_people (id, username, display_name, avatar_colour, kind, avatar)
        VALUES (:id, :username, :display_name, :avatar_colour, :kind, :avatar) ON CONFLICT (id) DO NOTHING
        """,
        [msgspec.structs.astuple(person) for person in sorted(people, key=lambda person: person.id)],
    )
    await tx.fetch(
        tuple,
        "SELECT id FROM messaging_people WHERE id IN :ids ORDER BY id FOR UPDATE",
        ids=sorted(person.id for person in people),
    )


async def companions_of(reads: Reads, user_id: UserId, limit: int) -> list[Person]:
    """Those with whom the person has direct chats, the liveliest first; without strangers who wait for an answer."""
    return await reads.fetch(
        Person,
        """
        SELECT p.id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar FROM messaging_members m
        JOIN messaging_chats c ON c.id = m.chat_id AND c.kind = 'direct' AND c.deleted_at_us = 0
        JOIN messaging_members o ON o.chat_id = c.id AND o.user_id <> m.user_id
        JOIN messaging_people p ON p.id = o.user_id
        WHERE m.user_id = :user_id AND m.unanswered = 0 ORDER BY c.active_at_us DESC LIMIT :limit
        """,
        user_id=user_id,
        limit=limit,
    )


async def ids_by_username(reads: Reads, usernames: Iterable[str]) -> dict[str, UserId]:
    rows: list[tuple[str, UserId]] = await reads.fetch(
        tuple, "SELECT username, id FROM messaging_people WHERE username IN :names", names=sorted(usernames)
    )
    return dict(rows)
