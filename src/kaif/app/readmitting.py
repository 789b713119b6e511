"""A new password for whoever gets no letter, by the one who has the machine."""

import asyncio

from kaif.app import compose
from kaif.app.auth import MIGRATIONS, signer_of
from kaif.app.folder import audit_key_in, running, signing_key_in
from kaif.app.settings import Settings
from kaif.kernel.clock import now_us
from kaif.services.auth.audit.log import AuditLog
from kaif.services.auth.operating import handed_links

RESET_PAGE = "/reset"


def link_for(settings: Settings, username: str) -> str:
    """The address of the page. Raises Misconfigured, PersonNotFound, AccountIsBot."""
    signer = signer_of(settings.signing_key or signing_key_in(settings.data))
    audit = AuditLog(settings.audit_key or audit_key_in(settings.data), now_us)

    async def hand_out() -> str:
        async with compose.database_of(settings) as database:
            await database.migrate("auth", MIGRATIONS)
            return await handed_links.hand_out(database, audit, username, now_us)

    token = signer.link_token(asyncio.run(hand_out()))
    # What follows # stays in the browser.
    return f"{_origin(settings)}{RESET_PAGE}#{token}"


def _origin(settings: Settings) -> str:
    """Where people reach the server; that of the one that runs on this folder, if nothing else says it."""
    server = running(settings.data)
    return settings.public_url_given or (server.url if server else "") or settings.public_url
