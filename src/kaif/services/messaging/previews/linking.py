"""Notes which new messages have a link to look up, in the transaction that writes them; a crash forgets none."""

import asyncio
from collections.abc import Iterable

from kaif.engines.database import Transaction
from kaif.interfaces.messaging import Entry
from kaif.services.messaging.previews import links
from kaif.services.messaging.previews import store as preview_store


class LinkPlan:
    """`on` is false where this server looks nothing up: nothing is noted then."""

    def __init__(self, *, on: bool) -> None:
        self.on = on
        self.woken = asyncio.Event()

    async def note(self, tx: Transaction, entries: Iterable[Entry], now_us: int) -> bool:
        """Whether there was one: whoever commits wakes then. Messages without links cost nothing here."""
        if not self.on:
            return False
        linked = [(entry.chat_id, entry.seq) for entry in entries if entry.entities and _is_looked_up(entry)]
        if linked:
            await preview_store.plan(tx, linked, now_us)
        return bool(linked)

    def wake(self) -> None:
        """There is, or may be, something to do."""
        self.woken.set()


def _is_looked_up(entry: Entry) -> bool:
    if entry.kind != "message" or entry.without_preview or entry.reminder or entry.card:
        return False
    return bool(links.first_link(entry.text, entry.entities))
