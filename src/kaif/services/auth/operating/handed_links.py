"""A link for a new password that goes by no letter: whoever has the machine hands it over."""

from kaif.engines.database import Database
from kaif.interfaces.auth import PersonNotFound
from kaif.interfaces.auth.directory import AccountIsBot
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import Clock
from kaif.services.auth import store
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.letters import links


async def hand_out(database: Database, audit: AuditLog, username: str, clock: Clock) -> str:
    """The id of a link for a new password of that account, in place of an earlier one.

    It says nothing of the account's address, so it confirms none. Raises PersonNotFound, AccountIsBot.
    """
    async with database.transaction() as tx:
        found = await store.find_by_username(tx, username.removeprefix("@").lower())
        account = await store.locked_account(tx, found) if found else None
        if account is None:
            raise PersonNotFound
        if account.kind == "bot":
            raise AccountIsBot
        # Nothing is left in its way, so this one is never too young to take another's place.
        await links.withdraw(tx, account.id, [links.RESET])
        link_id = await links.issue(tx, account.id, links.RESET, "", clock())
        assert link_id, "an earlier one was withdrawn just now"
        await audit.record(tx, NOBODY, "reset_link_handed_out", account.id)
    return link_id
