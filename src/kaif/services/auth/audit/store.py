"""Every question that the audit log asks the database."""

from collections.abc import AsyncIterator

from kaif.engines.database import Database, Reads, Transaction
from kaif.interfaces.auth.audit import ListAudit
from kaif.kernel.clock import as_us
from kaif.services.auth.audit.chain import Head, Link
from kaif.services.auth.store import columns_of, insert

_LINK = columns_of(Link)
PAGE = 1000


async def lock_head(tx: Transaction) -> Head:
    """The end of the chain, held until the commit: entries are appended one transaction after the other."""
    return (await tx.fetch(Head, "SELECT seq, hash FROM auth_audit_head WHERE id = 1 FOR UPDATE"))[0]


async def head(reads: Reads) -> Head:
    return (await reads.fetch(Head, "SELECT seq, hash FROM auth_audit_head WHERE id = 1"))[0]


async def append(tx: Transaction, link: Link) -> None:
    await insert(tx, "auth_audit", link)
    await tx.execute("UPDATE auth_audit_head SET seq = :seq, hash = :hash WHERE id = 1", seq=link.seq, hash=link.hash)


async def newest(reads: Reads, wanted: ListAudit, limit: int) -> list[Link]:
    """Newest first."""
    where = ["seq < :before"]
    values: dict[str, object] = {"before": wanted.before or 2**53 + 1, "limit": limit}
    if wanted.action:
        where.append("action = :action")
        values["action"] = wanted.action
    if wanted.user_id:
        where.append("(actor_id = :user_id OR subject_id = :user_id)")
        values["user_id"] = wanted.user_id
    if wanted.since:
        where.append("at_us >= :since_us")
        values["since_us"] = as_us(wanted.since)
    if wanted.until:
        where.append("at_us < :until_us")
        values["until_us"] = as_us(wanted.until)
    sql = f"SELECT {_LINK} FROM auth_audit WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT :limit"
    return await reads.fetch(Link, sql, **values)


async def chain(database: Database, after: int = 0) -> AsyncIterator[list[Link]]:
    """Its links behind one of them, page by page."""
    while page := await database.fetch(
        Link, f"SELECT {_LINK} FROM auth_audit WHERE seq > :after ORDER BY seq LIMIT :limit", after=after, limit=PAGE
    ):
        yield page
        after = page[-1].seq
