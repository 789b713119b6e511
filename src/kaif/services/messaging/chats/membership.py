"""Coming into a chat, leaving it, and what the log says of it: one way for every use case that does so."""

from collections.abc import Sequence

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth import Auth, GetPeople, Person
from kaif.interfaces.messaging import ChatId, Entry, EntryKind
from kaif.interfaces.messaging.errors import (
    ChatNotFound,
    MemberBanned,
    NotAGroup,
    NotForBots,
    OwnerMustStay,
    RightMissing,
    TooManyMembers,
    UnknownMember,
)
from kaif.interfaces.messaging.suspension import ChatSuspended
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import Clock, as_datetime
from kaif.services.messaging import chat_store, entry_rules, entry_store, member_store, model, people_store
from kaif.services.messaging.chats import administration_store, naming_store
from kaif.services.messaging.entry_rules import Place
from kaif.services.messaging.invitations import store as invitation_store
from kaif.services.messaging.model import MEMBER, OWNER
from kaif.services.messaging.rights import NONE, Member, Right, names_of, rights_of
from kaif.services.messaging.topics import store as topic_store
from kaif.services.messaging.webhooks import incoming_store

# What the log of a channel says: the chat itself is different.
IN_CHANNELS = ("created", "renamed", "changed", "suspended", "restored")


def require(rights: Right, wanted: Right) -> None:
    """Raises RightMissing."""
    missing = wanted & ~rights
    if missing:
        raise RightMissing(right=next(iter(names_of(missing)), "staff"))


def require_person(person: Person) -> None:
    """Raises NotForBots."""
    if person.kind == "bot":
        raise NotForBots


class Membership:
    def __init__(self, auth: Auth, clock: Clock) -> None:
        self._auth, self._clock = auth, clock

    async def get_member(self, reads: Reads, chat_id: ChatId, user_id: UserId) -> Member:
        """Raises ChatNotFound."""
        member = await member_store.find_member(reads, chat_id, user_id)
        if member is None:
            raise ChatNotFound
        return member

    async def get_rights(self, reads: Reads, chat_id: ChatId, user_id: UserId) -> Right:
        """Raises ChatNotFound."""
        return rights_of(await self.get_member(reads, chat_id, user_id), self._clock())

    async def get_people(self, reads: Reads, ids: Sequence[UserId]) -> list[Person]:
        """Whom we know already, and from auth those of whom its news has not come yet. Raises UnknownMember."""
        known = {person.id: person for person in await people_store.known_people(reads, ids)}
        missing = [user_id for user_id in ids if user_id not in known]
        if missing:
            found = await self._auth.get_people(Actor(), GetPeople(missing))
            known |= {person.id: person for person in found.people}
        if len(known) < len(ids):
            raise UnknownMember(path="$.members")
        return [known[user_id] for user_id in ids]

    async def lock(self, tx: Transaction, chat_id: ChatId, user_id: UserId) -> tuple[Place, Right]:
        """The chat, whose members can change, and what this member may do. Raises ChatNotFound, NotAGroup."""
        places = await chat_store.lock_places(tx, [chat_id])
        if not places:
            raise ChatNotFound
        rights = await self.get_rights(tx, chat_id, user_id)
        if places[chat_id].kind not in ("group", "channel"):
            raise NotAGroup
        return places[chat_id], rights

    async def lock_any(self, tx: Transaction, chat_id: ChatId) -> Place:
        """The same for those who handle reports, whoever they are. Raises ChatNotFound, NotAGroup."""
        places = await chat_store.lock_places(tx, [chat_id])
        if not places:
            raise ChatNotFound
        if places[chat_id].kind not in ("group", "channel"):
            raise NotAGroup
        return places[chat_id]

    async def let_in(self, tx: Transaction, place: Place, people: Sequence[Person]) -> list[UserId]:
        """Those who were not in yet. Raises ChatSuspended, TooManyMembers, MemberBanned."""
        if place.suspended:
            raise ChatSuspended
        pairs = [(place.chat_id, person.id) for person in people]
        there = await member_store.members_among(tx, pairs)
        new = [person.id for person in people if (place.chat_id, person.id) not in there]
        if await member_store.count_members(tx, place.chat_id) + len(new) > model.MEMBERS_MAX:
            raise TooManyMembers
        if await administration_store.banned_among(tx, place.chat_id, new):
            raise MemberBanned
        if new:
            await people_store.remember_people(tx, people)
            await member_store.add_members(tx, place, new)
        return new

    async def take_out(self, tx: Transaction, place: Place, user_id: UserId) -> bool:
        """False when they were not in. Raises OwnerMustStay."""
        member = await member_store.find_member(tx, place.chat_id, user_id)
        if member is None:
            return False
        alone = member.role == OWNER and await member_store.count_staff(tx, place.chat_id, people_only=True) == 1
        if alone and place.kind == "channel":
            # Somebody who only reads it would hardly want it.
            raise OwnerMustStay
        await member_store.remove_member(tx, place.chat_id, user_id)
        if member.role != MEMBER:
            await self.end_what_needs(tx, place, user_id, NONE)
        if member.role == OWNER:
            await member_store.pass_ownership(tx, place.chat_id)
        return True

    async def end_what_needs(self, tx: Transaction, place: Place, user_id: UserId, rights: Right) -> None:
        """What an admin has made ends with the right to make it: others may have the addresses."""
        if Right.INVITE not in rights:
            await invitation_store.revoke_links_of(tx, place.chat_id, user_id, self._clock())
        if Right.INFO not in rights:
            await incoming_store.revoke_made_by(tx, place.chat_id, user_id)

    async def record(
        self,
        tx: Transaction,
        place: Place,
        kind: EntryKind,
        by: UserId,
        whom: Sequence[UserId] = (),
        title: str = "",
    ) -> Entry | None:
        """Write into the log what has changed, and let everyone look up anew who may do what.

        The log of a channel names nobody: who reads it, and who looks after it, is not its readers' business.
        """
        place.members_seq += 1
        if place.kind == "channel" and kind not in IN_CHANNELS:
            await chat_store.advance_members(tx, place)
            return None
        place.seq += 1
        place.shown_seq = place.seq
        place.come_to(self._clock())
        shown = entry_rules.shown_sender(place, by)
        named = [] if place.kind == "channel" else list(whom)
        at = as_datetime(place.written_at_us)
        entry = Entry(place.chat_id, place.seq, kind, shown, at, user_ids=named, title=title)
        await entry_store.append(tx, {place.chat_id: place}, [entry], [by], [place.messages])
        await chat_store.advance(tx, [place])
        place.seers = await naming_store.seers_of(tx, place.chat_id)
        if place.topics:
            await topic_store.add_to_general(tx, place.chat_id, place.seq)
        return entry
