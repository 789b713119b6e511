"""What a gateway holds against a token, in whichever order it hears of it."""

from pathlib import Path

import msgspec
import pytest
from tests.harness import wired_services
from tests.services.auth.accounts import actor_of, refresh, register, set_up

from kaif.gateway.identity import Identity
from kaif.interfaces.auth import PERMISSIONS_CHANGED, PermissionChange
from kaif.interfaces.auth.roles import READ_AUDIT, Grant
from kaif.kernel.tokens import TokenExpired


async def test_news_of_an_earlier_change_that_comes_late_revives_no_token(
    tmp_path: Path, migrated_sqlite_url: str
) -> None:
    async with wired_services(tmp_path, migrated_sqlite_url) as services:
        owner, anna = actor_of(await set_up(services.auth)), await register(services.auth, "anna")
        identity = Identity(services.auth, services.cache)
        await identity.start()
        await services.roles.grant_role(owner, Grant(anna.user.id, "compliance"))
        newer = await refresh(services.auth, anna)
        await services.roles.revoke_role(owner, Grant(anna.user.id, "compliance"))

        await services.cache.publish(PERMISSIONS_CHANGED, msgspec.msgpack.encode(PermissionChange(anna.user.id, 1)))

        for tokens in (anna, newer):
            with pytest.raises(TokenExpired):
                identity.verify(tokens.access_token.encode())
        latest = await refresh(services.auth, newer)
        assert READ_AUDIT not in identity.verify(latest.access_token.encode()).actor.permissions
        await identity.close()
