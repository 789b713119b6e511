"""The way into an S3 store as the large ones guard it, before one that looks at nothing.

It checks signatures in the query (AWS Signature Version 4, written anew after its description), their end, and that all
that was signed was sent; and answers browsers as its rules for other origins say (CORS).
"""

import asyncio
import contextlib
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import httpx
from tests.engines.vendors import Served

SECRET = "test"
SKEW_S = 15 * 60
PART_BYTES_MIN = 64 * 1024


@contextlib.asynccontextmanager
async def guarded_bucket(s3_url: str, pages: str = "") -> AsyncIterator["GuardedBucket"]:
    parts = urlsplit(s3_url)
    bucket = GuardedBucket(f"{parse_qs(parts.query)['endpoint'][0]}/{parts.netloc}", pages)
    await bucket.start()
    yield bucket
    await bucket.close()


class GuardedBucket(Served):
    """`behind` is the address of the bucket, `pages` the origin whose pages may write there.

    `lax` names what it forgets: "headers", "once". While `shut` nobody gets an answer.
    """

    def __init__(self, behind: str, pages: str = "") -> None:
        super().__init__()
        self.behind, self.pages, self.lax, self.shut = behind, pages, "", False
        # How wrong its clock is.
        self.ahead_s = 0.0
        # To writes of parts; looks at the store are smaller.
        self.answers = Counter[int]()
        # Writes of parts that are let through, until all are.
        self.let_through, self.open = -1, asyncio.Event()
        self._http = httpx.AsyncClient(trust_env=False, timeout=60)

    @property
    def place(self) -> str:
        """Another host than that of the server's tests, as browsers see it."""
        return f"http://localhost:{urlsplit(self.url).port}/store"

    async def close(self) -> None:
        await super().close()
        await self._http.aclose()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            first, *rest = head.decode("latin-1").strip().split("\r\n")
            method, target, _ = first.split()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            if self.shut:
                return
            is_part = len(body) >= PART_BYTES_MIN
            if is_part and self.let_through == 0:
                await self.open.wait()
            self.let_through -= is_part and self.let_through > 0
            status, content = await self._answer(method, target, headers, body)
            self.answers[status] += is_part
            lines = [f"HTTP/1.1 {status} X", f"content-length: {len(content)}", *self._for_pages(method, headers)]
            writer.write("\r\n".join([*lines, "", ""]).encode() + content)
            await writer.drain()

    def _for_pages(self, method: str, headers: dict[str, str]) -> list[str]:
        if not self.pages or headers.get("origin") != self.pages:
            return []
        asked = ["access-control-allow-methods: PUT", "access-control-allow-headers: if-none-match"]
        return [f"access-control-allow-origin: {self.pages}", *(asked if method == "OPTIONS" else [])]

    async def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if method == "OPTIONS":
            return (200 if headers.get("origin") == self.pages else 403), b""
        if method != "PUT" or not self._is_signed(target, headers):
            return 403, b"<Error><Code>AccessDenied</Code></Error>"
        passed_on = {} if self.lax == "once" else {k: v for k, v in headers.items() if k == "if-none-match"}
        # Whose signature it is, is not looked at there.
        passed_on["authorization"] = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"
        path = urlsplit(target).path.removeprefix("/store")
        answer = await self._http.put(self.behind + path, content=body, headers=passed_on)
        return answer.status_code, answer.content

    def _is_signed(self, target: str, headers: dict[str, str]) -> bool:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, strict_parsing=True))
        signature, names = query.pop("X-Amz-Signature"), query["X-Amz-SignedHeaders"].split(";")
        if self.lax == "headers":
            return True
        if any(name not in headers for name in names):
            return False
        begun_s = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        now_s = time.time() + self.ahead_s
        if not begun_s - SKEW_S <= now_s <= begun_s + int(query["X-Amz-Expires"]):
            return False
        _, day, region, service, end = query["X-Amz-Credential"].split("/")
        canonical = "\n".join(
            [
                "PUT",
                quote(unquote(parts.path), safe="/~-._"),
                "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())),
                *[f"{name}:{headers[name].strip()}" for name in names],
                "",
                ";".join(names),
                "UNSIGNED-PAYLOAD",
            ]
        )
        hashed = hashlib.sha256(canonical.encode()).hexdigest()
        signed = "\n".join(["AWS4-HMAC-SHA256", query["X-Amz-Date"], f"{day}/{region}/{service}/{end}", hashed])
        key = f"AWS4{SECRET}".encode()
        for step in (day, region, service, end):
            key = hmac.digest(key, step.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, signed.encode(), "sha256").hex(), signature)
