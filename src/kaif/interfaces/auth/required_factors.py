"""What auth promises an operator who wants more than passwords: whoever needs a second factor sets one up first.

A passkey is two factors in itself; codes of an app are the second beside whatever came first. Until somebody of whom
one is required has either, their session is good for nothing but that. API keys, and what applications hold, are not
asked: a person made them.
"""

from typing import Literal, Protocol

import msgspec

from kaif.interfaces.auth import Nothing
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict, Forbidden
from kaif.kernel.remote import repeatable

# Of nobody; of whoever's roles permit something; of everybody.
RequiredOf = Literal["optional", "operators", "everyone"]


class RequiredFactors(msgspec.Struct, frozen=True):
    required_of: RequiredOf


class RequireFactors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    required_of: RequiredOf


class SecondFactorRequiredHere(Forbidden):
    """Of a session of somebody who has no second factor yet, on all but the routes on which they set one up."""

    code, detail = "second_factor_required_here", "This server requires a second factor: set one up first."


class LastSecondFactor(Conflict):
    code = "last_second_factor"
    detail = "This server requires a second factor, and this is the only one: add another first."


class FactorRequirement(Protocol):
    """All of it needs MANAGE_ROLES (in `roles`): it is about what roles are worth. Raises MissingPermission."""

    @repeatable
    async def get_required_factors(self, actor: Actor, request: Nothing) -> RequiredFactors:
        """Of whom a second factor is required."""
        ...

    @repeatable
    async def require_factors(self, actor: Actor, request: RequireFactors) -> RequiredFactors:
        """Require a second factor of these from now on, also in the sessions that are open: at once.

        Requiring the same twice is no error. Raises StepUpRequired (in `factors`).
        """
        ...
