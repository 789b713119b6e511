"""What joining promises: uploads that came side by side become one file, in the order in which they are named.

It is tus' concatenation. Nothing is copied, and who asks again gets the same.
"""

from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kaif.interfaces.media.uploads import NAME_CHARACTERS_MAX, TYPE_CHARACTERS_MAX, GivenUploadId, Upload
from kaif.kernel.actor import Actor
from kaif.kernel.errors import Conflict
from kaif.kernel.remote import repeatable

JOINED_MAX = 100


class JoinUploads(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As in CreateUpload, but for the pieces, which were created with `partial`."""

    upload_ids: Annotated[list[GivenUploadId], Meta(min_length=1, max_length=JOINED_MAX)]
    name: Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)] = ""
    declared_type: Annotated[str, Meta(max_length=TYPE_CHARACTERS_MAX)] = ""
    keep: bool = True
    voice: bool = False


class NotJoinable(Conflict):
    """Details carry upload_id, of one that is named twice, has not come whole, or is no piece or another file's."""

    code, detail = "not_joinable", "These uploads can't be joined."


class Joining(Protocol):
    @repeatable
    async def join_uploads(self, actor: Actor, request: JoinUploads) -> Upload:
        """An upload that has come whole: `finish_upload` makes a file of it.

        Raises UploadNotFound, NotJoinable, FileTooLarge.
        """
        ...
