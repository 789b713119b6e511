"""What auth's database keeps of applications, and of who has allowed them what."""

import msgspec

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth.applications import Application, ApplicationId, ApplicationKind, IdTokenAlgorithm, Scope
from kaif.interfaces.auth.openid import AllowedApplication
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.auth.openid.authorization_requests import as_scopes
from kaif.services.auth.store import columns_of, insert


class StoredApplication(msgspec.Struct, frozen=True):
    """A row of auth_applications."""

    id: ApplicationId
    name: str
    kind: ApplicationKind
    redirect_uris: str
    scopes: str
    id_token_algorithm: IdTokenAlgorithm
    homepage: str
    secret_hash: str
    created_at_us: int
    changed_at_us: int
    secret_renewed_at_us: int | None = None

    @property
    def allowed_scopes(self) -> list[Scope]:
        return as_scopes(self.scopes)

    def used_by(self, people: int, used_at_us: int | None) -> Application:
        return Application(
            id=self.id,
            name=self.name,
            kind=self.kind,
            redirect_uris=self.redirect_uris.split(),
            scopes=self.allowed_scopes,
            id_token_algorithm=self.id_token_algorithm,
            homepage=self.homepage,
            created_at=as_datetime(self.created_at_us),
            changed_at=as_datetime(self.changed_at_us),
            secret_renewed_at=as_datetime(self.secret_renewed_at_us),
            people=people,
            used_at=as_datetime(used_at_us),
        )


_COLUMNS = columns_of(StoredApplication)


class Consent(msgspec.Struct, frozen=True):
    """A row of auth_consents with the application that it is about."""

    application_id: ApplicationId
    name: str
    homepage: str
    scopes: str
    allowed_at_us: int
    used_at_us: int

    @property
    def allowed_application(self) -> AllowedApplication:
        return AllowedApplication(
            id=self.application_id,
            name=self.name,
            homepage=self.homepage,
            scopes=as_scopes(self.scopes),
            allowed_at=as_datetime(self.allowed_at_us),
            used_at=as_datetime(self.used_at_us),
        )


# Applications


async def find(reads: Reads, application_id: str) -> StoredApplication | None:
    sql = f"SELECT {_COLUMNS} FROM auth_applications WHERE id = :id"
    found = await reads.fetch(StoredApplication, sql, id=application_id)
    return found[0] if found else None


async def locked(tx: Transaction, application_id: str) -> StoredApplication | None:
    """As it is until the transaction ends."""
    sql = f"SELECT {_COLUMNS} FROM auth_applications WHERE id = :id FOR UPDATE"
    found = await tx.fetch(StoredApplication, sql, id=application_id)
    return found[0] if found else None


async def naming(reads: Reads, application_id: ApplicationId) -> dict[str, str]:
    """As entries of the audit log name it: its name may change, or be all that is left of it."""
    application = await find(reads, application_id)
    return {"application": application_id, "name": application.name if application else ""}


async def by_name(database: Database, limit: int) -> list[StoredApplication]:
    sql = f"SELECT {_COLUMNS} FROM auth_applications ORDER BY name, id LIMIT :limit"
    return await database.fetch(StoredApplication, sql, limit=limit)


async def usage(database: Database) -> dict[ApplicationId, tuple[int, int]]:
    """How many people have allowed each application, and when it was last used."""
    rows: list[tuple[ApplicationId, int, int]] = await database.fetch(
        tuple, "SELECT application_id, COUNT(*), MAX(used_at_us) FROM auth_consents GROUP BY application_id"
    )
    return {application_id: (people, used_at_us) for application_id, people, used_at_us in rows}


async def count(tx: Transaction) -> int:
    rows: list[tuple[int]] = await tx.fetch(tuple, "SELECT COUNT(*) FROM auth_applications")
    return rows[0][0]


async def add(tx: Transaction, application: StoredApplication) -> None:
    await insert(tx, "auth_applications", application)


async def change(tx: Transaction, application: StoredApplication) -> None:
    await tx.execute(
        """
        UPDATE auth_applications
        SET name = :name, redirect_uris = :redirect_uris, scopes = :scopes, id_token_algorithm = :id_token_algorithm,
            homepage = :homepage, secret_hash = :secret_hash, changed_at_us = :changed_at_us,
            secret_renewed_at_us = :secret_renewed_at_us
        WHERE id = :id
        """,
        id=application.id,
        name=application.name,
        redirect_uris=application.redirect_uris,
        scopes=application.scopes,
        id_token_algorithm=application.id_token_algorithm,
        homepage=application.homepage,
        secret_hash=application.secret_hash,
        changed_at_us=application.changed_at_us,
        secret_renewed_at_us=application.secret_renewed_at_us,
    )


async def remove(tx: Transaction, application_id: ApplicationId) -> None:
    """With everything that people have allowed it."""
    await tx.execute("DELETE FROM auth_applications WHERE id = :id", id=application_id)
    await tx.execute("DELETE FROM auth_consents WHERE application_id = :id", id=application_id)


# Consents


async def allowed(reads: Reads, user_id: UserId, application_id: ApplicationId) -> list[Scope]:
    """What the person has allowed the application so far."""
    rows: list[tuple[str]] = await reads.fetch(
        tuple,
        "SELECT scopes FROM auth_consents WHERE user_id = :user_id AND application_id = :application_id",
        user_id=user_id,
        application_id=application_id,
    )
    return as_scopes(rows[0][0]) if rows else []


async def allow(
    tx: Transaction, user_id: UserId, application_id: ApplicationId, scopes: list[Scope], now_us: int
) -> None:
    await tx.execute(
        """
        INSERT INTO auth_consents (user_id, application_id, scopes, allowed_at_us, used_at_us)
        VALUES (:user_id, :application_id, :scopes, :now_us, :now_us)
        ON CONFLICT (user_id, application_id) DO UPDATE
        SET scopes = excluded.scopes, allowed_at_us = excluded.allowed_at_us, used_at_us = excluded.used_at_us
        """,
        user_id=user_id,
        application_id=application_id,
        scopes=" ".join(scopes),
        now_us=now_us,
    )


async def note_use(tx: Transaction, user_id: UserId, application_id: ApplicationId, now_us: int) -> None:
    await tx.execute(
        """
        UPDATE auth_consents SET used_at_us = :now_us
        WHERE user_id = :user_id AND application_id = :application_id
        """,
        user_id=user_id,
        application_id=application_id,
        now_us=now_us,
    )


async def of_person(database: Database, user_id: UserId) -> list[Consent]:
    return await database.fetch(
        Consent,
        """
        SELECT c.application_id, a.name, a.homepage, c.scopes, c.allowed_at_us, c.used_at_us
        FROM auth_consents AS c JOIN auth_applications AS a ON a.id = c.application_id
        WHERE c.user_id = :user_id ORDER BY c.used_at_us DESC, c.application_id
        """,
        user_id=user_id,
    )


async def end_consents(tx: Transaction, user_id: UserId) -> None:
    await tx.execute("DELETE FROM auth_consents WHERE user_id = :user_id", user_id=user_id)


async def end_consent(tx: Transaction, user_id: UserId, application_id: ApplicationId) -> bool:
    sql = "DELETE FROM auth_consents WHERE user_id = :user_id AND application_id = :application_id"
    return await tx.execute(sql, user_id=user_id, application_id=application_id) == 1
