"""A route: which method and path call which use case, and on what terms."""

from collections.abc import Callable
from typing import Any

import msgspec

from kaif.kernel.actor import Permission, Scope
from kaif.kernel.limits import Limit

USUAL = Limit("usual", per_minute=1200, burst=300)


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """`use_case` is a function of a service's interface: its annotations say what is read and what is answered.

    With `wants_origin` the use case is told where the request came from: the actor's address and agent.
    With `before_enrolment` it is also for whoever has to set up a second factor before anything else; so is what is
    public.
    An API key opens only a route that names a `scope`, and only when the key has it.
    """

    method: str
    path: str
    use_case: Callable[..., Any]
    status: int = 200
    public: bool = False
    needs: Permission | None = None
    limit: Limit = USUAL
    wants_origin: bool = False
    scope: Scope | None = None
    before_enrolment: bool = False

    @property
    def path_params(self) -> list[str]:
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def takes_body(self) -> bool:
        return self.method == "POST"


def get(
    path: str,
    use_case: Callable[..., Any],
    *,
    public: bool = False,
    needs: Permission | None = None,
    limit: Limit = USUAL,
    scope: Scope | None = None,
    before_enrolment: bool = False,
) -> Route:
    return Route(
        method="GET",
        path=path,
        use_case=use_case,
        public=public,
        needs=needs,
        limit=limit,
        scope=scope,
        before_enrolment=before_enrolment,
    )


def post(
    path: str,
    use_case: Callable[..., Any],
    *,
    status: int = 200,
    public: bool = False,
    needs: Permission | None = None,
    limit: Limit = USUAL,
    wants_origin: bool = False,
    scope: Scope | None = None,
    before_enrolment: bool = False,
) -> Route:
    return Route(
        method="POST",
        path=path,
        use_case=use_case,
        status=status,
        public=public,
        needs=needs,
        limit=limit,
        wants_origin=wants_origin,
        scope=scope,
        before_enrolment=before_enrolment,
    )


def delete(
    path: str,
    use_case: Callable[..., Any],
    *,
    needs: Permission | None = None,
    limit: Limit = USUAL,
    wants_origin: bool = False,
    scope: Scope | None = None,
    before_enrolment: bool = False,
) -> Route:
    return Route(
        method="DELETE",
        path=path,
        use_case=use_case,
        status=204,
        needs=needs,
        limit=limit,
        wants_origin=wants_origin,
        scope=scope,
        before_enrolment=before_enrolment,
    )
