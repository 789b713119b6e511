"""Takes files back from a CDN: links to them end at once, and it is told to forget what it holds."""

from kaif.engines.database import Transaction
from kaif.services.media.cdn import store as cdn_store
from kaif.services.media.cdn.links import LIVES_US


class Withdrawing:
    """Without a CDN there is nothing to take back."""

    def __init__(self, *, on: bool) -> None:
        self._on = on

    async def withdraw(self, tx: Transaction, media_id: str, now_us: int) -> None:
        """With the transaction. Under the lock of the file."""
        if self._on:
            await cdn_store.withdraw(tx, media_id, now_us, now_us + LIVES_US)


NO_CDN = Withdrawing(on=False)
