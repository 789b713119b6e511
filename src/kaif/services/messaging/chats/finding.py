"""Finds members of a chat by name, at a cost that has a bound however many people there are."""

import msgspec

from kaif.engines.database import Database
from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import NOBODY
from kaif.services.messaging import member_store, people_words, people_words_store
from kaif.services.messaging.chat_views import StoredMember
from kaif.services.messaging.people_words import Named

# In chats of no more members all of them are looked through; in larger ones the words say whom to look at.
LOOKED_THROUGH_MAX = 1000
# How many people one step looks up, so that nobody else waits for it, and how many steps one request takes.
STEP = 500
STEPS_MAX = 20


class Found(msgspec.Struct, frozen=True):
    members: list[StoredMember]
    next_cursor: str | None


class MemberFinder:
    def __init__(self, database: Database, looked_through_max: int = LOOKED_THROUGH_MAX, step: int = STEP) -> None:
        self._database, self._looked_through_max, self._step = database, looked_through_max, step

    async def find(self, chat_id: ChatId, query: str, limit: int, cursor: str) -> Found:
        """By the beginnings of their names' words, in the order of these; a page may be short of `limit`, or empty.

        Raises BadCursor.
        """
        beginnings = people_words.sought(query)
        after = people_words.parse_cursor(cursor) if cursor else Named("", NOBODY.user_id)
        if not beginnings:
            return Found([], None)
        if await member_store.count_members(self._database, chat_id) <= self._looked_through_max:
            return await self._look_through(chat_id, beginnings, limit, after)
        return await self._look_up(chat_id, beginnings, limit, after)

    async def _look_through(self, chat_id: ChatId, beginnings: list[str], limit: int, after: Named) -> Found:
        members = await member_store.members_of(self._database, chat_id, "", self._looked_through_max)
        found = [
            (Named(word, member.id), member)
            for member in members
            if (word := people_words.found_by(member.username, member.display_name, beginnings)) is not None
        ]
        rest = sorted((each for each in found if each[0] > after), key=lambda each: each[0])
        page = rest[:limit]
        return Found([member for _, member in page], people_words.cursor_of(page[-1][0]) if len(rest) > limit else None)

    async def _look_up(self, chat_id: ChatId, beginnings: list[str], limit: int, after: Named) -> Found:
        found: list[StoredMember] = []
        for _ in range(STEPS_MAX):
            named = await people_words_store.named_after(self._database, beginnings[0], after, self._step)
            ids = [each.user_id for each in named]
            there = {member.id: member for member in await member_store.members_among_ids(self._database, chat_id, ids)}
            for after in named:
                member = there.get(after.user_id)
                if member is None:
                    continue
                # Who has several such words comes once: at the first of them.
                if people_words.found_by(member.username, member.display_name, beginnings) == after.word:
                    found.append(member)
                    if len(found) == limit:
                        return Found(found, people_words.cursor_of(after))
            if len(named) < self._step:
                return Found(found, None)
        return Found(found, people_words.cursor_of(after))
