"""By what people prove who they are, and that one such way is always left to them."""

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.identities import IdentityId
from kaif.interfaces.auth.passkeys import LastWayIn, PasskeyId
from kaif.interfaces.auth.wallets import WalletId
from kaif.kernel.actor import SessionId, UserId
from kaif.services.auth import store
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.factors import challenges, enrolments
from kaif.services.auth.factors import rule as factor_rule
from kaif.services.auth.model import present
from kaif.services.auth.openid import applications_store
from kaif.services.auth.openid import store as openid_store
from kaif.services.auth.passkeys import credentials
from kaif.services.auth.providers import store as identity_store
from kaif.services.auth.sessions import store as stored_sessions
from kaif.services.auth.wallets import store as wallet_store


async def second_steps(reads: Reads, user_id: UserId) -> list[str]:
    """What an account with a second factor accepts after its password; nothing for one without.

    A passkey alone does not ask for itself after a password: who loses the device would be shut out.
    """
    codes = await enrolments.methods(reads, user_id)
    return [*codes, *await _passkey(reads, user_id)] if codes else []


async def steps_after_one(reads: Reads, user_id: UserId) -> list[str]:
    """What somebody who has proved one thing has to add before a session opens.

    Where a second factor is required a passkey is asked for even if it is all there is: it is what makes it two.
    """
    if steps := await second_steps(reads, user_id):
        return steps
    passkey = await _passkey(reads, user_id)
    return passkey if passkey and await factor_rule.is_required(reads, user_id) else []


async def only_passkeys_count(reads: Reads, user_id: UserId) -> bool:
    """Whether the account needs a second factor and has no codes, but a passkey."""
    if await enrolments.find_totp(reads, user_id) is not None or not await _passkey(reads, user_id):
        return False
    return await factor_rule.is_required(reads, user_id)


async def proofs(reads: Reads, user_id: UserId) -> list[str]:
    """What renews a session: the password, with a code where there is a second factor; or a passkey alone.

    A wallet stands in for the password, and so does a sign-in service where there is none. Where a second factor is
    required and only passkeys are one, nothing else will do.
    """
    if await only_passkeys_count(reads, user_id):
        return ["passkey"]
    has_password = await store.has_password(reads, user_id)
    first = ["password"] if has_password else []
    first += ["wallet"] if await wallet_store.of_account(reads, user_id) else []
    if not has_password and await identity_store.usable_identities(reads, user_id):
        first.append("service")
    codes = await enrolments.methods(reads, user_id) if first else []
    return [*first, *codes, *await _passkey(reads, user_id)]


async def _passkey(reads: Reads, user_id: UserId) -> list[str]:
    return ["passkey"] if await credentials.usable(reads, user_id) else []


async def require_another(tx: Transaction, user_id: UserId, removed: PasskeyId | WalletId | IdentityId) -> None:
    """Raises LastWayIn when nothing but this passkey, wallet or linked service opens the account."""
    # The row stays locked, so that of two removals at once the second one sees the first.
    account = present(await store.locked_account(tx, user_id))
    if account.password_hash:
        return
    ways: set[str] = {credential.id for credential in await credentials.usable(tx, user_id)}
    ways |= {wallet.id for wallet in await wallet_store.of_account(tx, user_id)}
    ways |= {identity.id for identity in await identity_store.usable_identities(tx, user_id)}
    if not ways - {removed}:
        raise LastWayIn


async def end_all_but_password(tx: Transaction, user_id: UserId, now_us: int) -> list[SessionId]:
    """Leave nothing else that opens the account or acts for it; what ended has to be announced. Its row must be locked,
    so that nothing new slips in.

    Codes from an app stay: alone they open nothing, and no reset takes a second factor away (ASVS 6.4.3).
    """
    await credentials.remove_all(tx, user_id)
    await wallet_store.remove_all(tx, user_id)
    await identity_store.remove_all(tx, user_id)
    await applications_store.end_consents(tx, user_id)
    await openid_store.end_all(tx, user_id)
    await challenges.end_all(tx, user_id)
    sessions = await stored_sessions.end_all(tx, user_id, now_us)
    return sessions + await stored_keys.revoke_all(tx, user_id, now_us)
