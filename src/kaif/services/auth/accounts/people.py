"""What changes in a person's row, and in the words and sessions that belong to it."""

from kaif.engines.database import Transaction
from kaif.interfaces.auth import Language
from kaif.kernel.actor import UserId
from kaif.services.auth.model import Account, NewPassword, search_words


async def confirm_email(tx: Transaction, user_id: UserId, email: str, now_us: int) -> bool:
    """False when that is no longer the person's address. Raises AlreadyExists when somebody else has confirmed it."""
    changed = await tx.execute(
        """
        UPDATE auth_users SET email_confirmed_at_us = COALESCE(email_confirmed_at_us, :now_us)
        WHERE id = :user_id AND email = :email
        """,
        user_id=user_id,
        email=email,
        now_us=now_us,
    )
    return changed == 1


async def change_email(tx: Transaction, user_id: UserId, email: str, now_us: int) -> None:
    """Raises AlreadyExists when somebody else has confirmed the address."""
    await tx.execute(
        """
        UPDATE auth_users SET email = :email, email_confirmed_at_us = :now_us
        WHERE id = :user_id AND deleted_at_us IS NULL
        """,
        user_id=user_id,
        email=email,
        now_us=now_us,
    )


async def change_password(tx: Transaction, user_id: UserId, new: NewPassword, instead_of: str, now_us: int) -> bool:
    """False when the password is no longer the one that the change was about."""
    changed = await tx.execute(
        """
        UPDATE auth_users
        SET password_hash = :password_hash, short_password = :short, password_changed_at_us = :now_us,
            reset_required_at_us = NULL
        WHERE id = :user_id AND password_hash = :instead_of AND deleted_at_us IS NULL
        """,
        user_id=user_id,
        password_hash=new.hash,
        short=int(new.is_short),
        instead_of=instead_of,
        now_us=now_us,
    )
    return changed == 1


async def require_reset(tx: Transaction, user_id: UserId, now_us: int) -> None:
    """No password is right any more, and nothing else opens the account before it has a new one."""
    await tx.execute(
        """
        UPDATE auth_users SET password_hash = '', short_password = 0, reset_required_at_us = :now_us
        WHERE id = :user_id
        """,
        user_id=user_id,
        now_us=now_us,
    )


async def change_avatar_colour(tx: Transaction, user_id: UserId, colour: int | None) -> None:
    sql = "UPDATE auth_users SET avatar_colour = :colour WHERE id = :user_id AND deleted_at_us IS NULL"
    await tx.execute(sql, user_id=user_id, colour=colour)


async def change_language(tx: Transaction, user_id: UserId, language: Language) -> None:
    await tx.execute(
        "UPDATE auth_users SET language = :language WHERE id = :user_id AND deleted_at_us IS NULL",
        user_id=user_id,
        language=language,
    )


async def rename(tx: Transaction, account: Account) -> bool:
    """Give the row the account's display name; False when the account was deleted meanwhile."""
    # The row first: whoever renames at the same time waits here, not in the middle of the words.
    changed = await tx.execute(
        "UPDATE auth_users SET display_name = :display_name WHERE id = :user_id AND deleted_at_us IS NULL",
        user_id=account.id,
        display_name=account.display_name,
    )
    if not changed:
        return False
    await tx.execute("DELETE FROM auth_words WHERE user_id = :user_id", user_id=account.id)
    words = sorted(search_words(account.person))
    await tx.insert("auth_words", ("word", "user_id"), [(word, account.id) for word in words])
    return True


async def forget(tx: Transaction, nameless: Account, instead_of: str, now_us: int) -> bool:
    """Leave only the nameless account; False when the password is no longer the one that was given."""
    changed = await tx.execute(
        """
        UPDATE auth_users
        SET username = :username, email = :email, display_name = :display_name, roles = '', avatar_colour = NULL,
            avatar = NULL, password_hash = :password_hash, email_confirmed_at_us = NULL, permitted_at_us = :now_us,
            language = :language, password_changed_at_us = NULL, short_password = 0, reset_required_at_us = NULL,
            deleted_at_us = :now_us
        WHERE id = :user_id AND password_hash = :instead_of AND deleted_at_us IS NULL
        """,
        user_id=nameless.id,
        username=nameless.username,
        email=nameless.email,
        display_name=nameless.display_name,
        password_hash=nameless.password_hash,
        language=nameless.language,
        instead_of=instead_of,
        now_us=now_us,
    )
    return changed == 1
