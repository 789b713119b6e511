"""What is told of messages that mention somebody or answer them; `mentions` of chats and topics has their places."""

import msgspec

from kaif.interfaces.messaging import ChatId


class MentionedEvent(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="mentioned"):
    """To one person's devices: these messages mention them or answer them; `gone` says that they no longer do."""

    chat_id: ChatId
    seqs: list[int]
    topic_id: int = 0
    gone: bool = False
