"""The rules of chats, free of storage."""

from kaif.interfaces.messaging import ChatKind, Role
from kaif.interfaces.messaging.errors import BadTitle
from kaif.kernel.actor import UserId
from kaif.kernel.clock import SECOND_US
from kaif.kernel.errors import Invalid
from kaif.kernel.text import clean_name

MEMBERS_MAX = 200_000
PEOPLE_SHOWN = 10

TELL_EVERY_US = SECOND_US
TELL_EVERY_US_MAX = 30 * SECOND_US
# What everybody hears goes to so many people a second, whatever the size of the chat.
TOLD_PEOPLE_PER_S = 1000

# Of a chat's `topics`.
TOPICS_ON, TOPICS_OFF_AGAIN = 1, 2

# Whether a group hides its members: by how many they are, or as its owner has decided.
MEMBERS_BY_SIZE, MEMBERS_HIDDEN, MEMBERS_SHOWN = 0, 1, 2

OWNER: Role = "owner"
ADMIN: Role = "admin"
MEMBER: Role = "member"


def erased_name(user_id: UserId) -> str:
    """What remains of an account: nobody else can have it (PersonErased.remains)."""
    return f"deleted-{user_id}"


def told_every_us(members: int) -> int:
    """How often everybody in so large a chat hears of what changes all the time, such as votes and views."""
    return min(max(TELL_EVERY_US, members * SECOND_US // TOLD_PEOPLE_PER_S), TELL_EVERY_US_MAX)


def cleaned_title(title: str | None) -> str:
    cleaned = clean_name(title or "")
    if cleaned is None:
        raise BadTitle(path="$.title")
    return cleaned


def once_direct(one: UserId, other: UserId) -> str:
    return "direct:" + ":".join(sorted((one, other)))


def once_made(kind: ChatKind, creator: UserId, ref: str) -> str:
    return f"{kind}:{creator}:{ref}"


def once_saved(owner: UserId) -> str:
    return f"saved:{owner}"


def only_other(actor_id: UserId, members: list[UserId]) -> UserId:
    """A direct chat is with exactly one other person."""
    others = set(members) - {actor_id}
    if len(others) != 1:
        raise Invalid("A direct chat is with one other person.", path="$.members")
    return others.pop()
