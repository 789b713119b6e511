"""Whether a picture, film or sound is something else as well: a page, a script, an archive or a document. Pure rules.

What is looked for are the marks by which others would take it for that. Mere bytes behind a picture's end are none:
phones keep films there (Motion Photo), second pictures (MPO) and notes of their own, and editors leave what they cut
off. So each mark is so long, or has to fit so exactly, that noise does not have it: less than one false alarm among a
million large photographs.
"""

import re

# Of films, which are too long to be looked through, their two ends: there others look for their marks.
END_BYTES = 1 << 20

# Letters of pages count in either case.
_PAGE = re.compile(
    rb"<(?:[sS][cC][rR][iI][pP][tT][\s>/]"
    rb"|[hH][tT][mM][lL](?:\s[\x20-\x3b\x3d\x3f-\x7e\s]{0,200})?>[\x20-\x3b\x3d-\x7e\s]{0,200}<"
    rb"|![dD][oO][cC][tT][yY][pP][eE]\s{1,9}[hH][tT][mM][lL]"
    rb"|[a-zA-Z]{1,12}[\s/][\x20-\x3b\x3d\x3f-\x7e\s]{0,200}?[oO][nN](?:[eE][rR][rR][oO][rR]|[lL][oO][aA][dD])\s{0,9}="
    rb"|\?php\s)"
)
# The first bytes are a name and the beginning of a comment, and what follows that is assigned to the name.
_SCRIPT = re.compile(rb"(?:GIF8[79]a|RIFF|\xff\xd8\xff[\xe0-\xef])/\*")
_SCRIPT_GOES_ON = re.compile(rb"\*/\s{0,9}=[\x20-\x7e\s]{8}")
_OTHERS = (
    re.compile(rb"%PDF-[12]\.[0-9]"),
    re.compile(rb"Rar!\x1a\x07[\x00\x01]"),
    re.compile(rb"7z\xbc\xaf\x27\x1c\x00"),
    re.compile(rb"__HALT_COMPILER\("),
)
# APPNOTE.TXT of ZIP, 4.3.12 and 4.3.16: an entry of its directory, and the record that ends it.
_ZIP_ENTRY, _ZIP_END, _ZIP_END_BYTES, _ZIP_COMMENT_MAX = b"PK\x01\x02", b"PK\x05\x06", 22, 0xFFFF
# 4.3.15: right before that record it says where the other one is, by which readers go if this one holds no numbers.
_ZIP64_LOCATOR, _ZIP64_LOCATOR_BYTES = b"PK\x06\x07", 20


def is_polyglot(content: bytes) -> bool:
    """All of it, or as much as there is of an end."""
    if _PAGE.search(content) or any(mark.search(content) for mark in _OTHERS):
        return True
    return _is_script(content) or _is_zip(content)


def _is_script(content: bytes) -> bool:
    return bool(_SCRIPT.match(content) and _SCRIPT_GOES_ON.search(content))


def _is_zip(content: bytes) -> bool:
    """Readers look for the directory from the end, so whatever stands before it and a little behind it does not
    disturb them."""
    at = len(content)
    first = max(0, at - _ZIP_END_BYTES - _ZIP_COMMENT_MAX)
    while (at := content.rfind(_ZIP_END, first, at)) >= 0:
        directory_bytes = int.from_bytes(content[at + 12 : at + 16], "little")
        begins_at = at - directory_bytes
        if content.startswith(_ZIP64_LOCATOR, max(0, at - _ZIP64_LOCATOR_BYTES)):
            return True
        if directory_bytes and begins_at >= 0 and content.startswith(_ZIP_ENTRY, begins_at):
            return True
    return False
