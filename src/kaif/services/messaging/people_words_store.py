"""What is stored of the words by which people are found among the members of a chat."""

from collections.abc import Iterable, Sequence

from kaif.engines.database import Database, Transaction
from kaif.kernel.actor import NOBODY, UserId
from kaif.services.messaging.people_words import Named, words_of

LAST_LETTER = "\U0010ffff"


async def keep_words(tx: Transaction, ids: Iterable[UserId]) -> None:
    """Of people whom this transaction has locked: their words are those of their names as they stand now."""
    rows: list[tuple[UserId, str, str, str]] = await tx.fetch(
        tuple, "SELECT id, username, display_name, worded FROM messaging_people WHERE id IN :ids", ids=list(ids)
    )
    gone: list[tuple[str, UserId]] = []
    new: list[tuple[str, UserId]] = []
    kept: list[tuple[str, UserId]] = []
    for user_id, username, display_name, worded in rows:
        before, now = set(worded.split()), set(words_of(username, display_name))
        if before != now:
            gone += [(word, user_id) for word in before - now]
            new += [(word, user_id) for word in now - before]
            kept.append((" ".join(sorted(now)), user_id))
    if gone:
        await tx.execute_many(
            "DELETE FROM messaging_people_words WHERE word = :word AND user_id = :user_id", sorted(gone)
        )
    if new:
        await tx.insert("messaging_people_words", ("word", "user_id"), sorted(new))
    if kept:
        await tx.execute_many("UPDATE messaging_people SET worded = :worded WHERE id = :id", kept)


async def unworded(tx: Transaction, limit: int) -> list[UserId]:
    """Some whose words are not kept yet, held until the commit."""
    rows: list[tuple[UserId]] = await tx.fetch(
        tuple, "SELECT id FROM messaging_people WHERE worded = '' ORDER BY id LIMIT :limit FOR UPDATE", limit=limit
    )
    return [user_id for (user_id,) in rows]


async def named_after(database: Database, beginning: str, after: Named, limit: int) -> Sequence[Named]:
    """Whoever has such a word, wherever they are; the next ones in order."""
    start = max(after, Named(beginning, NOBODY.user_id))
    return await database.fetch(
        Named,
        """
        SELECT word, user_id FROM messaging_people_words
        WHERE (word, user_id) > (:word, :user_id) AND word < :beyond
        ORDER BY word, user_id LIMIT :limit
        """,
        word=start.word,
        user_id=start.user_id,
        beyond=beginning + LAST_LETTER,
        limit=limit,
    )
