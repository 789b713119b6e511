"""Who may do what in a chat: one pure rule, which every use case asks."""

from collections.abc import Iterable
from enum import IntFlag
from typing import NamedTuple, get_args

from kaif.interfaces.messaging import ChatKind, RightName, Role


class Right(IntFlag):
    """Stored as numbers: a bit never changes its meaning."""

    SEND = 1
    MEDIA = 2
    LINKS = 4
    INVITE = 8
    PIN = 16
    INFO = 32
    DELETE = 64
    BAN = 128
    ADMINS = 256
    TOPICS = 512
    # Of a channel alone: what others posted.
    EDIT = 1024
    # Not given by name: whoever is an admin at all, and whoever owns the chat.
    STAFF = 1 << 20
    OWN = 1 << 21


NONE = Right(0)
_BY_NAME = {name: Right[name.upper()] for name in get_args(RightName)}
EVERY = Right(sum(_BY_NAME.values()))
# What can be left to all members of a group; the others are for admins.
OF_MEMBERS = Right.SEND | Right.MEDIA | Right.LINKS | Right.INVITE | Right.PIN | Right.INFO
OF_SPEAKERS = Right.SEND | Right.MEDIA | Right.LINKS
USUAL = OF_SPEAKERS | Right.INVITE | Right.PIN
# Who opens doors to it, and answers who asks to be let in.
INVITER = Right.INVITE | Right.STAFF
# What those who look after a chat may still do in it when moderators have closed it.
OF_SUSPENDED = Right.DELETE | Right.BAN | Right.ADMINS | Right.STAFF | Right.OWN


class Member(NamedTuple):
    """What is stored of somebody in a chat, as far as it bears on rights."""

    kind: ChatKind
    default_rights: int
    role: Role
    rights: int
    taken: int
    taken_until_us: int
    is_bot: int = 0
    # Why moderators have closed the chat, if they have.
    suspended: str = ""


def rights_of(member: Member, now_us: int) -> Right:
    """All that this member may do here at this moment."""
    rights = open_rights_of(member, now_us)
    return rights & OF_SUSPENDED if member.suspended else rights


def open_rights_of(member: Member, now_us: int) -> Right:
    """The same, had moderators not closed the chat."""
    if member.kind in ("direct", "saved"):
        return OF_SPEAKERS | Right.PIN
    if member.role == "owner":
        return EVERY | Right.STAFF | Right.OWN
    shared = Right(member.default_rights) & OF_MEMBERS if member.kind == "group" else NONE
    if member.role == "admin":
        # In a group whoever looks after it may always speak; in a channel that is itself a right.
        spoken = OF_SPEAKERS if member.kind == "group" else NONE
        return spoken | shared | Right(member.rights) & EVERY | Right.STAFF
    return shared & ~Right(member.taken) if is_restricted(member, now_us) else shared


def is_restricted(member: Member, now_us: int) -> bool:
    """0 is for ever."""
    return bool(member.taken) and (member.taken_until_us == 0 or now_us < member.taken_until_us)


def may_act_on(actor: Right, target: Role) -> bool:
    """Nobody acts on the owner, and on an admin only the owner does."""
    if target == "owner":
        return False
    return target == "member" or Right.OWN in actor


def may_appoint(actor: Right, chosen: Right) -> bool:
    """Nobody gives a right that they lack."""
    return Right.ADMINS in actor and chosen & actor == chosen


def named(names: Iterable[RightName]) -> Right:
    return Right(sum(_BY_NAME[name] for name in set(names)))


def names_of(rights: int) -> list[RightName]:
    return [name for name, right in _BY_NAME.items() if right & rights]
