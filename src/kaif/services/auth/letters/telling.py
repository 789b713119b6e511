"""Telling people by letter that a way into their account has changed (ASVS 6.3.7)."""

from kaif.engines.database import Transaction
from kaif.interfaces.auth.accounts import LetterKind
from kaif.kernel.actor import UserId
from kaif.services.auth import store
from kaif.services.auth.model import letter_due


async def tell(tx: Transaction, user_id: UserId, kind: LetterKind, details: dict[str, str] | None = None) -> None:
    """Only at an address that is proved: any other may be a stranger's, who has no part in this."""
    account = await store.find_account(tx, user_id)
    if account is not None and account.email_confirmed_at_us is not None:
        await tx.publish(letter_due(account, kind, details=details))
