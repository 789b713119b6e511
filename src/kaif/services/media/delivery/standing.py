"""Whether whoever a link stands for could still come themselves: their session goes on, their key, or their account."""

from typing import Protocol

from kaif.interfaces.auth import GetOpenSessions, GetPeople, Nothing, OpenAccounts, OpenSessions
from kaif.interfaces.media import MediaNotFound
from kaif.kernel.actor import NOBODY, Actor


class FindsOpen(Protocol):
    """Auth, so far as media needs it."""

    async def get_open_sessions(self, actor: Actor, request: GetOpenSessions) -> OpenSessions: ...

    async def get_open_accounts(self, actor: Actor, request: GetPeople) -> OpenAccounts: ...

    async def require_recent_sign_in(self, actor: Actor, request: Nothing) -> Nothing: ...


class Standing:
    def __init__(self, doors: FindsOpen) -> None:
        self._doors = doors

    async def require(self, viewer: Actor) -> None:
        """Raises MediaNotFound."""
        if not await self._stands(viewer):
            raise MediaNotFound

    async def _stands(self, viewer: Actor) -> bool:
        if viewer.session_id:
            sessions = await self._doors.get_open_sessions(NOBODY, GetOpenSessions([viewer.session_id]))
            return viewer.session_id in sessions.session_ids
        accounts = await self._doors.get_open_accounts(NOBODY, GetPeople([viewer.user_id]))
        return viewer.user_id in accounts.user_ids
