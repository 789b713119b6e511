"""Files that a message carries: pictures, films, sounds, voice messages, or files to be saved.

Their content lies with media (`interfaces.media`), which shows it to those whom the message is shown to.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kaif.interfaces.media import GivenMediaId, MediaId, Shown, State
from kaif.kernel.errors import Forbidden, Invalid, Unavailable

ATTACHMENTS_MAX = 10
# What lies ready goes as several messages.
DRAFT_FILES_MAX = 100

# What it is to people. A picture that was sent as a file is a file.
AttachmentKind = Literal["image", "video", "audio", "voice", "file"]


class GivenAttachment(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"sent_as": "as"}
):
    """`as` is how it is shown: by what it is, as a file to be saved, or, of a sound, as a voice message, which is alone
    in its message. A `spoiler` is covered until it is asked for."""

    media_id: GivenMediaId
    sent_as: Literal["media", "file", "voice"] = "media"
    spoiler: bool = False


GivenAttachments = Annotated[list[GivenAttachment], Meta(max_length=ATTACHMENTS_MAX)]
DraftAttachments = Annotated[list[GivenAttachment], Meta(max_length=DRAFT_FILES_MAX)]


class Attachment(msgspec.Struct, frozen=True, omit_defaults=True):
    """`size` is in bytes; `shown` is what is known of it without its content, and absent of files.

    One that is `working` is made ready to be shown, and the message tells when it is.
    """

    media_id: MediaId
    kind: AttachmentKind
    name: str
    type: str
    size: int
    state: State
    shown: Shown | None = None
    spoiler: bool = False


class BadAttachments(Invalid):
    code, detail = "bad_attachments", "A voice message is a sound, alone in its message; and no file comes twice."


class MediaNotAllowed(Forbidden):
    code, detail = "media_not_allowed", "You may not send files here."


class AttachmentsLost(Unavailable):
    """It took too long: whoever sends it again sends it whole."""

    code, detail = "attachments_lost", "The files were let go before the message was sent: send it again."
