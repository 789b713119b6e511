"""What operators do about second factors; each method is one transaction."""

from kaif.engines.cache import Cache
from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.required_factors import RequiredFactors, RequireFactors
from kaif.interfaces.auth.roles import MANAGE_ROLES
from kaif.kernel.actor import Actor, require_permission
from kaif.kernel.clock import Clock
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.sessions.announcing import announce_changes


class FactorRequirementService:
    def __init__(self, database: Database, cache: Cache, audit: AuditLog, clock: Clock) -> None:
        self._database, self._cache, self._audit, self._clock = database, cache, audit, clock

    async def get_required_factors(self, actor: Actor, request: Nothing) -> RequiredFactors:
        require_permission(actor, MANAGE_ROLES)
        return RequiredFactors(await factor_rule.mode(self._database))

    async def require_factors(self, actor: Actor, request: RequireFactors) -> RequiredFactors:
        require_permission(actor, MANAGE_ROLES)
        now_us = self._clock()
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, now_us)
            change = await factor_rule.set_mode(tx, request.required_of, now_us)
            if change:
                await self._audit.record(tx, actor, "required_factors_changed", NO_ONE, mode=request.required_of)
        await announce_changes(self._cache, [change] if change else [])
        return RequiredFactors(request.required_of)
