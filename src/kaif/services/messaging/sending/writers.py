"""Remembers what those who write may do, so that it is not looked up for each message."""

from collections.abc import Mapping

from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.services.messaging.entry_rules import Place

# Remembered pairs of a chat and a person in it: some tens of megabytes.
WRITERS_MAX = 200_000


class Writers:
    """What those who have written in a chat may do there; not of all its members.

    `members_seq` is read with a chat's place, under its lock, and grows with every change of who is in the chat and of
    what they may do: what was found while it was the same still holds. A restriction that ends by itself is no change,
    so whoever is under one is looked up each time.
    """

    def __init__(self) -> None:
        self._found: dict[ChatId, tuple[int, dict[UserId, int]]] = {}
        self._count = 0

    def of(self, place: Place) -> dict[UserId, int]:
        members_seq, rights = self._found.get(place.chat_id, (0, {}))
        return rights if members_seq == place.members_seq else {}

    def remember(self, places: Mapping[ChatId, Place], found: Mapping[tuple[ChatId, UserId], int]) -> None:
        """Only what has been committed: a transaction that is undone may have seen members who never came."""
        for (chat_id, user_id), rights in found.items():
            if self._count >= WRITERS_MAX:
                self._found, self._count = {}, 0
            place = places[chat_id]
            writers = self.of(place)
            writers[user_id] = rights
            self._found[chat_id] = place.members_seq, writers
            self._count += 1
