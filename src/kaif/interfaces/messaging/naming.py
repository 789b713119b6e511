"""How entries that say who came, went or may do what are shown where admins alone see who is there."""

import msgspec

from kaif.interfaces.messaging import Entry, EntryKind
from kaif.kernel.actor import UserId

# What was done with messages and topics their authors say themselves, by doing it.
NAMING: frozenset[EntryKind] = frozenset(
    (
        "created",
        "joined",
        "left",
        "renamed",
        "changed",
        "promoted",
        "demoted",
        "restricted",
        "unrestricted",
        "banned",
        "transferred",
        "timer",
    )
)


def nameless(entry: Entry, reader: UserId | None = None) -> Entry:
    """By the chat itself, and of how many people instead of whom; oneself one sees named."""
    if entry.kind not in NAMING:
        return entry
    whom = [user_id for user_id in entry.user_ids if user_id == reader]
    by = entry.sender_id if entry.sender_id == reader else UserId(entry.chat_id)
    count = len(entry.user_ids) if whom != entry.user_ids else 0
    return msgspec.structs.replace(entry, sender_id=by, user_ids=whom, people_count=count)
