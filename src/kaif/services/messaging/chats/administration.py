"""How groups and channels are looked after; each method is one transaction."""

import msgspec

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Auth, FindPeople, Nothing
from kaif.interfaces.messaging import Chat, ChatId, ChatMember, Entry, EntryKind, GetChat
from kaif.interfaces.messaging.administration import (
    ADMINS_MAX,
    Appoint,
    BadDescription,
    BadUntil,
    Ban,
    Bans,
    BeyondYourRights,
    ChangeChat,
    ListBans,
    MemberNotFound,
    NameTaken,
    OfMember,
    Restrict,
    TooManyAdmins,
)
from kaif.interfaces.messaging.errors import MembersHidden, OwnersOnly
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime, as_us
from kaif.kernel.text import clean_text
from kaif.services.messaging import chat_views, member_store, model, people_store
from kaif.services.messaging.chats import administration_store
from kaif.services.messaging.chats.administration_store import Settings
from kaif.services.messaging.chats.membership import Membership, require, require_person
from kaif.services.messaging.chats.reading import Reading
from kaif.services.messaging.discussions import thread_store
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.events import ChatDeleted
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.invitations.telling import tell_staff
from kaif.services.messaging.model import ADMIN, MEMBER, OWNER
from kaif.services.messaging.rights import (
    EVERY,
    NONE,
    OF_MEMBERS,
    Member,
    Right,
    may_act_on,
    may_appoint,
    named,
    rights_of,
)
from kaif.services.messaging.sending.announcing import Announcer
from kaif.services.messaging.webhooks import incoming_store


class AdministrationService:
    def __init__(self, database: Database, auth: Auth, announcer: Announcer, clock: Clock) -> None:
        self._database, self._auth, self._announcer, self._clock = database, auth, announcer, clock
        self._membership = Membership(auth, clock)
        self._reading = Reading(database, clock)

    async def change_chat(self, actor: Actor, request: ChangeChat) -> Chat:
        if request.name:
            await self._must_be_nobodys(actor, request.name)
        try:
            async with self._database.transaction() as tx:
                place, entry = await self._change(tx, actor, request)
        except AlreadyExists:
            raise NameTaken(path="$.name") from None
        if entry:
            await self._announcer.announce_change(place, entry)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def _change(self, tx: Transaction, actor: Actor, request: ChangeChat) -> tuple[Place, Entry | None]:
        place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
        require(rights, _needed(request))
        if place.suspended:
            raise ChatSuspended
        if Right.OWN not in rights and _for_owner(request):
            raise OwnersOnly
        old = await administration_store.settings(tx, place.chat_id)
        new = _changed(old, request)
        if new == old:
            return place, None
        await administration_store.change(tx, place.chat_id, new)
        title = new.title if new.title != old.title else ""
        kind: EntryKind = "renamed" if title else "changed"
        return place, await self._membership.record(tx, place, kind, actor.user_id, title=title)

    async def _must_be_nobodys(self, actor: Actor, name: str) -> None:
        """A chat does not take the name of somebody who is here. Raises NameTaken."""
        found = await self._auth.find_people(actor, FindPeople(name))
        if any(person.username.lower() == name for person in found.people):
            raise NameTaken(path="$.name")

    async def get_member(self, actor: Actor, request: OfMember) -> ChatMember:
        rights = await self._membership.get_rights(self._database, request.chat_id, actor.user_id)
        seen = Right.STAFF in rights or request.user_id == actor.user_id
        if not seen and await member_store.are_hidden(self._database, request.chat_id):
            raise MembersHidden
        return await self._get_member(request.chat_id, request.user_id)

    async def appoint_admin(self, actor: Actor, request: Appoint) -> ChatMember:
        chosen = named(request.rights)
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.ADMINS)
            target = await self._find_target(tx, place, request.user_id)
            if not may_appoint(rights, chosen) or not may_act_on(rights, target.role):
                raise BeyondYourRights
            if target.role == MEMBER and await member_store.count_staff(tx, place.chat_id) > ADMINS_MAX:
                raise TooManyAdmins
            await administration_store.set_role(tx, place.chat_id, request.user_id, ADMIN, int(chosen))
            if target.role == ADMIN:
                now = target._replace(rights=int(chosen))
                await self._membership.end_what_needs(tx, place, request.user_id, rights_of(now, self._clock()))
            entry = await self._membership.record(tx, place, "promoted", actor.user_id, [request.user_id])
        await self._announcer.announce_rights(place, entry, request.user_id)
        return await self._get_member(place.chat_id, request.user_id)

    async def dismiss_admin(self, actor: Actor, request: OfMember) -> Nothing:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            # Who is in the chat, nobody learns by trying.
            if request.user_id != actor.user_id and Right.OWN not in rights:
                raise BeyondYourRights
            target = await self._find_target(tx, place, request.user_id)
            if target.role == OWNER:
                raise BeyondYourRights
            if target.role == MEMBER:
                return Nothing()
            await administration_store.set_role(tx, place.chat_id, request.user_id, MEMBER, 0)
            await self._membership.end_what_needs(tx, place, request.user_id, NONE)
            entry = await self._membership.record(tx, place, "demoted", actor.user_id, [request.user_id])
        await self._announcer.announce_rights(place, entry, request.user_id)
        return Nothing()

    async def restrict_member(self, actor: Actor, request: Restrict) -> ChatMember:
        until_us = as_us(request.until) if request.until else 0
        if request.until and until_us <= self._clock():
            raise BadUntil(path="$.until")
        taken = named(request.taken)
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.BAN)
            target = await self._find_target(tx, place, request.user_id)
            if target.role != MEMBER:
                raise BeyondYourRights
            await administration_store.restrict(tx, place.chat_id, request.user_id, int(taken), until_us)
            kind: EntryKind = "restricted" if taken else "unrestricted"
            entry = await self._membership.record(tx, place, kind, actor.user_id, [request.user_id])
        await self._announcer.announce_rights(place, entry, request.user_id)
        return await self._get_member(place.chat_id, request.user_id)

    async def ban_person(self, actor: Actor, request: OfMember) -> Nothing:
        people = await self._membership.get_people(self._database, [request.user_id])
        entry, removed, asked = None, False, False
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.BAN)
            target = await member_store.find_member(tx, place.chat_id, request.user_id)
            if request.user_id == actor.user_id or (target and not may_act_on(rights, target.role)):
                raise BeyondYourRights
            await people_store.remember_people(tx, people)
            await administration_store.ban(tx, place.chat_id, request.user_id, actor.user_id, self._clock())
            asked = await invitation_store.take_request(tx, place.chat_id, request.user_id)
            removed = await self._membership.take_out(tx, place, request.user_id)
            if removed:
                entry = await self._membership.record(tx, place, "banned", actor.user_id, [request.user_id])
        if removed:
            await self._announcer.announce_change(place, entry, left=[request.user_id])
        if asked:
            await tell_staff(self._database, self._announcer, place.chat_id)
        return Nothing()

    async def ban(self, chat_id: ChatId, user_id: UserId, by: UserId) -> None:
        """For those who handle reports: ban whomever it is, as the chat's own deed, which names nobody.

        Raises ChatNotFound, NotAGroup, OwnerMustStay.
        """
        entry, removed = None, False
        async with self._database.transaction() as tx:
            place = await self._membership.lock_any(tx, chat_id)
            await administration_store.ban(tx, chat_id, user_id, by, self._clock())
            await invitation_store.take_request(tx, chat_id, user_id)
            removed = await self._membership.take_out(tx, place, user_id)
            if removed:
                entry = await self._membership.record(tx, place, "banned", UserId(chat_id), [user_id])
        if removed:
            await self._announcer.announce_change(place, entry, left=[user_id])

    async def unban_person(self, actor: Actor, request: OfMember) -> Nothing:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            require(rights, Right.BAN)
            await administration_store.unban(tx, place.chat_id, request.user_id)
        return Nothing()

    async def list_bans(self, actor: Actor, request: ListBans) -> Bans:
        require(await self._membership.get_rights(self._database, request.chat_id, actor.user_id), Right.BAN)
        rows = await administration_store.bans_of(self._database, request.chat_id, request.cursor, request.limit + 1)
        page = rows[: request.limit]
        bans = [Ban(row.person, row.banned_by, as_datetime(row.at_us)) for row in page]
        return Bans(bans, page[-1].user_id if len(rows) > request.limit else None)

    async def transfer_chat(self, actor: Actor, request: OfMember) -> Chat:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            if Right.OWN not in rights:
                raise OwnersOnly
            await self._find_target(tx, place, request.user_id)
            for person in await people_store.known_people(tx, [request.user_id]):
                require_person(person)
            entry = None
            if request.user_id != actor.user_id:
                await administration_store.set_role(tx, place.chat_id, actor.user_id, ADMIN, int(EVERY))
                await administration_store.set_role(tx, place.chat_id, request.user_id, OWNER, 0)
                entry = await self._membership.record(tx, place, "transferred", actor.user_id, [request.user_id])
        await self._announcer.announce_rights(place, entry, request.user_id, actor.user_id)
        return await self._reading.get_chat(request.chat_id, actor.user_id)

    async def delete_chat(self, actor: Actor, request: GetChat) -> Nothing:
        async with self._database.transaction() as tx:
            place, rights = await self._membership.lock(tx, request.chat_id, actor.user_id)
            if Right.OWN not in rights:
                raise OwnersOnly
            await administration_store.mark_deleted(tx, place.chat_id, self._clock())
            await incoming_store.forget_chat(tx, place.chat_id)
            await thread_store.unlink(tx, place.chat_id)
            # Perhaps hundreds of thousands of rows: they go in portions, after everybody has stopped seeing them.
            await tx.publish(ChatDeleted(chat_id=place.chat_id))
        await self._announcer.announce_end(place.chat_id)
        return Nothing()

    async def _find_target(self, tx: Transaction, place: Place, user_id: UserId) -> Member:
        """Raises MemberNotFound."""
        target = await member_store.find_member(tx, place.chat_id, user_id)
        if target is None:
            raise MemberNotFound
        return target

    async def _get_member(self, chat_id: ChatId, user_id: UserId) -> ChatMember:
        """Raises MemberNotFound, also when they have left meanwhile."""
        row = await administration_store.find_listed(self._database, chat_id, user_id)
        if row is None:
            raise MemberNotFound
        return chat_views.member_of(row, self._clock())


def _needed(request: ChangeChat) -> Right:
    needed = NONE
    if request.title is not None or request.description is not None:
        needed |= Right.INFO
    if request.default_rights is not None or request.slow_mode_s is not None:
        needed |= Right.BAN
    return needed


def _for_owner(request: ChangeChat) -> bool:
    return any(given is not None for given in (request.name, request.members_hidden, request.signed))


def _changed(old: Settings, request: ChangeChat) -> Settings:
    """Raises BadTitle, BadDescription."""
    given: dict[str, str | int | None] = {
        "title": None if request.title is None else model.cleaned_title(request.title),
        "description": None if request.description is None else _cleaned_description(request.description),
        "default_rights": None if request.default_rights is None else int(named(request.default_rights) & OF_MEMBERS),
        "slow_mode_s": request.slow_mode_s,
        "members_hidden": None if request.members_hidden is None else _hidden(request.members_hidden),
        "signed": None if request.signed is None else int(request.signed),
    }
    changes: dict[str, str | int | None] = {field: value for field, value in given.items() if value is not None}
    if request.name is not None:
        changes["name"] = request.name or None
    return msgspec.structs.replace(old, **changes)


def _hidden(hidden: bool) -> int:
    return model.MEMBERS_HIDDEN if hidden else model.MEMBERS_SHOWN


def _cleaned_description(text: str) -> str:
    if not text.strip():
        return ""
    cleaned = clean_text(text)
    if cleaned is None:
        raise BadDescription(path="$.description")
    return cleaned
