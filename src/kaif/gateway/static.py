"""The client's files, and the page that starts it under a strict content security policy."""

import gzip
import hashlib
import mimetypes
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from kaif.gateway.answers import NO_REFERRER, Answer, lines

_COMPRESSED = (".css", ".html", ".js", ".json", ".svg", ".webmanifest")
_TYPES = {".js": "text/javascript", ".webmanifest": "application/manifest+json", ".woff2": "font/woff2"}
_NEEDS_NONCE = re.compile(r"<(script|link)\b")

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Kaif Ozero</title>
<h1>Kaif Ozero runs, but its web client is not built</h1>
<p>Run <code>make build</code> and start again.</p>
"""


def policy(nonce: str, cdn: str = "", store: str = "") -> bytes:
    """`cdn` is where pictures, films and sounds may come from too, `store` is where uploads may go."""
    more = f" {cdn}" if cdn else ""
    straight = f" {store}" if store else ""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
        f"img-src 'self' data: blob:{more}; connect-src 'self'{more}{straight}; "
        "manifest-src 'self'; worker-src 'self'; font-src 'self'; "
        # What was just recorded, and films that come in pieces and are put together in the page: blobs to the browser.
        f"media-src 'self' blob:{more}; "
        "base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types svelte-trusted-html kaif-sw; report-uri /v1/csp-reports"
    ).encode()


class StaticFile:
    """A file in memory, as it is and compressed."""

    def __init__(self, path: Path, name: str) -> None:
        self.body = path.read_bytes()
        self.gzipped = gzip.compress(self.body, 9, mtime=0) if path.suffix in _COMPRESSED else b""
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'.encode()
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        self.type = (kind + "; charset=utf-8" if kind.startswith("text/") else kind).encode()
        # Names of files under assets/ hold a hash of their content.
        self.caching = b"public, max-age=31536000, immutable" if name.startswith("assets/") else b"no-cache"

    def answer(self, if_none_match: bytes, accepts_gzip: bool) -> Answer:
        headers = lines((b"cache-control", self.caching), (b"etag", self.etag), (b"vary", b"accept-encoding"))
        if if_none_match == self.etag:
            return Answer(304, headers, b"")
        headers += lines((b"content-type", self.type))
        if accepts_gzip and self.gzipped:
            return Answer(200, headers + lines((b"content-encoding", b"gzip")), self.gzipped)
        return Answer(200, headers, self.body)


class StaticFiles:
    def __init__(self, folder: Path, cdn: str = "", bucket: str = "") -> None:
        """Reads the whole client, which is about a megabyte. `cdn` is the origin of a CDN, `bucket` the address of a
        bucket into which uploads go, if there are any."""
        self._cdn, self._store = cdn, "://".join(urlsplit(bucket)[:2]) if bucket else ""
        index = folder / "index.html"
        self._page = index.read_text(encoding="utf-8") if index.exists() else NOT_BUILT
        self._files = {
            (name := path.relative_to(folder).as_posix()): StaticFile(path, name)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path != index
        }

    def answer(self, path: str, if_none_match: bytes, accept_encoding: bytes) -> Answer | None:
        """The file of that name; the page for any path without an extension, which the client routes by itself."""
        name = path.lstrip("/")
        if file := self._files.get(name):
            return file.answer(if_none_match, b"gzip" in accept_encoding)
        last = name.rpartition("/")[2]
        return None if "." in last else self._start_page()

    def _start_page(self) -> Answer:
        nonce = secrets.token_urlsafe(16)
        page = _NEEDS_NONCE.sub(rf'<\1 nonce="{nonce}"', self._page)
        headers = lines(
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", policy(nonce, self._cdn, self._store)),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"permissions-policy", b"geolocation=(self), camera=(), microphone=(self), payment=(), usb=()"),
        )
        return Answer(200, headers + NO_REFERRER, page.encode())
