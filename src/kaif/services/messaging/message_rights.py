"""Who may do what with messages of others. Whoever writes in a chat may do as they like with their own."""

from kaif.interfaces.messaging import ChatKind
from kaif.services.messaging.model import OWNER


def may_delete_of_others(kind: ChatKind, role: str) -> bool:
    """In a direct chat each one answers for their own words; its maker is nobody's superior."""
    return kind != "direct" and role == OWNER


def may_pin(kind: ChatKind, role: str) -> bool:
    """Whoever is in a chat may."""
    return True
