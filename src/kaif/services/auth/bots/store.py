"""Every question about bots and who answers for them."""

from collections.abc import Sequence

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.auth.api_keys import ApiKey
from kaif.interfaces.auth.bots import Bot
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth import store
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.model import Account


class StoredBot(msgspec.Struct, frozen=True):
    """A bot's account, as its owner sees it."""

    id: UserId
    username: str
    display_name: str
    avatar_colour: int | None
    kind: PersonKind
    avatar: str | None
    made_at_us: int
    suspended_at_us: int | None

    def bot(self, key: ApiKey | None) -> Bot:
        return Bot(self.person, as_datetime(self.made_at_us), self.suspended_at_us is not None, key)

    @property
    def person(self) -> Person:
        return Person(self.id, self.username, self.display_name, self.avatar_colour, self.kind, self.avatar)


_BOT = """
SELECT u.id, u.username, u.display_name, u.avatar_colour, u.kind, u.avatar, b.made_at_us, u.suspended_at_us
FROM auth_bots b JOIN auth_users u ON u.id = b.user_id WHERE b.owner_id = :owner_id
"""


async def add(tx: Transaction, bot_id: UserId, owner_id: UserId, now_us: int) -> None:
    await tx.insert("auth_bots", ("user_id", "owner_id", "made_at_us"), [(bot_id, owner_id, now_us)])


async def of_owner(reads: Reads, owner_id: UserId) -> list[StoredBot]:
    """The oldest first."""
    return await reads.fetch(StoredBot, _BOT + " ORDER BY b.user_id", owner_id=owner_id)


async def find(reads: Reads, owner_id: UserId, bot_id: UserId) -> StoredBot | None:
    found = await reads.fetch(StoredBot, _BOT + " AND b.user_id = :bot_id", owner_id=owner_id, bot_id=bot_id)
    return found[0] if found else None


async def seen(reads: Reads, bot: StoredBot) -> Bot:
    """With the newest of its keys, if it has any."""
    keys = await stored_keys.of_account(reads, bot.id, 0)
    return bot.bot(keys[-1].api_key if keys else None)


async def owner_of(reads: Reads, bot_id: UserId) -> UserId | None:
    """Who answers for it; None for people."""
    sql = "SELECT owner_id FROM auth_bots WHERE user_id = :bot_id"
    rows: list[tuple[UserId]] = await reads.fetch(tuple, sql, bot_id=bot_id)
    return rows[0][0] if rows else None


async def working_among(reads: Reads, bot_ids: Sequence[UserId], now_us: int) -> list[UserId]:
    """Those with a key that has not expired, where neither the bot nor its owner is stopped."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple,
        """
        SELECT b.user_id FROM auth_bots b JOIN auth_users u ON u.id = b.user_id JOIN auth_users o ON o.id = b.owner_id
        WHERE b.user_id IN :ids AND u.suspended_at_us IS NULL AND u.deleted_at_us IS NULL
          AND o.suspended_at_us IS NULL AND o.deleted_at_us IS NULL
          AND u.reset_required_at_us IS NULL AND o.reset_required_at_us IS NULL
          AND EXISTS (SELECT 1 FROM auth_api_keys k WHERE k.user_id = b.user_id AND k.expires_at_us > :now_us)
        """,
        ids=list(bot_ids),
        now_us=now_us,
    )
    return [bot_id for (bot_id,) in rows]


async def accounts_of(reads: Reads, owner_id: UserId) -> list[Account]:
    """Their accounts, as people have them."""
    rows: list[tuple[UserId]] = await reads.fetch(
        tuple, "SELECT user_id FROM auth_bots WHERE owner_id = :owner_id", owner_id=owner_id
    )
    return await store.accounts_of(reads, [bot_id for (bot_id,) in rows])
