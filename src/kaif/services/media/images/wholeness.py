"""Whether a file that consists of parts has all of them: decoders of films go on with those that are there."""

from kaif.interfaces.media.images import Format
from kaif.services.media.gif_blocks import gif_is_whole


def is_whole(content: bytes, format: Format) -> bool:
    """True for formats in which decoders notice it by themselves."""
    match format:
        case "gif":
            return gif_is_whole(content)
        case "webp":
            # RIFF: the length of what follows the first eight bytes.
            return int.from_bytes(content[4:8], "little") + 8 <= len(content)
        case _:
            return True
