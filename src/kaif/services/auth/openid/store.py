"""What auth's database keeps of codes and tokens of applications: their hashes, and what they are good for."""

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.applications import ApplicationId
from kaif.kernel.actor import UserId
from kaif.kernel.clock import DAY_US
from kaif.services.auth import store
from kaif.services.auth.store import columns_of, insert

# So long the second use of a code is told from a made-up one.
SPENT_KEPT_US = DAY_US


class Code(msgspec.Struct, frozen=True):
    """A row of auth_codes."""

    code_hash: str
    grant_id: str
    application_id: ApplicationId
    user_id: UserId
    redirect_uri: str
    scopes: str
    nonce: str
    code_challenge: str
    authenticated_at_us: int
    expires_at_us: int
    spent_at_us: int | None = None


_CODE = columns_of(Code)


class Grant(msgspec.Struct, frozen=True):
    """A row of auth_application_grants: what one code gave."""

    id: str
    application_id: ApplicationId
    user_id: UserId
    scopes: str
    refresh_hash: str
    authenticated_at_us: int
    created_at_us: int
    refreshed_at_us: int
    expires_at_us: int


_GRANT = columns_of(Grant)


class Token(msgspec.Struct, frozen=True):
    """An access token that is good, with the scopes that its application may still ask for."""

    grant_id: str
    application_id: ApplicationId
    user_id: UserId
    scopes: str
    application_scopes: str
    created_at_us: int
    expires_at_us: int


# Codes


async def add_code(tx: Transaction, code: Code, now_us: int) -> None:
    await tx.execute("DELETE FROM auth_codes WHERE expires_at_us <= :before_us", before_us=now_us - SPENT_KEPT_US)
    await insert(tx, "auth_codes", code)


async def find_code(reads: Reads, code_hash: str) -> Code | None:
    sql = f"SELECT {_CODE} FROM auth_codes WHERE code_hash = :code_hash"
    found = await reads.fetch(Code, sql, code_hash=code_hash)
    return found[0] if found else None


async def spend_code(tx: Transaction, code_hash: str, now_us: int) -> bool:
    """True for whoever comes first and in time."""
    spent = await tx.execute(
        """
        UPDATE auth_codes SET spent_at_us = :now_us
        WHERE code_hash = :code_hash AND spent_at_us IS NULL AND expires_at_us > :now_us
        """,
        code_hash=code_hash,
        now_us=now_us,
    )
    return spent == 1


# Grants


async def add_grant(tx: Transaction, grant: Grant) -> None:
    await tx.execute("DELETE FROM auth_application_grants WHERE expires_at_us <= :now_us", now_us=grant.created_at_us)
    await insert(tx, "auth_application_grants", grant)


async def find_grant(reads: Reads, grant_id: str) -> Grant | None:
    sql = f"SELECT {_GRANT} FROM auth_application_grants WHERE id = :grant_id"
    found = await reads.fetch(Grant, sql, grant_id=grant_id)
    return found[0] if found else None


async def find_live_grant(reads: Reads, grant_id: str) -> Grant | None:
    """One of a person who is neither suspended nor gone."""
    sql = f"""
        SELECT {_GRANT} FROM auth_application_grants WHERE id = :grant_id AND user_id IN
          (SELECT id FROM auth_users WHERE suspended_at_us IS NULL AND deleted_at_us IS NULL)
        """
    found = await reads.fetch(Grant, sql, grant_id=grant_id)
    return found[0] if found else None


async def rotate_grant(
    tx: Transaction, grant_id: str, old_hash: str, new_hash: str, now_us: int, idle_until_us: int, lifetime_us: int
) -> bool:
    """Put the new refresh token in the place of the old one, in one statement; False when it was not current."""
    rotated = await tx.execute(
        """
        UPDATE auth_application_grants
        SET refresh_hash = :new_hash, refreshed_at_us = :now_us, expires_at_us =
          CASE WHEN created_at_us + :lifetime_us < :idle_until_us
          THEN created_at_us + :lifetime_us ELSE :idle_until_us END
        WHERE id = :grant_id AND refresh_hash = :old_hash AND expires_at_us > :now_us
        """,
        grant_id=grant_id,
        old_hash=old_hash,
        new_hash=new_hash,
        now_us=now_us,
        idle_until_us=idle_until_us,
        lifetime_us=lifetime_us,
    )
    return rotated == 1


async def end_grant(tx: Transaction, grant_id: str) -> bool:
    """With all its tokens; False when it had ended before."""
    await tx.execute("DELETE FROM auth_application_tokens WHERE grant_id = :grant_id", grant_id=grant_id)
    return await tx.execute("DELETE FROM auth_application_grants WHERE id = :grant_id", grant_id=grant_id) == 1


async def end_all(tx: Transaction, user_id: UserId) -> None:
    """Everything that the person's applications hold."""
    await _end_where(tx, "user_id = :user_id", user_id=user_id)


async def end_access(tx: Transaction, user_id: UserId, application_id: ApplicationId) -> None:
    """Everything that this application holds of the person's."""
    await _end_where(
        tx, "user_id = :user_id AND application_id = :application_id", user_id=user_id, application_id=application_id
    )


async def end_application(tx: Transaction, application_id: ApplicationId) -> None:
    await _end_where(tx, "application_id = :application_id", application_id=application_id)


async def _end_where(tx: Transaction, whose: str, **values: str) -> None:
    grants = f"SELECT id FROM auth_application_grants WHERE {whose}"
    await tx.execute(f"DELETE FROM auth_codes WHERE {whose}", **values)
    await tx.execute(f"DELETE FROM auth_application_tokens WHERE grant_id IN ({grants})", **values)
    await tx.execute(f"DELETE FROM auth_application_grants WHERE {whose}", **values)


# Access tokens


async def add_token(
    tx: Transaction, token_hash: str, grant_id: str, user_id: UserId, scopes: str, now_us: int, expires_at_us: int
) -> None:
    await tx.execute("DELETE FROM auth_application_tokens WHERE expires_at_us <= :now_us", now_us=now_us)
    await tx.execute(
        """
        INSERT INTO auth_application_tokens (token_hash, grant_id, user_id, scopes, created_at_us, expires_at_us)
        VALUES (:token_hash, :grant_id, :user_id, :scopes, :now_us, :expires_at_us)
        """,
        token_hash=token_hash,
        grant_id=grant_id,
        user_id=user_id,
        scopes=scopes,
        now_us=now_us,
        expires_at_us=expires_at_us,
    )


async def find_token(reads: Reads, token_hash: str, now_us: int) -> Token | None:
    """One that is good, of an application and a person who may still use it."""
    found = await reads.fetch(
        Token,
        """
        SELECT t.grant_id, g.application_id, g.user_id, t.scopes, a.scopes, t.created_at_us, t.expires_at_us
        FROM auth_application_tokens AS t
        JOIN auth_application_grants AS g ON g.id = t.grant_id
        JOIN auth_applications AS a ON a.id = g.application_id
        JOIN auth_users AS u ON u.id = g.user_id
        WHERE t.token_hash = :token_hash AND t.expires_at_us > :now_us
          AND u.suspended_at_us IS NULL AND u.deleted_at_us IS NULL
        """,
        token_hash=token_hash,
        now_us=now_us,
    )
    return found[0] if found else None


async def revoke_token(tx: Transaction, token_hash: str, application_id: ApplicationId) -> None:
    """If it is one of this application's."""
    await tx.execute(
        """
        DELETE FROM auth_application_tokens WHERE token_hash = :token_hash
          AND grant_id IN (SELECT id FROM auth_application_grants WHERE application_id = :application_id)
        """,
        token_hash=token_hash,
        application_id=application_id,
    )


async def is_alive(tx: Transaction, user_id: UserId) -> bool:
    """Neither suspended nor deleted; neither can happen until the transaction ends."""
    account = await store.locked_account(tx, user_id)
    return account is not None and account.suspended_at_us is None
