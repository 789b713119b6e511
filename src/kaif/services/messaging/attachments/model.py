"""The rules of files in messages, free of storage."""

import re
from collections.abc import Sequence

import msgspec

from kaif.interfaces.media import Media, MediaId, Shown, State
from kaif.interfaces.messaging.attached import Attachment, AttachmentKind, BadAttachments, GivenAttachment

ICONS: dict[AttachmentKind, str] = {"image": "🖼", "video": "🎬", "audio": "🎵", "voice": "🎤", "file": "📎"}
_WORDS: dict[str, dict[AttachmentKind, str]] = {
    "ru": {"image": "Фото", "video": "Видео", "audio": "Аудио", "voice": "Голосовое сообщение", "file": "Файл"},
    "en": {"image": "Photo", "video": "Video", "audio": "Audio", "voice": "Voice message", "file": "File"},
}
_ALBUM = {"ru": "Альбом", "en": "Album"}
_FILES = {"ru": "Файлы", "en": "Files"}

# Where a person's files are taken along.
_FOLDER = "files"
_KEPT_NAME_CHARACTERS_MAX = 80
# What no file system minds.
_NOT_KEPT = re.compile(r"[^\w.() -]+")

_changed = msgspec.structs.replace


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """What media has said last of a file."""

    state: State
    shown: Shown | None = None


class OfDraft(msgspec.Struct, frozen=True, omit_defaults=True):
    """The files of a draft: as they were given, and as they are."""

    given: list[GivenAttachment] = []
    attachments: list[Attachment] = []


_news = msgspec.json.Decoder(News)
_of_draft = msgspec.json.Decoder(OfDraft)


def news_of(media: Media) -> News:
    return News(media.state, media.shown)


def encoded(news: News) -> str:
    return msgspec.json.encode(news).decode()


def encoded_draft(of_draft: OfDraft) -> str:
    return msgspec.json.encode(of_draft).decode()


def of_draft(encoded: str) -> OfDraft:
    return _of_draft.decode(encoded)


def must_fit(given: Sequence[GivenAttachment]) -> None:
    """Raises BadAttachments."""
    if len({one.media_id for one in given}) < len(given):
        raise BadAttachments(path="$.attachments")
    if len(given) > 1 and any(one.sent_as == "voice" for one in given):
        raise BadAttachments(path="$.attachments")


def attachment_of(given: GivenAttachment, media: Media) -> Attachment:
    """Raises BadAttachments."""
    kind: AttachmentKind = media.kind
    match given.sent_as:
        case "voice":
            if media.kind != "audio":
                raise BadAttachments(path="$.attachments")
            kind = "voice"
        case "file":
            kind = "file"
    attachment = Attachment(media.id, kind, media.name, media.type, media.size, "ready", spoiler=given.spoiler)
    # A file is saved as it is: nothing has to be made of it first.
    return attachment if kind == "file" else _changed(attachment, shown=media.shown, state=media.state)


def renewed(attachment: Attachment, news: News) -> Attachment:
    """How it is shown stays its sender's choice."""
    if attachment.kind == "file":
        return attachment
    return _changed(attachment, state=news.state, shown=news.shown or attachment.shown)


def renewed_all(attachments: Sequence[Attachment], ready: dict[MediaId, str]) -> list[Attachment]:
    """`ready` holds what was said of some of them, encoded."""
    return [renewed(one, _news.decode(ready[one.media_id])) if ready.get(one.media_id) else one for one in attachments]


def icon_of(attachments: Sequence[Attachment]) -> str:
    return ICONS[attachments[0].kind]


def words_for(attachments: Sequence[Attachment], language: str) -> str:
    """What they are, where nothing is written beside them."""
    language = language if language in _WORDS else "en"
    if len(attachments) == 1:
        (one,) = attachments
        named = one.kind in ("audio", "file")
        return one.name if named else _WORDS[language][one.kind]
    are_files = all(one.kind in ("audio", "file") for one in attachments)
    return f"{(_FILES if are_files else _ALBUM)[language]}: {len(attachments)}"


def names_of(attachments: Sequence[Attachment]) -> list[str]:
    """Those that people know them by: of what is seen and of voices nobody does."""
    return [one.name for one in attachments if one.kind in ("audio", "file")]


def kept_at(attachment: Attachment) -> str:
    """Where it lies beside a history that was taken along: by a path of its own, under the name that people know."""
    name = _NOT_KEPT.sub("_", attachment.name)
    stem, dot, ending = name.rpartition(".")
    if dot and len(ending) < _KEPT_NAME_CHARACTERS_MAX // 2:
        name = f"{stem[: _KEPT_NAME_CHARACTERS_MAX - len(ending)]}.{ending}"
    # Windows takes off spaces and dots at an end.
    return f"{_FOLDER}/{attachment.media_id}-{name[: _KEPT_NAME_CHARACTERS_MAX + 1]}".rstrip(" .")
