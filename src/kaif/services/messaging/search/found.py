"""The rules of search, free of storage: what of an entry is found by what, and which part of it is shown."""

import re
import zlib
from collections.abc import Sequence
from functools import lru_cache

import msgspec

from kaif.engines.index import Document, Hit
from kaif.interfaces.messaging import ChatId, EntryKind
from kaif.interfaces.messaging.attached import Attachment
from kaif.interfaces.messaging.cards import Card
from kaif.interfaces.messaging.errors import BadCursor
from kaif.interfaces.messaging.search import Piece
from kaif.kernel.actor import UserId
from kaif.services.messaging import card_rules
from kaif.services.messaging.attachments import model as files

# Entries of one moment stand in one batch, of at most a thousand: these spread them, within a chat and among chats, so
# that hardly two have the same order.
ORDERS_PER_US = 1024
FRAGMENT_CHARACTERS_MAX = 160
# How much of the text before the first found word is shown.
LEAD_CHARACTERS = 40

_ADDRESS = re.compile(r"https?://\S", re.IGNORECASE)


class Source(msgspec.Struct, frozen=True):
    """What an index is made from: these columns of messaging_entries."""

    chat_id: ChatId
    seq: int
    kind: EntryKind
    sender_id: UserId
    at_us: int
    body: str


class Searchable(msgspec.Struct, frozen=True):
    """What search looks at in an entry's body. `target` is the entry that this one has changed."""

    text: str = ""
    deleted: bool = False
    target: int = 0
    as_chat: bool = False
    topic_id: int = 0
    card: Card | None = None
    attachments: list[Attachment] = []


_body = msgspec.json.Decoder(Searchable)


def searchable(row: Source) -> Searchable:
    return _body.decode(row.body)


def document_of(row: Source) -> Document | None:
    """What the entry is found by; None when there is nothing to find."""
    body = searchable(row)
    if body.deleted or not (body.text or body.attachments):
        return None
    # Whom a channel speaks for must not come out by asking whose its posts are.
    author = row.chat_id if body.as_chat else row.sender_id
    labels = [label_of_chat(row.chat_id), f"from:{author}", f"kind:{row.kind}", label_of_topic(body.topic_id)]
    if "://" in body.text and _ADDRESS.search(body.text):
        labels.append("has:link")
    if body.card:
        labels.append(f"has:{body.card.__struct_config__.tag}")
    labels += sorted({f"has:{one.kind}" for one in body.attachments})
    words = words_of(body.text, body.card, body.attachments)
    hit = hit_of(row.chat_id, row.seq, row.at_us)
    return Document(hit.id, words, labels, hit.order)


def words_of(text: str, card: Card | None, attachments: Sequence[Attachment]) -> str:
    """All by which a message is found: what it says, and what its files are called."""
    if not (card or attachments):
        return text
    return "\n".join(part for part in (card_rules.words_of(text, card), *files.names_of(attachments)) if part)


def document_id(chat_id: ChatId, seq: int) -> str:
    return f"{chat_id}-{seq}"


def place_of(hit: Hit) -> tuple[ChatId, int]:
    chat_id, _, seq = hit.id.rpartition("-")
    return ChatId(chat_id), int(seq)


def label_of_chat(chat_id: ChatId) -> str:
    return f"chat:{chat_id}"


def label_of_topic(topic_id: int) -> str:
    """Unique within its chat, whose label goes with it. What has no other topic is of one too, should there be any."""
    return f"topic:{topic_id}"


def hit_of(chat_id: ChatId, seq: int, at_us: int) -> Hit:
    """As an index names the message that was sent there at that moment."""
    order = at_us * ORDERS_PER_US + (seq + _first_order_of(chat_id)) % ORDERS_PER_US
    return Hit(document_id(chat_id, seq), order)


@lru_cache(1000)
def _first_order_of(chat_id: ChatId) -> int:
    return zlib.crc32(chat_id.encode())


def cursor_after(hit: Hit) -> str:
    return f"{hit.order}-{hit.id}"


def parse_cursor(cursor: str) -> Hit:
    order, _, id = cursor.partition("-")
    if not (order.isascii() and order.isdigit() and len(order) <= 19 and int(order) < 2**63 and id):
        raise BadCursor(path="$.cursor")
    return Hit(id, int(order))


def parse_offset(cursor: str, offset_max: int) -> int:
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 6 and int(cursor) <= offset_max):
        raise BadCursor(path="$.cursor")
    return int(cursor)


def comes_after(hit: Hit, last: Hit) -> bool:
    """In the order of the newest first."""
    return (-hit.order, hit.id) > (-last.order, last.id)


def fragment_of(text: str, marks: Sequence[tuple[int, int]]) -> list[Piece]:
    """The part of the text around its first mark, cut between words, on one line."""
    start, end = _window(text, marks[0][0] if marks else 0)
    pieces, at = [], start
    for mark_start, mark_end in marks:
        if mark_end > end:
            break
        if mark_start < at:
            continue
        pieces += [Piece(text[at:mark_start]), Piece(text[mark_start:mark_end], found=True)]
        at = mark_end
    pieces.append(Piece(text[at:end]))
    shown = [Piece(_line(piece.text), piece.found) for piece in pieces if piece.text]
    if start:
        shown.insert(0, Piece("…"))
    if end < len(text):
        shown.append(Piece("…"))
    return shown


def _window(text: str, first: int) -> tuple[int, int]:
    start = max(0, first - LEAD_CHARACTERS)
    if start:
        space = re.compile(r"\s").search(text, start, first)
        start = space.end() if space else start
    end = min(len(text), start + FRAGMENT_CHARACTERS_MAX)
    if end < len(text):
        cut = max(text.rfind(" ", first, end), text.rfind("\n", first, end))
        # Between words only where that leaves most of the fragment.
        end = cut if cut > start + FRAGMENT_CHARACTERS_MAX // 2 else end
    return start, end


def _line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ")
