"""What operators ask auth's database about people."""

from collections.abc import Sequence

from kaif.engines.database import Reads
from kaif.interfaces.auth.directory import FindAccounts
from kaif.kernel.actor import UserId
from kaif.services.auth.model import WORD_CHARS_MAX, Account
from kaif.services.auth.store import ACCOUNT, AFTER_ALL_IDS, LAST_LETTER

# Of a search; a name has a few, and each costs a part of the statement.
WORDS_MAX = 4


async def find_accounts(reads: Reads, wanted: FindAccounts, limit: int) -> list[Account]:
    """The newest first; ids are in the order of their making."""
    where = ["id < :before", "deleted_at_us IS NULL"]
    values: dict[str, object] = {"before": wanted.before or AFTER_ALL_IDS, "limit": limit}
    if wanted.suspended is not None:
        where.append(f"suspended_at_us IS {'NOT ' if wanted.suspended else ''}NULL")
    if wanted.email_confirmed is not None:
        where.append(f"email_confirmed_at_us IS {'NOT ' if wanted.email_confirmed else ''}NULL")
    if wanted.role:
        where.append("roles <> '' AND ' ' || roles || ' ' LIKE :role ESCAPE '!'")
        values["role"] = f"% {_literally(wanted.role)} %"
    for number, word in enumerate(words_of(wanted.query)):
        where.append(_matches(number))
        values |= {
            f"word_{number}": word[:WORD_CHARS_MAX],
            f"beyond_{number}": word[:WORD_CHARS_MAX] + LAST_LETTER,
            f"email_{number}": f"{_literally(word)}%",
            f"id_{number}": word,
        }
    sql = f"SELECT {ACCOUNT} FROM auth_users WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT :limit"
    return await reads.fetch(Account, sql, **values)


def words_of(query: str) -> Sequence[str]:
    return [word.removeprefix("@") for word in query.casefold().split()][:WORDS_MAX]


def _matches(number: int) -> str:
    return f"""(
      id IN (SELECT user_id FROM auth_words WHERE word >= :word_{number} AND word < :beyond_{number})
      OR email LIKE :email_{number} ESCAPE '!' OR id = :id_{number}
    )"""


def _literally(text: str) -> str:
    """For LIKE … ESCAPE '!'."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


async def last_sign_in(reads: Reads, user_id: UserId) -> int | None:
    """When somebody last opened the account, as the audit log has it."""
    rows: list[tuple[int]] = await reads.fetch(
        tuple,
        """
        SELECT at_us FROM auth_audit WHERE subject_id = :user_id AND action = 'signed_in' ORDER BY seq DESC LIMIT 1
        """,
        user_id=user_id,
    )
    return rows[0][0] if rows else None
