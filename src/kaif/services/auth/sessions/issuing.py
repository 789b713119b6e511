"""Tokens of a session: what the access token says is what its owner may do now."""

from kaif.engines.database import Database
from kaif.interfaces.auth import ACCESS_TOKEN_SECONDS, SessionEnded, Tokens
from kaif.kernel.actor import Actor, SessionId, UserId
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.rule import Standing
from kaif.services.auth.model import Account
from kaif.services.auth.roles import grants
from kaif.services.auth.roles.permissions import permitted
from kaif.services.auth.sessions.refresh_tokens import RefreshTokens
from kaif.services.auth.tokens import Signer


class TokenIssuer:
    def __init__(self, database: Database, signer: Signer) -> None:
        self._database, self._signer = database, signer
        self.refresh_tokens = RefreshTokens(signer.key_for("refresh tokens"))

    async def tokens(self, user_id: UserId, session_id: SessionId, refresh_token: str, now_us: int) -> Tokens:
        """Raises SessionEnded for who has left."""
        found = await factor_rule.account_and_standing(self._database, user_id)
        if found is None:
            raise SessionEnded
        account, standing = found
        return await self.tokens_of(account, standing, session_id, refresh_token, now_us)

    async def tokens_of(
        self, account: Account, standing: Standing, session_id: SessionId, refresh_token: str, now_us: int
    ) -> Tokens:
        """Of an account as it was at one moment. Whatever changed since was announced, and outdates them."""
        roles = standing.roles.split()
        permissions = permitted(roles, await grants.own_roles(self._database) if roles else {})
        required = standing.requires(permissions)
        must_enrol = required and not await factor_rule.has_factor(self._database, account.id)
        actor = Actor(account.id, session_id, permissions, must_enrol=must_enrol)
        access_token = self._signer.sign(actor, standing.since_us, now_us)
        user = account.user(permissions, must_enrol=must_enrol)
        return Tokens(user, access_token, refresh_token, ACCESS_TOKEN_SECONDS)
