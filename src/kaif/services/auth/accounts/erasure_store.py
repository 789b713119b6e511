"""What auth's database holds about a person besides the account itself, and the receipts of its erasure."""

import msgspec

from kaif.engines.database import Database, Transaction
from kaif.interfaces.auth.own_data import ErasedPart, Erasure
from kaif.interfaces.personal_data import HOLDERS
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime

# Tables whose rows belong to the person in their column user_id, by what the receipt calls them.
_HELD = {
    "search_words": "auth_words",
    "links": "auth_links",
    "sessions": "auth_sessions",
    "known_devices": "auth_known_devices",
    "app_codes": "auth_totp",
    "app_codes_begun": "auth_totp_begun",
    "recovery_codes": "auth_recovery_codes",
    "sign_ins_under_way": "auth_challenges",
    "guesses": "auth_tries",
    "passkeys": "auth_passkeys",
    "passkey_handle": "auth_user_handles",
    "passkey_ceremonies": "auth_ceremonies",
    "allowed_applications": "auth_consents",
    "application_codes": "auth_codes",
    "application_tokens": "auth_application_tokens",
    "application_sign_ins": "auth_application_grants",
    "api_keys": "auth_api_keys",
    "bot": "auth_bots",
    "wallets": "auth_wallets",
    "wallet_proofs_under_way": "auth_wallet_nonces",
    "linked_services": "auth_identities",
    "visits_to_services": "auth_authorizations",
    "digests": "auth_digests",
    "look_of_username": "auth_looks",
}


async def erase(tx: Transaction, user_id: UserId) -> dict[str, int]:
    """All rows of the person's; how many of each that there were."""
    erased = {
        name: await tx.execute(f"DELETE FROM {table} WHERE user_id = :user_id", user_id=user_id)
        for name, table in _HELD.items()
    }
    return {name: count for name, count in erased.items() if count}


async def add(tx: Transaction, erasure_id: str, now_us: int) -> None:
    sql = "INSERT INTO auth_erasures (id, asked_at_us) VALUES (:id, :now_us)"
    await tx.execute(sql, id=erasure_id, now_us=now_us)


async def add_part(tx: Transaction, erasure_id: str, holder: str, erased: dict[str, int], now_us: int) -> None:
    """The first answer of a holder counts."""
    await tx.execute(
        """
        INSERT INTO auth_erased (erasure_id, holder, erased, erased_at_us)
        VALUES (:erasure_id, :holder, :erased, :now_us)
        ON CONFLICT (erasure_id, holder) DO NOTHING
        """,
        erasure_id=erasure_id,
        holder=holder,
        erased=msgspec.json.encode(erased).decode(),
        now_us=now_us,
    )


async def find(database: Database, erasure_id: str) -> Erasure | None:
    asked: list[tuple[int]] = await database.fetch(
        tuple, "SELECT asked_at_us FROM auth_erasures WHERE id = :id", id=erasure_id
    )
    if not asked:
        return None
    rows: list[tuple[str, str, int]] = await database.fetch(
        tuple, "SELECT holder, erased, erased_at_us FROM auth_erased WHERE erasure_id = :id", id=erasure_id
    )
    done = {
        holder: ErasedPart(holder, as_datetime(at_us), msgspec.json.decode(erased, type=dict[str, int]))
        for holder, erased, at_us in rows
    }
    parts = [done.get(holder) or ErasedPart(holder, None, {}) for holder in HOLDERS]
    return Erasure(erasure_id, as_datetime(asked[0][0]), all(part.erased_at for part in parts), parts)
