"""The ways into a chat; each method is one transaction."""

import hashlib
import secrets

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import Auth, Nothing, Person
from kaif.interfaces.messaging import Entry, GetChat
from kaif.interfaces.messaging.errors import MemberBanned
from kaif.interfaces.messaging.invitations import (
    LINKS_MAX,
    REQUESTS_MAX,
    AnswerRequest,
    Door,
    InvitationGone,
    Joined,
    JoinRequest,
    JoinRequests,
    Links,
    ListRequests,
    MakeLink,
    NewLink,
    Preview,
    RequestNotFound,
    RevokeLink,
    TooManyLinks,
    TooManyRequests,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.kernel.errors import Invalid
from kaif.kernel.ids import new_id
from kaif.services.messaging import chat_store, member_store, people_store
from kaif.services.messaging.chats import administration_store
from kaif.services.messaging.chats.membership import Membership, require, require_person
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.invitations.store import StoredDoor, StoredLink
from kaif.services.messaging.invitations.telling import tell_staff
from kaif.services.messaging.rights import INVITER
from kaif.services.messaging.sending.announcing import Announcer


class ChatInvitationsService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, clock: Clock) -> None:
        self._database, self._announcer, self._clock = database, announcer, clock
        self._membership = Membership(auth, clock)

    # Links

    async def make_link(self, actor: Actor, request: MakeLink) -> NewLink:
        secret = secrets.token_urlsafe(32)
        now_us = self._clock()
        expires_at_us = now_us + request.lifetime_s * 1_000_000 if request.lifetime_s else 0
        link = StoredLink(
            new_id(),
            request.chat_id,
            _hash_of(secret),
            actor.user_id,
            request.note.strip(),
            int(request.approval),
            0,
            request.uses_max,
            now_us,
            expires_at_us,
            0,
        )
        async with self._database.transaction() as tx:
            _, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, INVITER)
            if await invitation_store.count_links(tx, request.chat_id) >= LINKS_MAX:
                raise TooManyLinks
            await invitation_store.add_link(tx, link)
        return NewLink(link.link(now_us), secret)

    async def list_links(self, actor: Actor, request: GetChat) -> Links:
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), INVITER)
        now_us = self._clock()
        links = await invitation_store.links_of(self._database, request.chat_id, LINKS_MAX)
        return Links([link.link(now_us) for link in links])

    async def revoke_link(self, actor: Actor, request: RevokeLink) -> Nothing:
        async with self._database.transaction() as tx:
            _, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, INVITER)
            await invitation_store.revoke_link(tx, request.chat_id, request.link_id, self._clock())
        await tell_staff(self._database, self._announcer, request.chat_id)
        return Nothing()

    # Coming in

    async def preview_chat(self, actor: Actor, request: Door) -> Preview:
        door, link = await self._find(request)
        joined = asked = False
        if actor.user_id:
            joined = await member_store.find_member(self._database, door.chat_id, actor.user_id) is not None
            asked = await invitation_store.has_asked(self._database, door.chat_id, actor.user_id)
        approval = link is not None and bool(link.approval)
        return Preview(
            door.chat_id, door.kind, door.title, door.description, door.members, approval, joined, asked, door.avatar
        )

    async def _find(self, request: Door) -> tuple[StoredDoor, StoredLink | None]:
        """Raises InvitationGone."""
        if bool(request.secret) == bool(request.name):
            raise Invalid("Give either a secret or a name.", path="$.secret")
        link = None
        if request.secret:
            link = await invitation_store.find_link(self._database, _hash_of(request.secret))
            if link is None or link.state(self._clock()) != "good":
                raise InvitationGone
            door = await invitation_store.door_of_chat(self._database, link.chat_id)
        else:
            door = await invitation_store.door_named(self._database, request.name or "")
        if door is None:
            raise InvitationGone
        return door, link

    async def join_chat(self, actor: Actor, request: Door) -> Joined:
        door, link = await self._find(request)
        people = await self._membership.get_people(self._database, [actor.user_id])
        require_person(people[0])
        entry, new, asked, answered = None, False, False, False
        async with self._database.transaction() as tx:
            places = await chat_store.lock_places(tx, [door.chat_id])
            if not places:
                raise InvitationGone
            place = places[door.chat_id]
            if place.suspended:
                raise InvitationGone
            if await member_store.find_member(tx, place.chat_id, actor.user_id):
                return Joined(place.chat_id, asked=False)
            if await administration_store.banned_among(tx, place.chat_id, [actor.user_id]):
                raise MemberBanned
            if link and link.approval:
                asked = await self._ask(tx, place, link, people)
            else:
                if link and not await invitation_store.use_link(tx, link.id, self._clock()):
                    raise InvitationGone
                answered = await invitation_store.has_asked(tx, place.chat_id, actor.user_id)
                entry, new = await self._let_in(tx, place, people), True
        if new:
            await self._announcer.announce_change(place, entry, joined=[actor.user_id])
        if asked or answered:
            await tell_staff(self._database, self._announcer, place.chat_id)
        return Joined(place.chat_id, asked=not new)

    async def _ask(self, tx: Transaction, place: Place, link: StoredLink, people: list[Person]) -> bool:
        if await invitation_store.count_requests(tx, place.chat_id, REQUESTS_MAX) >= REQUESTS_MAX:
            raise TooManyRequests
        await people_store.remember_people(tx, people)
        return await invitation_store.ask(tx, place.chat_id, people[0].id, link.id, self._clock())

    async def _let_in(self, tx: Transaction, place: Place, people: list[Person]) -> Entry | None:
        """By themselves, as the log says."""
        ids: list[UserId] = await self._membership.let_in(tx, place, people)
        for user_id in ids:
            await invitation_store.take_request(tx, place.chat_id, user_id)
        return await self._membership.record(tx, place, "joined", people[0].id, ids)

    # Requests

    async def list_requests(self, actor: Actor, request: ListRequests) -> JoinRequests:
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), INVITER)
        rows = await invitation_store.requests_of(self._database, request.chat_id, request.cursor, request.limit + 1)
        page = rows[: request.limit]
        return JoinRequests(
            [JoinRequest(row.person, as_datetime(row.at_us)) for row in page],
            page[-1].user_id if len(rows) > request.limit else None,
        )

    async def answer_request(self, actor: Actor, request: AnswerRequest) -> Nothing:
        people = await self._membership.get_people(self._database, [request.user_id])
        entry, new = None, False
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, INVITER)
            if not await invitation_store.take_request(tx, place.chat_id, request.user_id):
                raise RequestNotFound
            if request.let_in and not await member_store.find_member(tx, place.chat_id, request.user_id):
                entry, new = await self._let_in(tx, place, people), True
        if new:
            await self._announcer.announce_change(place, entry, joined=[request.user_id])
        await tell_staff(self._database, self._announcer, place.chat_id)
        return Nothing()


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
