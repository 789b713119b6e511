"""Writes to people of what they missed: first it is noted what a letter tells, then it goes, then it is settled.

What is noted is safe from a crash, and has a name by which auth knows a letter that has gone already. What was read,
deleted or silenced before the letter goes is not in it.
One process does so: the one that reads the bus for this consumer.
"""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from kaif.engines.bus import Bus
from kaif.engines.database import Database
from kaif.interfaces.auth.digest_letters import DigestLetters, DigestsDeclined, NoConfirmedAddress, SendDigest
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.digests import CHATS_SHOWN_MAX
from kaif.kernel.actor import NOBODY, UserId
from kaif.kernel.background import Background
from kaif.kernel.clock import MINUTE_US, Clock
from kaif.kernel.errors import Invalid, KaifError
from kaif.kernel.ids import new_id
from kaif.services.messaging import entry_store, model, people_store
from kaif.services.messaging.digests import missed
from kaif.services.messaging.digests import store as digest_store
from kaif.services.messaging.digests.missed import Missed, StoredDigest
from kaif.services.messaging.messages import store as message_store
from kaif.services.messaging.notifications import telling
from kaif.services.messaging.notifications.telling import Message
from kaif.services.messaging.topics import reading as topic_reading
from kaif.services.messaging.topics import store as topic_store

log = logging.getLogger("kaif.messaging")

CONSUMER = "messaging.digests"
# Letters that are under way at once: a mail server takes a fraction of a second for each.
AT_ONCE = 8
# Of one person: the chats that are looked at for a letter, and the messages of each that are counted.
CHATS_MAX = 50
MESSAGES_MAX = 200
ATTEMPTS_MAX = 12
BACKOFF_MAX_US = 60 * MINUTE_US

Found = list[tuple[Missed, list[Message]]]


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    look_every_s: float = 5.0
    retry_s: float = 5.0
    backoff_us: int = 1 * MINUTE_US


USUAL = Timing()


class Digester:
    def __init__(
        self, database: Database, letters: DigestLetters, bus: Bus, clock: Clock, timing: Timing = USUAL
    ) -> None:
        self._database, self._letters, self._bus, self._clock = database, letters, bus, clock
        self._timing = timing
        self._background = Background()
        bus.subscribe(CONSUMER, DigestsDeclined, self.stop)

    async def start(self) -> None:
        await self._bus.start()
        self._background.repeat(self._look, "digests wait", self._timing.retry_s)

    async def close(self) -> None:
        await self._bus.close()
        await self._background.close()

    async def stop(self, event: DigestsDeclined) -> None:
        async with self._database.transaction() as tx:
            await digest_store.forget(tx, event.user_id)

    async def _look(self) -> float:
        busy = self._bus.holds(CONSUMER) and await self.write_due()
        return 0 if busy else self._timing.look_every_s

    async def write_due(self) -> bool:
        """Whether anything was due."""
        due = await digest_store.due(self._database, self._clock(), AT_ONCE)
        await asyncio.gather(*(self._attend(digest) for digest in due))
        return bool(due)

    async def _attend(self, digest: StoredDigest) -> None:
        now_us = self._clock()
        found = await self._missed(digest, digest.marks, now_us)
        if not digest.pending_id:
            due_us = _due_us(digest, found, now_us)
            if due_us > now_us:
                await self._settle(digest, {}, due_us)
                return
            digest = await self._begin(digest, {row.chat_id: messages[-1].seq for row, messages in found})
        if found and not await self._sent(digest, found):
            return
        await self._settle(digest, digest.marks, digest.next_us(self._clock()))

    async def _missed(self, digest: StoredDigest, marks: dict[ChatId, int], now_us: int) -> Found:
        """What waits in each chat; of a letter that is under way nothing beyond its marks."""
        after_us = digest.told_after_us(now_us)
        found: Found = []
        for row in await digest_store.missed_by(self._database, digest.user_id, after_us, now_us, CHATS_MAX):
            if marks and row.chat_id not in marks:
                continue
            last_seq = marks.get(row.chat_id, row.seq)
            if messages := await self._messages(row, last_seq, after_us, now_us):
                found.append((row, messages))
        return found

    async def _messages(self, row: Missed, last_seq: int, after_us: int, now_us: int) -> list[Message]:
        rows = await digest_store.untold(self._database, row, last_seq, MESSAGES_MAX)
        authors = await entry_store.authors_answered(self._database, row.chat_id, rows)
        messages = telling.messages_of(rows, authors, after_us)
        in_topics = await topic_reading.standings(self._database, row.chat_id, messages, [row])
        messages = telling.wanted(messages, row, now_us, in_topics)
        hidden = await message_store.hidden_at(
            self._database, row.user_id, row.chat_id, [message.seq for message in messages]
        )
        return [message for message in messages if message.seq not in hidden]

    async def _begin(self, digest: StoredDigest, marks: dict[ChatId, int]) -> StoredDigest:
        pending_id = new_id()
        async with self._database.transaction() as tx:
            await digest_store.begin(tx, digest.user_id, pending_id, marks)
        return msgspec.structs.replace(digest, pending_id=pending_id, pending=msgspec.json.encode(marks).decode())

    async def _sent(self, digest: StoredDigest, found: Found) -> bool:
        """Whether that is done with: it went, or it never will."""
        try:
            await self._letters.send_digest(NOBODY, await self._letter(digest, found))
        except NoConfirmedAddress:
            return True
        except Invalid as error:
            log.warning("a digest was refused for good: %s", error.code)
            return True
        except KaifError as error:
            if digest.attempts + 1 < ATTEMPTS_MAX:
                await self._postpone(digest)
                return False
            log.warning("a digest was given up after %d attempts: %s", digest.attempts + 1, error.code)
        return True

    async def _letter(self, digest: StoredDigest, found: Found) -> SendDigest:
        shown = found[:CHATS_SHOWN_MAX]
        senders = {message.shown_sender_id for _, messages in shown for message in messages}
        authors = {each.id: each.display_name for each in await people_store.known_people(self._database, senders)}
        chats = [
            missed.told(row, messages, authors, digest.language, await self._topics(row, messages))
            for row, messages in shown
        ]
        return SendDigest(digest.pending_id, UserId(digest.user_id), digest.language, chats, len(found) - len(shown))

    async def _topics(self, row: Missed, messages: Sequence[Message]) -> dict[int, str] | None:
        if row.topics != model.TOPICS_ON:
            return None
        return await topic_store.titles_of(self._database, row.chat_id, {message.topic_id for message in messages})

    async def _settle(self, digest: StoredDigest, marks: dict[ChatId, int], due_at_us: int) -> None:
        async with self._database.transaction() as tx:
            await digest_store.settle(tx, digest, marks, due_at_us)

    async def _postpone(self, digest: StoredDigest) -> None:
        pause_us = min(self._timing.backoff_us << digest.attempts, BACKOFF_MAX_US)
        async with self._database.transaction() as tx:
            await digest_store.postpone(tx, digest, self._clock() + pause_us)


def _due_us(digest: StoredDigest, found: Found, now_us: int) -> int:
    """When what waits is to be told of, or when to look again."""
    if not found:
        return digest.next_us(now_us)
    return missed.due_us(digest, min(messages[0].at_us for _, messages in found), now_us)
