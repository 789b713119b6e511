"""What takes a way in away, or changes the account, between its proof and the session is seen before the session."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in
from tests.services.auth.home import NEW_PASSWORD, Home, at_home
from tests.services.auth.test_slipping_in import turn_on
from tests.services.auth.test_squatters import add_passkey, add_wallet

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth import InvalidCredentials, Nothing, SessionEnded, Tokens, WrongPassword
from kaif.interfaces.auth.accounts import ChangeEmail, ChangePassword
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.factors import (
    ChallengeEnded,
    InvalidCode,
    LogInWithSecondFactor,
    SecondFactorRequired,
    StepUp,
)
from kaif.interfaces.auth.passkeys import BeginSecondStep, PasskeyUnknown, RemovePasskey, SignInWithPasskey
from kaif.interfaces.auth.sessions import AccountSuspended, Suspend
from kaif.interfaces.auth.wallets import GivenProof, UnlinkWallet, WalletProofEnded
from kaif.kernel.actor import NOBODY
from kaif.kernel.clock import MINUTE_US
from kaif.services.auth import store
from kaif.services.auth.factors import enrolments
from kaif.services.auth.sessions import store as stored_sessions

Deed = Callable[[Home, Tokens, Tokens], Awaitable[object]]


class Interrupted:
    """The home's database, on which something else happens right after a transaction has come to its end."""

    def __init__(self) -> None:
        self._database: Any = None
        self._task: asyncio.Task[Any] | None = None
        self._after = 1
        self.deed: Callable[[], Awaitable[object]] | None = None

    def around(self, database: Database) -> Database:
        self._database = database
        return cast(Database, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as tx:
            yield tx
        # Not after those of letters, which leave meanwhile.
        if self.deed and asyncio.current_task() is self._task:
            self._after -= 1
            if self._after:
                return
            deed, self.deed = self.deed, None
            await deed()

    def then(self, deed: Callable[[], Awaitable[object]], after: int = 1) -> None:
        """After so many transactions of whoever says so, from now on."""
        self.deed, self._task, self._after = deed, asyncio.current_task(), after


@pytest.fixture
def interrupted() -> Interrupted:
    return Interrupted()


@pytest.fixture
async def home(database_url: str, tmp_path: Path, interrupted: Interrupted) -> AsyncIterator[Home]:
    async with at_home(tmp_path, database_url, around=interrupted.around) as home:
        yield home


async def suspend(home: Home, owner: Tokens, anna: Tokens) -> None:
    await home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))


async def change_password(home: Home, _: Tokens, anna: Tokens) -> None:
    """Whoever does that ends all sessions, and so those that are about to open."""
    await home.accounts.change_password(actor_of(anna), ChangePassword(PASSWORD, NEW_PASSWORD))


async def unlink(home: Home, _: Tokens, anna: Tokens) -> None:
    [wallet] = (await home.wallets.list_wallets(actor_of(anna), Nothing())).wallets
    await home.wallets.unlink_wallet(actor_of(anna), UnlinkWallet(wallet.id))


async def remove(home: Home, _: Tokens, anna: Tokens) -> None:
    [passkey] = (await home.passkeys.get_passkeys(actor_of(anna), Nothing())).passkeys
    await home.passkeys.remove_passkey(actor_of(anna), RemovePasskey(passkey.id))


async def openings(home: Home, anna: Tokens) -> int:
    entries = (await home.audit.list_audit(AUDITOR, ListAudit("signed_in", anna.user.id))).entries
    return len(entries)


@pytest.mark.parametrize(
    ("deed", "error"),
    [(suspend, AccountSuspended), (change_password, InvalidCredentials), (unlink, WalletProofEnded)],
    ids=["suspended", "password", "unlinked"],
)
async def test_a_wallet_lets_nobody_in_whose_account_has_changed_since(
    home: Home, interrupted: Interrupted, deed: Deed, error: type
) -> None:
    owner, anna = await home.owner_and("anna")
    wallet = await add_wallet(home, anna)
    proof = wallet.prove(await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin()))
    before = await openings(home, anna)
    interrupted.then(lambda: deed(home, owner, anna))

    with pytest.raises(error):
        await home.wallets.sign_in_by_wallet(NOBODY, GivenProof(proof))

    assert interrupted.deed is None and await openings(home, anna) == before


@pytest.mark.parametrize(
    ("deed", "error"),
    [(suspend, AccountSuspended), (change_password, InvalidCredentials), (remove, PasskeyUnknown)],
    ids=["suspended", "password", "removed"],
)
async def test_a_passkey_lets_nobody_in_whose_account_has_changed_since(
    home: Home, interrupted: Interrupted, deed: Deed, error: type
) -> None:
    owner, anna = await home.owner_and("anna")
    key = await add_passkey(home, anna)
    given = key.get(await home.passkeys.begin_passkey_sign_in(NOBODY, Nothing()))
    before = await openings(home, anna)
    interrupted.then(lambda: deed(home, owner, anna))

    with pytest.raises(error):
        await home.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(given))

    assert interrupted.deed is None and await openings(home, anna) == before


async def test_one_factor_lets_nobody_in_where_a_second_one_was_turned_on_since(
    home: Home, interrupted: Interrupted
) -> None:
    _, anna = await home.owner_and("anna")
    wallet = await add_wallet(home, anna)
    # Long enough that what has run out is forgotten on the way in.
    home.now_us += 2 * MINUTE_US
    proof = wallet.prove(await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin()))
    before = await openings(home, anna)
    # After the wallet has proved its owner, who had no other factor.
    interrupted.then(lambda: turn_on(home, anna), after=2)

    with pytest.raises(SecondFactorRequired):
        await home.wallets.sign_in_by_wallet(NOBODY, GivenProof(proof))

    assert interrupted.deed is None and await openings(home, anna) == before


async def test_a_sign_in_that_waits_for_its_second_step_ends_with_the_wallet_it_began_with(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    wallet = await add_wallet(home, anna)
    app = await turn_on(home, anna)
    proof = wallet.prove(await home.wallets.begin_wallet_sign_in(NOBODY, wallet.begin()))
    with pytest.raises(SecondFactorRequired) as under_way:
        await home.wallets.sign_in_by_wallet(NOBODY, GivenProof(proof))

    await unlink(home, anna, anna)

    code = app.at(home.now_us // 1_000_000 + 30)
    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(
            NOBODY, LogInWithSecondFactor(str(under_way.value.details["challenge"]), code)
        )


async def test_an_address_is_not_changed_by_a_password_that_was_changed_since(
    home: Home, interrupted: Interrupted
) -> None:
    """Whoever changes it because somebody else knows it has withdrawn that one's links just before."""
    _, anna = await home.owner_and("anna")
    stranger = await log_in(home.auth, "anna")
    # After the password was proved, and its guess was forgotten.
    interrupted.then(lambda: change_password(home, anna, anna), after=2)

    with pytest.raises(WrongPassword):
        await home.accounts.change_email(actor_of(stranger), ChangeEmail("stranger@example.org", PASSWORD))

    assert interrupted.deed is None
    assert not await home.database.fetch(tuple, "SELECT 1 FROM auth_links WHERE purpose = 'new_email'")


async def test_an_address_is_not_changed_in_a_session_that_has_ended_since(
    home: Home, interrupted: Interrupted
) -> None:
    _, anna = await home.owner_and("anna")
    stranger = await log_in(home.auth, "anna")
    interrupted.then(lambda: home.sessions.end_other_sessions(actor_of(anna), Nothing()), after=2)

    with pytest.raises(SessionEnded):
        await home.accounts.change_email(actor_of(stranger), ChangeEmail("stranger@example.org", PASSWORD))

    assert interrupted.deed is None


async def test_a_password_alone_renews_no_session_while_a_second_factor_is_turned_on(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    other = actor_of(await log_in(home.auth, "anna"))

    async with home.database.transaction() as tx:
        # As whoever turns it on does, in another session.
        assert await store.locked_account(tx, anna.user.id)
        await enrolments.add_totp(tx, anna.user.id, "sealed", 0, home.now_us)
        await stored_sessions.age_other_authentications(tx, anna.user.id, actor_of(anna).session_id)
        coming = asyncio.ensure_future(home.factors.step_up(other, StepUp(PASSWORD)))
        # By now it has compared the password, and waits.
        await asyncio.sleep(0.4)

    with pytest.raises(InvalidCode):
        await coming
    assert await stored_sessions.find_authentication(home.database, other.user_id, other.session_id) == 0


async def waits_for_the_second_step(home: Home, anna: Tokens) -> str:
    with pytest.raises(SecondFactorRequired) as under_way:
        await log_in(home.auth, anna.user.username)
    return str(under_way.value.details["challenge"])


async def test_a_passkey_that_is_removed_after_it_was_the_second_step_lets_nobody_in(
    home: Home, interrupted: Interrupted
) -> None:
    owner, anna = await home.owner_and("anna")
    key = await add_passkey(home, anna)
    await turn_on(home, anna)
    challenge = await waits_for_the_second_step(home, anna)
    given = key.get(await home.passkeys.begin_passkey_second_step(NOBODY, BeginSecondStep(challenge)))
    before = await openings(home, anna)
    interrupted.then(lambda: remove(home, owner, anna))

    with pytest.raises(PasskeyUnknown):
        await home.factors.log_in_with_second_factor(NOBODY, LogInWithSecondFactor(challenge, credential=given))

    assert interrupted.deed is None and await openings(home, anna) == before


async def test_a_second_step_lets_nobody_in_whose_second_factor_was_removed_since(
    home: Home, interrupted: Interrupted
) -> None:
    """Nor whose first one was: whatever is taken away ends the sign-ins that it began."""
    _, anna = await home.owner_and("anna")
    app = await turn_on(home, anna)
    challenge = await waits_for_the_second_step(home, anna)
    before = await openings(home, anna)
    interrupted.then(lambda: home.factors.remove_totp(actor_of(anna), Nothing()))

    with pytest.raises(ChallengeEnded):
        await home.factors.log_in_with_second_factor(
            NOBODY, LogInWithSecondFactor(challenge, app.at(home.now_us // 1_000_000 + 30))
        )

    assert interrupted.deed is None and await openings(home, anna) == before
