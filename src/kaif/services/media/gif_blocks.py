"""The blocks of which a GIF consists (GIF89a). Pure rules, of pictures and of those that are films."""

from mmap import mmap


def gif_is_whole(content: bytes | mmap) -> bool:
    """GIF89a, 17 to 27. Many lack the trailer that says so; then the last block has to end where the file does."""
    at = 13 + _table_bytes(content[10:11])
    while at < len(content):
        match content[at : at + 1]:
            case b"\x3b":
                return True
            case b"\x21":
                at = _after_blocks(content, at + 2)
            case b"\x2c":
                at = _after_blocks(content, at + 11 + _table_bytes(content[at + 9 : at + 10]))
            case _:
                # Browsers pass over what stands between blocks.
                at += 1
    return at == len(content)


def _table_bytes(flags: bytes) -> int:
    """Of the colours that follow, if any do."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _after_blocks(content: bytes | mmap, at: int) -> int:
    """Behind the empty block that ends them; beyond the content if it is missing."""
    while at < len(content) and content[at]:
        at += 1 + content[at]
    return at + 1
