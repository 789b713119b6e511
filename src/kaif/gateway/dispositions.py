"""Names of files as headers carry them: RFC 6266 of requests, RFC 7578 of parts of forms, both with RFC 8187."""

import re
from urllib.parse import unquote

_PARAMETER = re.compile(r";\s*([A-Za-z0-9_-]+\*?)\s*=\s*(?:\"((?:\\\"|[^\"])*)\"|([^;\s\"]*))")
_EXTENDED = re.compile(r"utf-8'[^']*'(.*)", re.I | re.S)
# What browsers write for the three characters that would end the quotes or the line (WHATWG, multipart/form-data).
_BY_BROWSERS = {"%22": '"', "%0D": "", "%0A": ""}


def parameters_of(disposition: str) -> dict[str, str]:
    """Of a header that was decoded as Latin-1; the first of each name counts."""
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(disposition):
        found.setdefault(name.lower(), quoted.replace('\\"', '"') or token)
    return found


def file_name(disposition: str) -> str | None:
    """None when it names none. The extended form counts for more (RFC 6266, 4.3)."""
    parameters = parameters_of(disposition)
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    if extended:
        return unquote(extended[1], errors="replace")
    plain = parameters.get("filename")
    if plain is None:
        return None
    # Browsers and curl write UTF-8 there.
    return plain.encode("latin-1").decode(errors="replace")


def form_file_name(disposition: str) -> str | None:
    """Of a part of a form; a part without one is a field."""
    name = file_name(disposition)
    for written, meant in _BY_BROWSERS.items():
        name = name and name.replace(written, meant)
    return name
