"""What is stored of the ways into chats."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import ChatId, ChatKind
from kaif.interfaces.messaging.invitations import Link, LinkState
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.messaging.chat_views import StoredPerson


class StoredLink(msgspec.Struct, frozen=True):
    """A row of messaging_links."""

    id: str
    chat_id: ChatId
    secret_hash: str
    made_by: UserId
    note: str
    approval: int
    uses: int
    uses_max: int
    made_at_us: int
    expires_at_us: int
    revoked_at_us: int

    def state(self, now_us: int) -> LinkState:
        if self.revoked_at_us:
            return "revoked"
        if self.uses_max and self.uses >= self.uses_max:
            return "used_up"
        return "expired" if self.expires_at_us and self.expires_at_us <= now_us else "good"

    def link(self, now_us: int) -> Link:
        return Link(
            self.id,
            self.note,
            self.made_by,
            as_datetime(self.made_at_us),
            bool(self.approval),
            self.uses,
            self.uses_max,
            as_datetime(self.expires_at_us) if self.expires_at_us else None,
            self.state(now_us),
        )


class StoredDoor(msgspec.Struct, frozen=True):
    """A chat as it is seen from outside."""

    chat_id: ChatId
    kind: ChatKind
    title: str
    description: str
    members: int
    avatar: MediaId | None


class StoredRequest(StoredPerson, frozen=True):
    at_us: int


_LINK = ", ".join(StoredLink.__struct_fields__)
_DOOR = """
SELECT id, kind, title, description, members, avatar FROM messaging_chats
WHERE deleted_at_us = 0 AND suspended = '' AND"""


async def add_link(tx: Transaction, link: StoredLink) -> None:
    await tx.insert("messaging_links", StoredLink.__struct_fields__, [msgspec.structs.astuple(link)])


async def count_links(reads: Reads, chat_id: ChatId) -> int:
    rows: list[tuple[int]] = await reads.fetch(
        tuple, "SELECT COUNT(*) FROM messaging_links WHERE chat_id = :chat_id AND revoked_at_us = 0", chat_id=chat_id
    )
    return rows[0][0]


async def made_by(reads: Reads, user_id: UserId, limit: int) -> list[StoredLink]:
    """In whatever chat, the revoked ones too, newest first."""
    sql = f"SELECT {_LINK} FROM messaging_links WHERE made_by = :user_id ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(StoredLink, sql, user_id=user_id, limit=limit)


async def links_of(reads: Reads, chat_id: ChatId, limit: int) -> list[StoredLink]:
    """Those that are not revoked, newest first: ids rise with time."""
    return await reads.fetch(
        StoredLink,
        f"""
        SELECT {_LINK} FROM messaging_links WHERE chat_id = :chat_id AND revoked_at_us = 0
        ORDER BY id DESC LIMIT :limit
        """,
        chat_id=chat_id,
        limit=limit,
    )


async def find_link(reads: Reads, secret_hash: str) -> StoredLink | None:
    rows = await reads.fetch(
        StoredLink, f"SELECT {_LINK} FROM messaging_links WHERE secret_hash = :hash", hash=secret_hash
    )
    return rows[0] if rows else None


async def revoke_link(tx: Transaction, chat_id: ChatId, link_id: str, now_us: int) -> None:
    await tx.execute(
        """
        UPDATE messaging_links SET revoked_at_us = :now_us
        WHERE id = :id AND chat_id = :chat_id AND revoked_at_us = 0
        """,
        id=link_id,
        chat_id=chat_id,
        now_us=now_us,
    )
    await tx.execute(
        "DELETE FROM messaging_join_requests WHERE chat_id = :chat_id AND link_id = :id", id=link_id, chat_id=chat_id
    )


async def revoke_links_of(tx: Transaction, chat_id: ChatId, made_by: UserId, now_us: int) -> None:
    """Whoever looks after the chat no longer leaves no door of theirs open."""
    await tx.execute(
        """
        UPDATE messaging_links SET revoked_at_us = :now_us
        WHERE chat_id = :chat_id AND made_by = :made_by AND revoked_at_us = 0
        """,
        chat_id=chat_id,
        made_by=made_by,
        now_us=now_us,
    )


async def use_link(tx: Transaction, link_id: str, now_us: int) -> bool:
    """Take one of its uses, in one statement: of those who come at once for the last one, one gets it."""
    used = await tx.execute(
        """
        UPDATE messaging_links SET uses = uses + 1 WHERE id = :id AND revoked_at_us = 0
          AND (uses_max = 0 OR uses < uses_max) AND (expires_at_us = 0 OR expires_at_us > :now_us)
        """,
        id=link_id,
        now_us=now_us,
    )
    return used == 1


async def door_of_chat(reads: Reads, chat_id: ChatId) -> StoredDoor | None:
    rows = await reads.fetch(StoredDoor, f"{_DOOR} id = :id", id=chat_id)
    return rows[0] if rows else None


async def door_named(reads: Reads, name: str) -> StoredDoor | None:
    rows = await reads.fetch(StoredDoor, f"{_DOOR} name = :name", name=name)
    return rows[0] if rows else None


# Asking to be let in


async def ask(tx: Transaction, chat_id: ChatId, user_id: UserId, link_id: str, now_us: int) -> bool:
    """Asking again changes nothing, and is False."""
    asked = await tx.execute(
        """
        INSERT INTO messaging_join_requests (chat_id, user_id, link_id, at_us)
        VALUES (:chat_id, :user_id, :link_id, :at_us) ON CONFLICT (chat_id, user_id) DO NOTHING
        """,
        chat_id=chat_id,
        user_id=user_id,
        link_id=link_id,
        at_us=now_us,
    )
    return asked == 1


async def counts_of_requests(reads: Reads, chat_ids: Sequence[ChatId]) -> dict[ChatId, int]:
    """Of each of these chats in which somebody asks to be let in."""
    rows: list[tuple[ChatId, int]] = await reads.fetch(
        tuple,
        "SELECT chat_id, COUNT(*) FROM messaging_join_requests WHERE chat_id IN :ids GROUP BY chat_id",
        ids=list(chat_ids),
    )
    return dict(rows)


async def take_requests(tx: Transaction, chat_id: ChatId, user_ids: Sequence[UserId]) -> int:
    """Whoever is in asks no more."""
    return await tx.execute(
        "DELETE FROM messaging_join_requests WHERE chat_id = :chat_id AND user_id IN :ids",
        chat_id=chat_id,
        ids=list(user_ids),
    )


async def has_asked(reads: Reads, chat_id: ChatId, user_id: UserId) -> bool:
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        "SELECT 1 FROM messaging_join_requests WHERE chat_id = :chat_id AND user_id = :user_id",
        chat_id=chat_id,
        user_id=user_id,
    )
    return bool(rows)


async def count_requests(reads: Reads, chat_id: ChatId, limit: int) -> int:
    """As far as `limit`."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT COUNT(*) FROM
          (SELECT 1 FROM messaging_join_requests WHERE chat_id = :chat_id LIMIT :limit) AS some_requests
        """,
        chat_id=chat_id,
        limit=limit,
    )
    return rows[0][0]


async def requests_of(reads: Reads, chat_id: ChatId, after: str, limit: int) -> list[StoredRequest]:
    return await reads.fetch(
        StoredRequest,
        """
        SELECT r.user_id, p.username, p.display_name, p.avatar_colour, p.kind, p.avatar, r.at_us
        FROM messaging_join_requests r JOIN messaging_people p ON p.id = r.user_id
        WHERE r.chat_id = :chat_id AND r.user_id > :after ORDER BY r.user_id LIMIT :limit
        """,
        chat_id=chat_id,
        after=after,
        limit=limit,
    )


async def take_request(tx: Transaction, chat_id: ChatId, user_id: UserId) -> bool:
    """False when there is none, or somebody else has answered it."""
    taken = await tx.execute(
        "DELETE FROM messaging_join_requests WHERE chat_id = :chat_id AND user_id = :user_id",
        chat_id=chat_id,
        user_id=user_id,
    )
    return taken == 1
