"""Bots: accounts of programs, for which a person answers. Nothing but their key opens them."""

import asyncio
import hashlib
from typing import Any

import pytest
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, register
from tests.services.auth.home import Home

from kaif.interfaces.auth import (
    SESSIONS_ENDED,
    BadDisplayName,
    FindPeople,
    GetPerson,
    InvalidCredentials,
    Nothing,
    PasswordResetRequired,
    Tokens,
    UsernameTaken,
)
from kaif.interfaces.auth.accounts import ConfirmEmail, DeleteAccount
from kaif.interfaces.auth.api_keys import READ_PEOPLE, ApiKeyRefused, ExchangeApiKey
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.bots import (
    BOT_KEY_DAYS,
    BOTS_MAX,
    Bot,
    BotNotFound,
    Bots,
    BotWithKey,
    MakeBot,
    OfBot,
    RenameBot,
    TooManyBots,
)
from kaif.interfaces.auth.directory import AccountIsBot, FindAccounts, OfAccount
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.own_data import GetErasure
from kaif.interfaces.auth.sessions import AccountSuspended, Restore, Suspend
from kaif.interfaces.media import READ_SCOPE as FILES_READ_SCOPE
from kaif.interfaces.media import WRITE_SCOPE as FILES_WRITE_SCOPE
from kaif.interfaces.messaging import READ_SCOPE, WRITE_SCOPE
from kaif.kernel.actor import NOBODY, Actor, UserId
from kaif.kernel.clock import DAY_US, MINUTE_US, SECOND_US
from kaif.kernel.tokens import Verifier


def bots_of(home: Home) -> Bots:
    bots: Bots = home.services[Bots]
    return bots


async def make(home: Home, tokens: Tokens, username: str = "lakebot", name: str | None = None) -> BotWithKey:
    return await bots_of(home).make_bot(actor_of(tokens), MakeBot(username, name))


async def listed(home: Home, tokens: Tokens) -> list[Bot]:
    return (await bots_of(home).list_bots(actor_of(tokens), Nothing())).bots


async def speaker(home: Home, secret: str) -> Actor:
    exchanged = await home.api_keys.exchange(NOBODY, ExchangeApiKey(secret))
    keys = (await home.auth.get_keys(NOBODY, Nothing())).keys
    return Verifier(keys).verify(exchanged.access_token.encode(), home.now_us / SECOND_US).actor


async def audited(home: Home) -> list[tuple[str, UserId, UserId]]:
    """What was done to bots, by whom, the oldest first."""
    page = await home.audit.list_audit(AUDITOR, ListAudit(limit=200))
    return [(one.action, one.actor_id, one.subject_id) for one in page.entries[::-1] if one.action.startswith("bot_")]


async def test_a_bot_speaks_for_itself_by_its_key_alone(home: Home) -> None:
    owner, anna = await home.owner_and("anna")

    made = await make(home, anna, "LakeBot", "Озёрный бот")

    person = made.bot.person
    assert (person.username, person.display_name, person.kind) == ("lakebot", "Озёрный бот", "bot")
    assert await listed(home, anna) == [made.bot] and await listed(home, owner) == []
    actor = await speaker(home, made.secret)
    assert actor.user_id == person.id and not actor.permissions
    assert actor.scopes == frozenset({READ_PEOPLE, READ_SCOPE, WRITE_SCOPE, FILES_READ_SCOPE, FILES_WRITE_SCOPE})
    assert made.bot.key and made.bot.key.ending == made.secret[-4:]
    assert (made.bot.key.expires_at - made.bot.made_at).days == BOT_KEY_DAYS
    assert await home.auth.get_person(NOBODY, GetPerson(person.id)) == person
    assert (await home.auth.find_people(NOBODY, FindPeople("озёрный"))).people == [person]
    assert await audited(home) == [("bot_made", anna.user.id, person.id)]
    stored: list[tuple[Any, ...]] = await home.database.fetch(tuple, "SELECT * FROM auth_api_keys")
    assert hashlib.sha256(made.secret.encode()).hexdigest() in str(stored) and made.secret not in str(stored)


async def test_nobody_signs_in_as_a_bot(embedded_home: Home) -> None:
    home = embedded_home
    _, anna = await home.owner_and("anna")
    bot = (await make(home, anna)).bot

    for login in ("lakebot", f"bot-{bot.person.id}"):
        for password in (PASSWORD, "lakebot", " "):
            with pytest.raises(InvalidCredentials):
                await log_in(home.auth, login, password)

    assert bot.person.username == "lakebot"


async def test_making_renewing_and_deleting_need_the_person_again(embedded_home: Home) -> None:
    home = embedded_home
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)
    home.now_us += 15 * MINUTE_US + 1
    deeds = bots_of(home)

    for deed in (
        make(home, anna, "otherbot"),
        deeds.renew_bot_key(actor_of(anna), OfBot(made.bot.person.id)),
        deeds.delete_bot(actor_of(anna), OfBot(made.bot.person.id)),
    ):
        with pytest.raises(StepUpRequired):
            await deed

    assert await listed(home, anna) == [made.bot]
    assert (await speaker(home, made.secret)).user_id == made.bot.person.id


async def test_names_are_one_namespace_with_people_and_twenty_at_once_leave_one(home: Home) -> None:
    _, anna = await home.owner_and("talbot")

    with pytest.raises(UsernameTaken):
        await make(home, anna, "talbot")
    with pytest.raises(BadDisplayName):
        await make(home, anna, "nicebot", "\u202e")
    at_once = await asyncio.gather(*(make(home, anna) for _ in range(20)), return_exceptions=True)

    assert sum(isinstance(one, BotWithKey) for one in at_once) == 1
    assert all(isinstance(one, BotWithKey | UsernameTaken) for one in at_once)
    with pytest.raises(UsernameTaken):
        await register(home.auth, "lakebot")


async def test_a_person_has_twenty_bots_however_fast_they_are_made(home: Home) -> None:
    _, anna = await home.owner_and("anna")

    made = await asyncio.gather(
        *(make(home, anna, f"number{n}bot") for n in range(BOTS_MAX + 3)), return_exceptions=True
    )

    assert sum(isinstance(one, TooManyBots) for one in made) == 3
    assert len(await listed(home, anna)) == BOTS_MAX


async def test_nobody_touches_somebody_elses_bot(embedded_home: Home) -> None:
    home = embedded_home
    owner, anna = await home.owner_and("anna")
    made = await make(home, anna)
    deeds, of = bots_of(home), OfBot(made.bot.person.id)
    itself = await speaker(home, made.secret)

    for actor in (actor_of(owner), itself):
        for deed in (
            deeds.renew_bot_key(actor, of),
            deeds.revoke_bot_key(actor, of),
            deeds.delete_bot(actor, of),
            deeds.rename_bot(actor, RenameBot(made.bot.person.id, "Чужой")),
        ):
            with pytest.raises(BotNotFound):
                await deed

    assert (await speaker(home, made.secret)).user_id == made.bot.person.id


async def test_a_renewed_key_ends_the_one_of_before_and_a_revoked_one_leaves_none(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)
    ended: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, ended.append)
    of = OfBot(made.bot.person.id)

    renewed = await bots_of(home).renew_bot_key(actor_of(anna), of)

    assert made.bot.key and renewed.bot.key
    assert ended == [made.bot.key.id.encode()]
    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)
    assert (await speaker(home, renewed.secret)).user_id == made.bot.person.id

    stopped = await bots_of(home).revoke_bot_key(actor_of(anna), of)

    assert stopped.key is None and ended[1:] == [renewed.bot.key.id.encode()]
    with pytest.raises(ApiKeyRefused):
        await speaker(home, renewed.secret)
    assert [action for action, *_ in await audited(home)] == ["bot_made", "bot_key_renewed", "bot_key_revoked"]


@pytest.mark.asvs("6.3.7")
async def test_each_key_is_told_to_whoever_answers_for_the_bot_at_an_address_that_is_proved(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    made = await make(home, anna, "firstbot")
    await home.accounts.confirm_email(NOBODY, ConfirmEmail(await home.token("anna@example.org")))

    renewed = await bots_of(home).renew_bot_key(actor_of(anna), OfBot(made.bot.person.id))
    other = await make(home, anna, "otherbot")

    letters = [await home.letter("anna@example.org", number) for number in (2, 3)]
    assert "@firstbot" in letters[0].text and "@otherbot" in letters[1].text
    assert renewed.secret not in letters[0].text and other.secret not in letters[1].text
    assert len(await home.letters("anna@example.org")) == 3


async def test_a_bot_has_another_name_from_now_on(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)

    renamed = await bots_of(home).rename_bot(actor_of(anna), RenameBot(made.bot.person.id, "Маяк"))

    assert renamed.person.display_name == "Маяк" and renamed.person.kind == "bot"
    assert (await home.auth.find_people(NOBODY, FindPeople("маяк"))).people == [renamed.person]


async def test_a_bot_is_stopped_while_its_owner_is_suspended(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, anna)
    ended: list[bytes] = []
    await home.cache.subscribe(SESSIONS_ENDED, ended.append)

    await home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))

    assert made.bot.key and made.bot.key.id.encode() in ended
    with pytest.raises(AccountSuspended):
        await speaker(home, made.secret)
    await home.sessions.restore(actor_of(owner), Restore(anna.user.id))
    assert (await speaker(home, made.secret)).user_id == made.bot.person.id
    # Or alone.
    await home.sessions.suspend(actor_of(owner), Suspend(made.bot.person.id))
    with pytest.raises(AccountSuspended):
        await speaker(home, made.secret)
    assert [bot.suspended for bot in await listed(home, anna)] == [True]


async def test_a_bot_waits_for_the_new_password_that_its_owner_must_set(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, anna)

    await home.directory.force_reset(actor_of(owner), OfAccount(anna.user.id))

    with pytest.raises(PasswordResetRequired):
        await speaker(home, made.secret)


async def test_a_bot_is_erased_with_its_owner_and_its_name_is_free(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    first, second = await make(home, anna), await make(home, anna, "otherbot")
    await bots_of(home).delete_bot(actor_of(anna), OfBot(second.bot.person.id))

    erasure = await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    for gone in (first, second):
        with pytest.raises(ApiKeyRefused):
            await speaker(home, gone.secret)
        person = await home.auth.get_person(NOBODY, GetPerson(gone.bot.person.id))
        assert person.username == f"deleted-{person.id}" and person.kind == "bot"
    assert (await make(home, owner)).bot.person.id != first.bot.person.id
    assert await home.database.fetch(tuple, "SELECT owner_id FROM auth_bots") == [(owner.user.id,)]
    assert [action for action, *_ in await audited(home)].count("bot_deleted") == 2
    receipt = await home.own_data.get_erasure(NOBODY, GetErasure(erasure.id))
    assert [part.holder for part in receipt.parts if part.erased_at] == ["auth"]


async def test_a_key_of_a_bot_and_the_end_of_its_owner_meet_without_a_deadlock(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    made = await make(home, anna)

    async def exchange() -> object:
        try:
            return await speaker(home, made.secret)
        except (AccountSuspended, ApiKeyRefused) as refused:
            return refused

    async with asyncio.timeout(20):
        *_, suspended = await asyncio.gather(
            *(exchange() for _ in range(10)), home.sessions.suspend(actor_of(owner), Suspend(anna.user.id))
        )

    assert suspended == Nothing()
    with pytest.raises(AccountSuspended):
        await speaker(home, made.secret)


async def test_an_operator_sees_who_answers_for_a_bot(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    bot = (await make(home, anna)).bot.person

    found = (await home.directory.find_accounts(actor_of(owner), FindAccounts("lakebot"))).accounts
    details = await home.directory.get_account(actor_of(owner), OfAccount(bot.id))

    assert [(one.id, one.kind, one.email) for one in found] == [(bot.id, "bot", "")]
    assert details.bot_owner and details.bot_owner.id == anna.user.id
    for deed in (home.directory.force_reset, home.directory.send_confirmation):
        with pytest.raises(AccountIsBot):
            await deed(actor_of(owner), OfAccount(bot.id))


async def test_what_a_person_takes_along_names_their_bots(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)

    data = await home.own_data.export_own_data(actor_of(anna), Nothing())

    assert data.bots == [made.bot]


async def test_a_key_that_has_run_out_is_no_key_and_is_shown_all_the_same(embedded_home: Home) -> None:
    home = embedded_home
    _, anna = await home.owner_and("anna")
    made = await make(home, anna)
    home.now_us += BOT_KEY_DAYS * DAY_US + 1

    with pytest.raises(ApiKeyRefused):
        await speaker(home, made.secret)

    (bot,) = await listed(home, anna)
    assert bot.key == made.bot.key
