"""What the ways in ask of accounts: a session for whoever has proved who they are, or an account on a claim."""

from collections.abc import Awaitable, Callable

import msgspec

from kaif.engines.database import Transaction
from kaif.interfaces.auth import Tokens
from kaif.interfaces.auth.identities import RegisterByService
from kaif.interfaces.auth.wallets import RegisterByWallet
from kaif.kernel.actor import Actor, UserId
from kaif.kernel.errors import KaifError
from kaif.services.auth.model import Account

# Whoever has no password, but a claim.
Claimant = RegisterByWallet | RegisterByService


class Claim(msgspec.Struct, frozen=True):
    """On what an account without a password is made: `link` adds its way in, in the transaction, or raises.

    `by` is told in the audit log; `taken` is raised when somebody else was faster.
    """

    link: Callable[[Transaction, UserId], Awaitable[None]]
    by: dict[str, str]
    taken: type[KaifError]
    email_confirmed: bool = False


# What a way in does in the transaction that lets somebody in, with the account's row locked: it raises when it was
# taken away since it proved them, and notes its use.
ToTheEnd = Callable[[Transaction], Awaitable[None]]
# By one factor, of which a second may be asked.
Enter = Callable[[Actor, Account, ToTheEnd], Awaitable[Tokens]]
# By all that is asked.
OpenSession = Callable[[Actor, Account, ToTheEnd], Awaitable[Tokens]]
RegisterOnClaim = Callable[[Actor, Claimant, Claim], Awaitable[Tokens]]


async def nothing_more(tx: Transaction) -> None:
    """For a way in that can't be taken away, or was spent when it proved them."""
