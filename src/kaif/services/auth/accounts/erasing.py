"""The end of an account, be it a person's or a bot's: only a nameless row and the receipt of the erasure remain."""

from typing import NamedTuple

from kaif.engines.database import Transaction
from kaif.interfaces.auth import PersonChanged
from kaif.interfaces.auth.avatars import AvatarLeft
from kaif.interfaces.personal_data import PersonErased
from kaif.kernel.actor import SessionId
from kaif.kernel.ids import new_id
from kaif.services.auth import model
from kaif.services.auth.accounts import avatar_store, erasure_store, people
from kaif.services.auth.api_keys import store as stored_keys
from kaif.services.auth.invitations import store as invitation_store
from kaif.services.auth.model import Account
from kaif.services.auth.sessions import store as stored_sessions


class Erased(NamedTuple):
    """`ended` are sessions and keys that have to be announced."""

    erasure_id: str
    ended: list[SessionId]


async def erase_account(tx: Transaction, account: Account, now_us: int) -> Erased | None:
    """None when its password is no longer the one that is known of it."""
    nameless, erasure_id = model.nameless(account), new_id()
    if not await people.forget(tx, nameless, account.password_hash, now_us):
        return None
    sessions = await stored_sessions.end_all(tx, account.id, now_us)
    keys = await stored_keys.interrupt_all(tx, account.id, now_us)
    # Of an address that they have only named, the invitations are somebody else's.
    is_theirs = account.email_confirmed_at_us is not None
    invited = await invitation_store.forget_address(tx, account.email) if is_theirs else 0
    pictures = await avatar_store.take_all(tx, account.id)
    for picture in pictures:
        await tx.publish(AvatarLeft(hold=picture.hold, media_id=picture.media_id))
    erased = {
        "sessions": len(sessions),
        "account": 1,
        **({"invitations": invited} if invited else {}),
        **({"pictures": len(pictures)} if pictures else {}),
        **await erasure_store.erase(tx, account.id),
    }
    await erasure_store.add(tx, erasure_id, now_us)
    await erasure_store.add_part(tx, erasure_id, "auth", erased, now_us)
    await tx.publish(PersonChanged(person=nameless.person))
    await tx.publish(PersonErased(erasure_id=erasure_id, remains=nameless.person))
    return Erased(erasure_id, [*sessions, *keys])
