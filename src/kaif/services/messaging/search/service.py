"""Finds messages: an index proposes, and the logs decide what is still so and may be read."""

from kaif.engines.database import Database
from kaif.engines.index import OFFSET_MAX, Hit, Wanted
from kaif.interfaces.auth import Nothing
from kaif.interfaces.messaging import ChatId
from kaif.interfaces.messaging.errors import ChatNotFound
from kaif.interfaces.messaging.search import (
    FoundMessage,
    FoundMessages,
    IndexLag,
    NothingToFind,
    SearchMessages,
    SearchUnavailable,
)
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.clock import as_us
from kaif.kernel.errors import Invalid
from kaif.services.messaging import member_store
from kaif.services.messaging.covering import covered
from kaif.services.messaging.messages import viewing
from kaif.services.messaging.search import found
from kaif.services.messaging.search import store as search_store
from kaif.services.messaging.search.indexing import Indexer

# Whoever is in more chats searches those in which something was said last.
CHATS_MAX = 10_000
# When what the index proposed does not hold, it is asked for more, but not for ever.
ROUNDS_MAX = 5


class SearchService:
    def __init__(self, database: Database, indexer: Indexer) -> None:
        self._database, self._indexer = database, indexer

    async def search_messages(self, actor: Actor, request: SearchMessages) -> FoundMessages:
        if not self._indexer.index.has_words(request.words) and not _filters(request):
            raise NothingToFind(path="$.words")
        if request.topic_id is not None and request.chat_id is None:
            raise Invalid("A topic is one of a chat.", path="$.topic_id")
        chats = await self._chats(actor.user_id, request.chat_id)
        page = Page(request)
        for _ in range(ROUNDS_MAX if chats else 0):
            hits = await self._indexer.index.search(page.wanted(chats))
            page.take(hits, await self._readable(actor.user_id, request, hits))
            if page.is_full or page.is_last:
                break
        return FoundMessages(page.messages, page.next_cursor if chats else None, self._indexer.is_complete)

    async def get_lag(self, actor: Actor, request: Nothing) -> IndexLag:
        return IndexLag(self._indexer.lag_s)

    async def _chats(self, user_id: UserId, chat_id: ChatId | None) -> list[ChatId]:
        if chat_id is None:
            return await search_store.newest_chats_of(self._database, user_id, CHATS_MAX)
        if await member_store.find_member(self._database, chat_id, user_id) is None:
            raise ChatNotFound
        return [chat_id]

    async def _readable(self, user_id: UserId, request: SearchMessages, hits: list[Hit]) -> dict[Hit, FoundMessage]:
        """Those of the hits that are as the index says, and the person's to read."""
        places: dict[ChatId, list[int]] = {}
        for chat_id, seq in map(found.place_of, hits):
            places.setdefault(chat_id, []).append(seq)
        messages = {}
        for chat_id, seqs in places.items():
            rows = await search_store.readable_entries(self._database, user_id, chat_id, seqs)
            # With its moment: an index newer than a restored database may hold what else once stood at this place.
            hits_at = {row.seq: found.hit_of(row.chat_id, row.seq, row.at_us) for row in rows}
            for entry in await viewing.shown_to(self._database, user_id, chat_id, rows):
                # Edited since it was indexed, it may say something else by now, or nothing.
                said = found.words_of(entry.text, entry.card, entry.attachments)
                seen = found.words_of(covered(entry.text, entry.entities), entry.card, entry.attachments)
                marks = self._indexer.index.marked(request.words, said)
                if request.topic_id not in (None, entry.topic_id):
                    continue
                if marks is not None and (said or entry.attachments) and not entry.deleted:
                    messages[hits_at[entry.seq]] = FoundMessage(entry, found.fragment_of(seen, marks))
        return messages


class Page:
    """A page of results while it fills."""

    def __init__(self, request: SearchMessages) -> None:
        self.messages: list[FoundMessage] = []
        self.is_last = False
        self._request = request
        self._by_relevance = request.order == "best"
        # An index that is not as far as we think may propose one twice.
        self._taken: set[Hit] = set()
        self._offset, self._last = 0, Hit("", 2**63 - 1)
        if request.cursor and self._by_relevance:
            self._offset = found.parse_offset(request.cursor, OFFSET_MAX)
        elif request.cursor:
            self._last = found.parse_cursor(request.cursor)

    @property
    def is_full(self) -> bool:
        return len(self.messages) >= self._request.limit

    @property
    def next_cursor(self) -> str | None:
        if self.is_last:
            return None
        if self._by_relevance:
            return str(self._offset) if self._offset <= OFFSET_MAX else None
        return found.cursor_after(self._last)

    def wanted(self, chats: list[ChatId]) -> Wanted:
        request = self._request
        labels = [[found.label_of_chat(chat_id) for chat_id in chats]]
        labels += [[label] for label in _filters_by_label(request)]
        since = as_us(request.since) * found.ORDERS_PER_US if request.since else 0
        until = as_us(request.until) * found.ORDERS_PER_US - 1 if request.until else 2**63 - 1
        return Wanted(
            words=request.words,
            labels=labels,
            since=max(0, since),
            until=max(0, min(until, self._last.order)),
            by_relevance=self._by_relevance,
            # One more tells whether there is a next page; that of the last page may come again.
            limit=request.limit + 2,
            offset=self._offset if self._by_relevance else 0,
        )

    def take(self, hits: list[Hit], messages: dict[Hit, FoundMessage]) -> None:
        new = hits if self._by_relevance else [hit for hit in hits if found.comes_after(hit, self._last)]
        for hit in new:
            if self.is_full:
                return
            self._last = hit
            self._offset += 1
            message = messages.get(hit)
            if message and hit not in self._taken:
                self._taken.add(hit)
                self.messages.append(message)
        self.is_last = len(hits) < self._request.limit + 2


def _filters_by_label(request: SearchMessages) -> list[str]:
    given = (("from", request.sender_id), ("kind", request.kind), ("has", request.has))
    labels = [f"{name}:{value}" for name, value in given if value is not None]
    return labels if request.topic_id is None else [*labels, found.label_of_topic(request.topic_id)]


def _filters(request: SearchMessages) -> bool:
    return bool(_filters_by_label(request)) or request.since is not None or request.until is not None


class NoSearch:
    """Stands where no process of search does."""

    async def search_messages(self, actor: Actor, request: SearchMessages) -> FoundMessages:
        raise SearchUnavailable

    async def get_lag(self, actor: Actor, request: Nothing) -> IndexLag:
        raise SearchUnavailable
