"""What auth does by itself after it has answered: letters, which nobody waits for."""

import hmac

import msgspec

from kaif.engines.bus import Retries
from kaif.engines.database import Database, Transaction
from kaif.engines.mail import Mail, Postponed
from kaif.interfaces.auth.accounts import LetterDue, LetterKind, LetterPostponed, PasswordForgotten
from kaif.interfaces.personal_data import DataErased
from kaif.kernel.clock import Clock
from kaif.services.auth import model, store
from kaif.services.auth.accounts import erasure_store
from kaif.services.auth.defences import attempts
from kaif.services.auth.factors import challenges
from kaif.services.auth.letters import links
from kaif.services.auth.letters.writing import Letters
from kaif.services.auth.model import Account

# A mail server that is down is waited for as other mail servers would, for three days (RFC 5321, 4.5.4.1); what it
# refuses for good is the operator's to look at, and must not hold up the letters behind it.
LETTERS = Retries(retry_min_ms=500, retry_max_ms=30_000, attempts_max=2, outage_attempts_max=3 * 24 * 120)
# A mailbox that is busy or a greylist, for half a day.
POSTPONED = Retries(retry_min_ms=1000, retry_max_ms=600_000, attempts_max=2, outage_attempts_max=80)

# Letters that would let their reader take the address for an account.
CLAIMS: frozenset[LetterKind] = frozenset({"welcome", "confirm", "confirm_asked", "new_email"})
# Of those, to an address that nobody has confirmed, until an hour has passed without one: however many accounts name
# it, they do not fill a stranger's mailbox.
CLAIMS_MAX = 20
# Letters in an hour to the owner of an address that others name.
TOLD_MAX = 3
# Accounts with one address that nobody has confirmed, for which a new password is offered.
CLAIMANTS_MAX = 5


class Reactions:
    def __init__(self, database: Database, mail: Mail, letters: Letters, key: bytes, clock: Clock) -> None:
        """`key` seals addresses to which letters are counted."""
        self._database, self._mail, self._letters, self._clock = database, mail, letters, clock
        self._key = key
        self._accounts = store.accounts(database)

    async def send_letter(self, event: LetterDue) -> None:
        try:
            await self._send(event)
        except Postponed:
            # One address that can't take mail now, perhaps a made-up one, must not stop everybody's letters.
            async with self._database.transaction() as tx:
                await tx.publish(LetterPostponed(**msgspec.structs.asdict(event)))

    async def send_postponed_letter(self, event: LetterPostponed) -> None:
        await self._send(event)

    async def _send(self, event: LetterDue) -> None:
        account = await self._accounts(event.user_id)
        # Who left meanwhile wants no more letters.
        if account is None or account.deleted_at_us is not None:
            return
        owner = await store.owner_of_address(self._database, event.address)
        if owner is not None and owner.id != account.id:
            await self._tell_owner(event.kind, owner)
        elif owner is None and event.kind in CLAIMS:
            await self._send_claim(event, account)
        else:
            await self._mail.send(self._letters.write(event, account))

    async def _send_claim(self, event: LetterDue, account: Account) -> None:
        subject = f"claims:{hmac.digest(self._key, event.address.encode(), 'sha256').hex()}"
        async with self._database.transaction() as tx:
            sent = (await attempts.lock(tx, [subject], self._clock()))[subject][0]
        if sent >= CLAIMS_MAX:
            return
        await self._mail.send(self._letters.write(event, account))
        # Only now: while the mail server is down a letter is tried again and again, and counts once.
        async with self._database.transaction() as tx:
            await attempts.count(tx, [subject], self._clock())

    async def _tell_owner(self, kind: LetterKind, owner: Account) -> None:
        """Somebody else has named their address: what was to be sent there opens an account that is not theirs."""
        if kind not in CLAIMS:
            return
        async with self._database.transaction() as tx:
            if not await challenges.count_guess(tx, owner.id, "address_named", self._clock(), TOLD_MAX):
                await tx.publish(model.letter_due(owner, "address_named"))

    async def note_erasure(self, event: DataErased) -> None:
        async with self._database.transaction() as tx:
            await erasure_store.add_part(tx, event.erasure_id, event.holder, event.erased, self._clock())

    async def offer_reset(self, event: PasswordForgotten) -> None:
        owner = await store.owner_of_address(self._database, event.email)
        # Each letter says for which account it is: whoever reads them knows theirs, and a stranger's opens no other.
        named = [owner] if owner else await store.claimants_of_address(self._database, event.email, CLAIMANTS_MAX)
        async with self._database.transaction() as tx:
            for account in named:
                if account.opens_by_letter:
                    await self._offer(tx, account, self._clock())

    async def _offer(self, tx: Transaction, account: Account, now_us: int) -> None:
        # A stranger who asks without end would fill the mailbox, and take each link's place before it is opened.
        if await challenges.had_all_tries(tx, account.id, "reset", now_us):
            return
        # No link is made within a minute of another, so that repeating this sends no second letter.
        link_id = await links.issue(tx, account.id, links.RESET, account.email, now_us)
        if link_id:
            await challenges.count_guess(tx, account.id, "reset", now_us)
            await tx.publish(model.letter_due(account, "reset", link_id))
