"""What one can do with wallets; each method is one transaction, and a sign-in opens its session in another."""

from kaif.engines.database import AlreadyExists, Database, Transaction
from kaif.interfaces.auth import Nothing, Tokens
from kaif.interfaces.auth.wallets import (
    WALLET_REGISTRATION_SECONDS,
    WALLETS_MAX,
    BeginWallet,
    GivenProof,
    RegisterByWallet,
    TooManyWallets,
    UnlinkWallet,
    Wallet,
    WalletAlreadyLinked,
    WalletChallenge,
    WalletId,
    WalletList,
    WalletNotFound,
    WalletProofEnded,
    WalletRegistrationEnded,
    WalletTaken,
    WalletUnknown,
)
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import SECOND_US, Clock
from kaif.kernel.errors import KaifError
from kaif.kernel.ids import new_id
from kaif.services.auth import model, store, ways_in
from kaif.services.auth.audit.log import NO_ONE, AuditLog
from kaif.services.auth.factors import challenges
from kaif.services.auth.factors.stepping_up import require_recent_authentication
from kaif.services.auth.letters.telling import tell
from kaif.services.auth.model import Account, present
from kaif.services.auth.sessions.entering import Claim, Enter, RegisterOnClaim
from kaif.services.auth.wallets import store as wallet_store
from kaif.services.auth.wallets.proofs import WalletProofs
from kaif.services.auth.wallets.store import Proved, StoredWallet, shown

SIGN_IN = "Sign in to Kaif Ozero."


class WalletsService:
    def __init__(
        self,
        database: Database,
        proofs: WalletProofs,
        audit: AuditLog,
        clock: Clock,
        enter: Enter,
        register: RegisterOnClaim,
    ) -> None:
        """`enter` and `register` are those of accounts."""
        self._database, self._proofs, self._audit, self._clock = database, proofs, audit, clock
        self._enter, self._register = enter, register
        self._accounts = store.accounts(database)

    # Signing in

    async def begin_wallet_sign_in(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        async with self._database.transaction() as tx:
            return await self._proofs.begin(tx, "sign_in", NOBODY.user_id, request, SIGN_IN, self._clock())

    async def sign_in_by_wallet(self, actor: Actor, request: GivenProof) -> Tokens:
        now_us, linked, account, ticket = self._clock(), None, None, ""
        async with self._database.transaction() as tx:
            proved = await self._proofs.accept(tx, request.proof, "sign_in", NOBODY.user_id, now_us)
            if isinstance(proved, KaifError):
                await self._audit.record(tx, actor, "sign_in_failed", NO_ONE, wallet=proved.code)
            elif linked := await wallet_store.find(tx, proved):
                # As it is while the wallet proves it: who changes it after this is seen when the session opens.
                account = await store.find_account(tx, linked.user_id)
            else:
                ticket = await _new_ticket(tx, proved, now_us)
        if isinstance(proved, KaifError):
            raise proved
        if linked is None:
            raise WalletUnknown(ticket=ticket, address=shown(proved.chain, proved.address))
        wallet_id = linked.id

        async def still_linked(tx: Transaction) -> None:
            if not await wallet_store.note_use(tx, wallet_id, now_us):
                raise WalletProofEnded

        return await self._enter(actor, present(account), still_linked)

    async def register_by_wallet(self, actor: Actor, request: RegisterByWallet) -> Tokens:
        ticket_hash, now_us = model.hash_of(request.ticket), self._clock()
        proved = await wallet_store.find_ticket(self._database, ticket_hash, now_us)
        if proved is None:
            raise WalletRegistrationEnded

        async def link(tx: Transaction, user_id: UserId) -> None:
            if not await wallet_store.spend_ticket(tx, ticket_hash, now_us):
                raise WalletRegistrationEnded
            # Two sign-ins of one stranger have two tickets: the second one finds the wallet taken.
            await wallet_store.add(tx, _new_wallet(user_id, proved, now_us))

        return await self._register(actor, request, Claim(link, {"wallet": proved.chain}, WalletTaken))

    # One's own wallets

    async def list_wallets(self, actor: Actor, request: Nothing) -> WalletList:
        found = await wallet_store.of_account(self._database, actor.user_id)
        return WalletList([each.wallet for each in found])

    async def begin_wallet_link(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        account, now_us = present(await self._accounts(actor.user_id)), self._clock()
        statement = f"Let this wallet sign in to the account {account.username} at Kaif Ozero."
        async with self._database.transaction() as tx:
            await require_recent_authentication(tx, actor, now_us)
            if len(await wallet_store.of_account(tx, account.id)) >= WALLETS_MAX:
                raise TooManyWallets
            return await self._proofs.begin(tx, "link", account.id, request, statement, now_us)

    async def link_wallet(self, actor: Actor, request: GivenProof) -> Wallet:
        now_us = self._clock()
        try:
            async with self._database.transaction() as tx:
                # Of two that are linked at once the second one counts the first; and whoever ends the session holds
                # this row, so that nothing slips in behind them.
                account = present(await store.locked_account(tx, actor.user_id))
                await require_recent_authentication(tx, actor, now_us)
                proved = await self._proofs.accept(tx, request.proof, "link", account.id, now_us)
                linked = (
                    proved if isinstance(proved, KaifError) else await self._link(tx, actor, account, proved, now_us)
                )
        except AlreadyExists:
            # Somebody links the same at this moment.
            raise WalletTaken from None
        if isinstance(linked, KaifError):
            raise linked
        return linked.wallet

    async def _link(
        self, tx: Transaction, actor: Actor, account: Account, proved: Proved, now_us: int
    ) -> StoredWallet | KaifError:
        """The proof is spent even when there is nothing to link, so the error is for after the transaction."""
        if known := await wallet_store.find(tx, proved):
            return WalletAlreadyLinked() if known.user_id == account.id else WalletTaken()
        if len(await wallet_store.of_account(tx, account.id)) >= WALLETS_MAX:
            return TooManyWallets()
        wallet = _new_wallet(account.id, proved, now_us)
        await wallet_store.add(tx, wallet)
        await tell(tx, account.id, "wallet_linked")
        await self._audit.record(tx, actor, "wallet_linked", account.id, **_told(wallet))
        return wallet

    async def unlink_wallet(self, actor: Actor, request: UnlinkWallet) -> Nothing:
        account = present(await self._accounts(actor.user_id))
        async with self._database.transaction() as tx:
            # First of all, as it locks the row that whoever ends sessions holds.
            await ways_in.require_another(tx, actor.user_id, request.wallet_id)
            await require_recent_authentication(tx, actor, self._clock())
            removed = await wallet_store.remove(tx, actor.user_id, request.wallet_id)
            if removed is None:
                raise WalletNotFound
            # Sign-ins under way may have begun with it.
            await challenges.end_all(tx, account.id)
            await tell(tx, account.id, "wallet_unlinked")
            await self._audit.record(tx, actor, "wallet_unlinked", account.id, **_told(removed))
        return Nothing()

    # Stepping up

    async def begin_wallet_step_up(self, actor: Actor, request: BeginWallet) -> WalletChallenge:
        account, now_us = present(await self._accounts(actor.user_id)), self._clock()
        statement = f"Confirm that you are {account.username} at Kaif Ozero."
        async with self._database.transaction() as tx:
            if not await wallet_store.of_account(tx, account.id):
                raise WalletNotFound
            return await self._proofs.begin(tx, "step_up", account.id, request, statement, now_us)


async def _new_ticket(tx: Transaction, proved: Proved, now_us: int) -> str:
    ticket = model.new_secret()
    expires_at_us = now_us + WALLET_REGISTRATION_SECONDS * SECOND_US
    await wallet_store.keep_ticket(tx, model.hash_of(ticket), proved, now_us, expires_at_us)
    return ticket


def _new_wallet(user_id: UserId, proved: Proved, now_us: int) -> StoredWallet:
    return StoredWallet(WalletId(new_id()), user_id, proved.chain, proved.address, now_us)


def _told(wallet: StoredWallet) -> dict[str, str]:
    return {"chain": wallet.chain, "wallet": shown(wallet.chain, wallet.address)}
