"""Every question about what operators have set."""

from collections.abc import Iterable

import msgspec

from kaif.engines.database import Reads, Transaction
from kaif.interfaces.auth.roles import RoleOf
from kaif.kernel.actor import UserId
from kaif.services.media.quotas.model import HolderKind, StoredQuota, set_for

_QUOTA = ", ".join(StoredQuota.__struct_fields__)


async def of_roles(reads: Reads) -> list[StoredQuota]:
    return await reads.fetch(StoredQuota, f"SELECT {_QUOTA} FROM media_quotas WHERE kind = 'role'")


async def of_person(reads: Reads, user_id: UserId, roles: Iterable[RoleOf]) -> list[StoredQuota]:
    """What is set for them, and for the roles that they hold."""
    holders = [("person", user_id), *(("role", role.name) for role in roles)]
    sql = f"SELECT {_QUOTA} FROM media_quotas WHERE (kind, holder) IN :holders"
    return await reads.fetch(StoredQuota, sql, holders=holders)


async def of_people(reads: Reads, limit: int) -> list[StoredQuota]:
    sql = f"SELECT {_QUOTA} FROM media_quotas WHERE kind = 'person' ORDER BY holder LIMIT :limit"
    return await reads.fetch(StoredQuota, sql, limit=limit)


async def get(reads: Reads, kind: HolderKind, holder: str) -> StoredQuota:
    sql = f"SELECT {_QUOTA} FROM media_quotas WHERE kind = :kind AND holder = :holder"
    return set_for(kind, holder, await reads.fetch(StoredQuota, sql, kind=kind, holder=holder))


async def put(tx: Transaction, quota: StoredQuota) -> None:
    if quota.file_max is None and quota.total_max is None:
        await forget(tx, quota.kind, quota.holder)
        return
    await tx.execute(
        """
        INSERT INTO media_quotas (kind, holder, file_max, total_max) VALUES (:kind, :holder, :file_max, :total_max)
        ON CONFLICT (kind, holder) DO UPDATE SET file_max = excluded.file_max, total_max = excluded.total_max
        """,
        **msgspec.structs.asdict(quota),
    )


async def forget(tx: Transaction, kind: HolderKind, holder: str) -> None:
    await tx.execute("DELETE FROM media_quotas WHERE kind = :kind AND holder = :holder", kind=kind, holder=holder)
