"""People take all that auth holds about them, and when they leave nothing of it stays."""

import re

import msgspec
import pytest
from tests.services.auth.accounts import PASSWORD, actor_of, log_in, refresh
from tests.services.auth.home import Home
from tests.waiting import eventually

from kaif.engines.database import Database
from kaif.interfaces.auth import Nothing
from kaif.interfaces.auth.accounts import ChangeEmail, DeleteAccount
from kaif.interfaces.auth.factors import StepUpRequired
from kaif.interfaces.auth.invitations import Invite, RevokeInvitation
from kaif.interfaces.auth.own_data import ErasureNotFound, GetErasure, LastDigest
from kaif.interfaces.auth.roles import Grant
from kaif.interfaces.auth.sessions import Restore, Suspend
from kaif.interfaces.personal_data import DataErased
from kaif.kernel.actor import NOBODY, Actor
from kaif.kernel.clock import MINUTE_US
from kaif.kernel.ids import new_id

# What stays of somebody who left, and why.
KEPT = {
    "auth_users": "a nameless account, so that what they wrote is still somebody's",
    "auth_setup": "that the server was set up",
}
# What the export leaves out.
NOT_EXPORTED = {
    "auth_words": "what others find them by: their names, which stand in it",
    "auth_challenges": "a secret of minutes",
    "auth_tries": "a count of minutes",
    "auth_ceremonies": "a secret of minutes",
    "auth_authorizations": "a secret of minutes",
    "auth_totp_begun": "a secret that was shown to them and counts for nothing",
    "auth_user_handles": "a random number",
    "auth_looks": "their username, as it looks",
    "auth_avatars": "files that media holds; the picture is in the account",
    "auth_setup": "that the server was set up",
    "auth_codes": "a secret of a minute",
    "auth_application_tokens": "a secret of minutes",
    "auth_application_grants": "a secret that an application holds; which one, the allowed applications say",
    "auth_wallet_nonces": "a secret of minutes",
}
EXPORTED = {
    "auth_users": "account",
    "auth_sessions": "sessions",
    "auth_known_devices": "known_devices",
    "auth_totp": "second_factors",
    "auth_recovery_codes": "second_factors",
    "auth_passkeys": "passkeys",
    "auth_identities": "linked_services",
    "auth_links": "open_links",
    "auth_consents": "allowed_applications",
    "auth_api_keys": "api_keys",
    "auth_bots": "bots",
    "auth_wallets": "wallets",
    "auth_digests": "last_digest",
}


async def tables_of_people(database: Database) -> set[str]:
    """Those of auth whose rows belong to somebody."""
    sql = {
        "sqlite": """
            SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c
            WHERE m.type = 'table' AND m.name LIKE 'auth_%' AND c.name = 'user_id'
        """,
        "postgres": """
            SELECT table_name FROM information_schema.columns
            WHERE table_name LIKE 'auth_%' AND column_name = 'user_id' AND table_schema = current_schema()
        """,
    }
    rows: list[tuple[str]] = await database.fetch(tuple, sql[database.dialect])
    return {row[0] for row in rows} | {"auth_users"}


async def fill(database: Database, table: str, user_id: str) -> None:
    """A row of the person's in a table, whatever its columns."""
    async with database.transaction() as tx:
        await tx.execute(
            {
                "auth_totp": "INSERT INTO auth_totp VALUES (:u, 'sealed', 1, 1)",
                "auth_totp_begun": "INSERT INTO auth_totp_begun VALUES (:u, 'sealed')",
                "auth_recovery_codes": "INSERT INTO auth_recovery_codes VALUES (:u, 'hash')",
                "auth_challenges": "INSERT INTO auth_challenges VALUES ('hash', :u, 0, 9, 'sign_in')",
                "auth_tries": "INSERT INTO auth_tries VALUES (:u, 'sign_in', 1, 1)",
                "auth_passkeys": "INSERT INTO auth_passkeys VALUES "
                "('p1', :u, 'c', 'k', 0, '', 0, 0, '', 'Laptop', 1, NULL, NULL)",
                "auth_digests": "INSERT INTO auth_digests VALUES (:u, 'd', 0)",
                "auth_looks": "INSERT INTO auth_looks VALUES ('look', :u)",
                "auth_avatars": "INSERT INTO auth_avatars VALUES ('h', :u, 'm', 1, 1)",
                "auth_user_handles": "INSERT INTO auth_user_handles VALUES (:u, 'handle')",
                "auth_ceremonies": "INSERT INTO auth_ceremonies VALUES ('hash', 'add', :u, 9)",
                "auth_consents": "INSERT INTO auth_consents VALUES (:u, 'a', 'openid', 1, 1)",
                "auth_codes": "INSERT INTO auth_codes VALUES ('hash', 'g', 'a', :u, 'uri', '', '', '', 1, 9, NULL)",
                "auth_application_grants": "INSERT INTO auth_application_grants VALUES "
                "('g', 'a', :u, '', 'hash', 1, 1, 1, 9)",
                "auth_application_tokens": "INSERT INTO auth_application_tokens VALUES ('hash', 'g', :u, '', 1, 9)",
                "auth_api_keys": "INSERT INTO auth_api_keys VALUES "
                "('k1', :u, 'hash', 'aB3d', 'Bot', 'messaging.read', 1, 9, NULL, '', '')",
                "auth_bots": "INSERT INTO auth_bots VALUES (:u, 'owner', 1)",
                "auth_wallets": "INSERT INTO auth_wallets VALUES ('w1', :u, 'ethereum', '0xAb', 1, NULL)",
                "auth_wallet_nonces": "INSERT INTO auth_wallet_nonces VALUES ('hash', 'link', :u, 'ton', '', '', 9)",
                "auth_identities": "INSERT INTO auth_identities VALUES ('i1', :u, 'p1', 'subject', 'label', 1, NULL)",
                "auth_authorizations": "INSERT INTO auth_authorizations VALUES ('hash', 'hash', 'link', 'p1', :u, 9)",
            }[table],
            u=user_id,
        )


async def holding(database: Database, user_id: str) -> set[str]:
    """The tables that have a row of the person's."""
    found = set()
    for table in await tables_of_people(database):
        column = "id" if table == "auth_users" else "user_id"
        if await database.fetch(tuple, f"SELECT 1 FROM {table} WHERE {column} = :id", id=user_id):
            found.add(table)
    return found


async def test_the_export_says_all_that_is_held_and_no_secret(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    asking = Actor(address="203.0.113.7", agent="curl/8")
    tokens = await log_in(home.auth, "anna", asking=asking)
    await home.accounts.change_email(actor_of(tokens), ChangeEmail("new@example.org", PASSWORD))
    for table in ("auth_passkeys", "auth_api_keys", "auth_wallets", "auth_digests"):
        await fill(home.database, table, anna.user.id)

    data = await home.own_data.export_own_data(actor_of(tokens), Nothing())

    assert data.account == await home.user(tokens)
    assert [session.device for session in data.sessions] == ["curl", ""] and data.sessions[0].current
    assert ("curl", "203.0.113.0/24") in [(known.device, known.network) for known in data.known_devices]
    assert [passkey.name for passkey in data.passkeys] == ["Laptop"]
    assert [(key.name, key.ending) for key in data.api_keys] == [("Bot", "aB3d")]
    assert [wallet.address for wallet in data.wallets] == ["0xAb"]
    assert {link.email for link in data.open_links} == {"anna@example.org", "new@example.org"}
    assert data.last_digest == LastDigest("d", None) and data.invitations == []
    history = ["email_change_asked", "signed_in", "signed_in", "account_created"]
    assert [entry.action for entry in data.history] == history
    text = msgspec.json.encode(data).decode()
    assert "argon2" not in text and tokens.refresh_token not in text and not re.search(r"[0-9a-f]{64}", text)


async def test_whoever_invites_takes_along_what_they_made_and_nobody_elses(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    mine = (await home.invitations.invite(actor_of(owner), Invite(note="Choir", uses=3))).invitation
    await home.invitations.revoke_invitation(actor_of(owner), RevokeInvitation(mine.id))
    letter = (await home.invitations.invite(actor_of(owner), Invite(email="vera@example.org"))).invitation
    await home.roles.grant_role(actor_of(owner), Grant(anna.user.id, "admin"))
    admin = await refresh(home.auth, anna)
    await home.invitations.invite(actor_of(admin), Invite(note="Hers"))

    exported = (await home.own_data.export_own_data(actor_of(owner), Nothing())).invitations

    assert [(one.id, one.note, one.email, one.uses_max) for one in exported] == [
        (letter.id, "", "vera@example.org", 1),
        (mine.id, "Choir", None, 3),
    ]
    assert exported[1].revoked_at and not exported[0].revoked_at


async def test_every_table_about_people_is_exported_or_left_out_for_a_reason(home: Home) -> None:
    assert await tables_of_people(home.database) == EXPORTED.keys() | NOT_EXPORTED.keys()


async def test_the_export_wants_a_person_not_just_a_session(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    home.now_us += 16 * MINUTE_US

    with pytest.raises(StepUpRequired):
        await home.own_data.export_own_data(actor_of(anna), Nothing())


async def test_of_somebody_who_left_no_table_holds_a_row_but_what_must_stay(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    for table in await tables_of_people(home.database) - await holding(home.database, anna.user.id) - KEPT.keys():
        await fill(home.database, table, anna.user.id)
    held = await holding(home.database, anna.user.id)
    others = await holding(home.database, owner.user.id)

    await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    assert held == await tables_of_people(home.database) - {"auth_setup"}
    assert await holding(home.database, anna.user.id) == {"auth_users"}
    assert await holding(home.database, owner.user.id) == others


async def test_whoever_left_has_a_receipt_that_is_complete_when_every_holder_has_answered(home: Home) -> None:
    _, anna = await home.owner_and("anna")

    receipt = await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    auth, media, messaging = receipt.parts
    assert (auth.holder, auth.erased["account"], auth.erased["sessions"]) == ("auth", 1, 1) and auth.erased_at
    assert (media.holder, media.erased_at) == ("media", None)
    assert (messaging.holder, messaging.erased_at, receipt.complete) == ("messaging", None, False)
    for holder, erased in (("messaging", {"name": 1}), ("messaging", {"name": 2}), ("media", {})):
        async with home.database.transaction() as tx:
            await tx.publish(DataErased(erasure_id=receipt.id, holder=holder, erased=erased))

    async def complete() -> bool:
        return (await home.own_data.get_erasure(NOBODY, GetErasure(receipt.id))).complete

    await eventually(complete)
    now = await home.own_data.get_erasure(NOBODY, GetErasure(receipt.id))
    assert now.parts[2].erased == {"name": 1} and now.parts[0] == auth


async def test_a_receipt_says_nothing_of_whose_it_is(home: Home) -> None:
    _, anna = await home.owner_and("anna")

    receipt = await home.accounts.delete_account(actor_of(anna), DeleteAccount(PASSWORD))

    text = msgspec.json.encode(receipt).decode()
    assert "anna" not in text and anna.user.id not in text


async def test_there_is_no_receipt_by_any_other_number(home: Home) -> None:
    with pytest.raises(ErasureNotFound):
        await home.own_data.get_erasure(NOBODY, GetErasure(new_id()))


async def test_whoever_has_no_password_leaves_soon_after_a_sign_in(home: Home) -> None:
    _, anna = await home.owner_and("anna")
    async with home.database.transaction() as tx:
        await tx.execute("UPDATE auth_users SET password_hash = '' WHERE id = :id", id=anna.user.id)
    home.now_us += 16 * MINUTE_US
    with pytest.raises(StepUpRequired):
        await home.accounts.delete_account(actor_of(anna), DeleteAccount())
    home.now_us -= 2 * MINUTE_US

    assert await home.accounts.delete_account(actor_of(anna), DeleteAccount())


async def test_the_history_does_not_tell_from_where_an_operator_acted(home: Home) -> None:
    owner, anna = await home.owner_and("anna")
    operator = msgspec.structs.replace(actor_of(owner), address="198.51.100.23")
    await home.sessions.suspend(operator, Suspend(anna.user.id))
    await home.sessions.restore(operator, Restore(anna.user.id))
    there = Actor(address="203.0.113.7")
    again = await log_in(home.auth, "anna", asking=there)

    history = (await home.own_data.export_own_data(actor_of(again), Nothing())).history

    addresses = {entry.action: entry.details.get("address") for entry in reversed(history)}
    assert addresses["account_suspended"] is None
    assert addresses["signed_in"] == "203.0.113.7"
