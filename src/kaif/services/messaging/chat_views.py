"""What rows of chats and of their members are to whoever looks at them, and where their pages end."""

from collections.abc import Sequence

import msgspec

from kaif.interfaces.auth import Person, PersonKind
from kaif.interfaces.media import MediaId
from kaif.interfaces.messaging import Chat, ChatId, ChatKind, ChatMember, Entry, Notify, Role
from kaif.interfaces.messaging.errors import BadCursor
from kaif.kernel.actor import UserId
from kaif.kernel.clock import as_datetime
from kaif.services.messaging.model import TOPICS_ON
from kaif.services.messaging.rights import Member, is_restricted, names_of, rights_of


class StoredChat(msgspec.Struct, frozen=True):
    """A chat with one member's marks, as the lists need it."""

    id: ChatId
    kind: ChatKind
    title: str
    created_at_us: int
    active_at_us: int
    seq: int
    messages: int
    members: int
    read_seq: int
    read_messages: int
    others_read_seq: int
    hidden: int
    description: str
    name: str | None
    default_rights: int
    slow_mode_s: int
    members_hidden: int
    signed: int
    vanish_after_s: int
    role: Role
    rights: int
    taken: int
    taken_until_us: int
    archived: int
    muted_until_us: int
    pinned_at_us: int
    marked_unread: int
    blocked: int
    unanswered: int
    marks_shown: int
    topics: int
    previews: int
    avatar: MediaId | None
    suspended: str
    notify: Notify

    @property
    def member(self) -> Member:
        return Member(
            self.kind,
            self.default_rights,
            self.role,
            self.rights,
            self.taken,
            self.taken_until_us,
            suspended=self.suspended,
        )


class StoredPerson(msgspec.Struct, frozen=True):
    """The beginning of a row that says what somebody did, with their name."""

    user_id: UserId
    username: str
    display_name: str
    avatar_colour: int | None
    kind: PersonKind
    avatar: str | None

    @property
    def person(self) -> Person:
        return Person(self.user_id, self.username, self.display_name, self.avatar_colour, self.kind, self.avatar)


class StoredMember(msgspec.Struct, frozen=True):
    """Somebody in a chat, as its lists need it."""

    id: UserId
    username: str
    display_name: str
    avatar_colour: int | None
    kind: PersonKind
    avatar: str | None
    role: Role
    rights: int
    taken: int
    taken_until_us: int


def chat_of(
    row: StoredChat,
    people: list[Person],
    last_entry: Entry | None,
    now_us: int,
    unread: int | None = None,
    mentions: Sequence[int] = (),
    join_requests: int = 0,
) -> Chat:
    """`unread` of one with topics is the sum of theirs."""
    restricted = is_restricted(row.member, now_us)
    return Chat(
        id=row.id,
        kind=row.kind,
        title=row.title,
        created_at=as_datetime(row.created_at_us),
        seq=row.seq,
        unread=row.messages - row.read_messages if unread is None else unread,
        read_seq=row.read_seq,
        others_read_seq=row.others_read_seq,
        members_count=row.members,
        people=people,
        last_entry=last_entry,
        hidden=row.hidden,
        description=row.description,
        name=row.name or "",
        role=row.role,
        rights=names_of(rights_of(row.member, now_us)),
        default_rights=names_of(row.default_rights) if row.kind == "group" else [],
        restricted_until=as_datetime(row.taken_until_us) if restricted and row.taken_until_us else None,
        slow_mode_s=row.slow_mode_s,
        members_hidden=bool(row.members_hidden),
        signed=bool(row.signed),
        vanish_after_s=row.vanish_after_s,
        archived=bool(row.archived),
        muted_until=as_datetime(row.muted_until_us) if row.muted_until_us > now_us else None,
        pinned_at=as_datetime(row.pinned_at_us) if row.pinned_at_us else None,
        marked_unread=bool(row.marked_unread),
        blocked=bool(row.blocked),
        unanswered=bool(row.unanswered),
        topics=row.topics == TOPICS_ON,
        previews=bool(row.previews),
        avatar=row.avatar,
        mentions=list(mentions),
        suspended=row.suspended,
        join_requests=join_requests,
        notify=row.notify,
    )


def member_of(row: StoredMember, now_us: int) -> ChatMember:
    restricted = is_restricted(Member("group", 0, row.role, row.rights, row.taken, row.taken_until_us), now_us)
    return ChatMember(
        row.id,
        row.username,
        row.display_name,
        row.avatar_colour,
        row.kind,
        row.avatar,
        role=row.role,
        rights=names_of(row.rights) if row.role == "admin" else [],
        taken=names_of(row.taken) if restricted else [],
        restricted_until=as_datetime(row.taken_until_us) if restricted and row.taken_until_us else None,
    )


def chat_cursor(row: StoredChat) -> str:
    return f"{row.active_at_us}-{row.id}"


def parse_chat_cursor(cursor: str) -> tuple[int, ChatId]:
    active_at_us, chat_id = _parsed(cursor)
    return active_at_us, ChatId(chat_id)


def parse_person_cursor(cursor: str) -> tuple[int, str]:
    """When somebody did something, and who it was."""
    return _parsed(cursor)


def _parsed(cursor: str) -> tuple[int, str]:
    at_us, _, id = cursor.partition("-")
    if not at_us.isascii() or not at_us.isdigit() or len(at_us) > 18:
        raise BadCursor(path="$.cursor")
    return int(at_us), id
