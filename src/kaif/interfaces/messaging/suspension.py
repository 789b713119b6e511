"""What the suspension of a group or channel promises: it stays to be read by who is in it, and nothing else.

Those who handle reports suspend it by a decision (`reports`), and open it again. Nobody writes, reacts or comes in,
neither its name nor its links lead to it, and nobody outside sees its title or picture. Its owner and admins may go on
deleting, banning and leaving, and its owner may delete it.
"""

from typing import ClassVar

from kaif.interfaces.messaging import ChatId
from kaif.kernel.actor import UserId
from kaif.kernel.errors import Forbidden
from kaif.kernel.events import Event


class ChatSuspended(Forbidden):
    code, detail = "chat_suspended", "The moderators of this server have closed this chat."


class ChatRestored(Event, frozen=True, kw_only=True):
    """For the audit log: who has opened it again, on the page of which report."""

    name: ClassVar[str] = "messaging.chat_restored.v1"
    restoring_id: str
    restored_by: UserId
    chat_id: ChatId
    report_id: str

    @property
    def key(self) -> str:
        return self.chat_id
