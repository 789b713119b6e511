"""Addresses in S3 by which others write, each once and no more than was agreed.

They are signed with the headers `If-None-Match: *`, by which the store refuses to replace what is there, and
Content-Length (AWS Signature Version 4, in the query). Not every store that speaks S3 looks at these, so each is tried.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest

from kaif.engines.aws import AwsCredentials
from kaif.engines.blobs import Address
from kaif.engines.blobs.store import checked
from kaif.engines.web.resets import Client
from kaif.kernel.errors import Unavailable

TIMEOUT_S = 3.0
# Of what a look at the store writes.
_TRIED = b"is it as it must be?"
_TRIED_S = 60
_ONCE = {"If-None-Match": "*"}


class S3Bucket:
    def __init__(self, url: str, place: str) -> None:
        parts = urlsplit(url)
        prefix = parts.path.strip("/")
        self._place = f"{place.rstrip('/')}/{quote(prefix)}/" if prefix else f"{place.rstrip('/')}/"
        self._region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
        self._credentials = AwsCredentials("S3")

    async def sign(self, name: str, size: int, seconds: int) -> Address:
        # Credentials may be asked for at an address of the machine.
        url = await asyncio.to_thread(self._signed, self._place + quote(checked(name)), size, seconds)
        return Address(url, dict(_ONCE))

    async def find_fault(self, names: Sequence[str]) -> str:
        try:
            async with Client(timeout=TIMEOUT_S) as http:
                return await self._fault(http, names)
        except httpx.HTTPError as error:
            return f"it can't be reached ({type(error).__name__})"
        except Unavailable as error:
            return str(error)

    async def _fault(self, http: httpx.AsyncClient, names: Sequence[str]) -> str:
        async def put(name: str, content: bytes, headers: Mapping[str, str] = _ONCE) -> int:
            address = await self.sign(name, len(_TRIED), _TRIED_S)
            return (await http.put(address.url, content=content, headers=dict(headers))).status_code

        first, second, third = names
        if not _is_done(status := await put(first, _TRIED)):
            return f"it refuses what is signed ({status})"
        if await put(first, _TRIED) != httpx.codes.PRECONDITION_FAILED:
            return "it replaces what is there"
        if _is_done(await put(second, _TRIED, {})):
            return "it takes what is sent without the headers that were signed"
        if _is_done(await put(third, _TRIED + b"!")):
            return "it takes more than was signed"
        return ""

    async def lets_pages_write(self, origin: str) -> bool:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "if-none-match",
        }
        address = await self.sign("doctor/cors", len(_TRIED), _TRIED_S)
        try:
            async with Client(timeout=TIMEOUT_S) as http:
                answer = await http.request("OPTIONS", address.url, headers=asked)
        except httpx.HTTPError:
            return False
        allowed = answer.headers.get("access-control-allow-origin", "")
        headers = answer.headers.get("access-control-allow-headers", "").lower()
        return answer.is_success and allowed in (origin, "*") and ("if-none-match" in headers or "*" in headers)

    def _signed(self, url: str, size: int, seconds: int) -> str:
        request = AWSRequest("PUT", url, headers={**_ONCE, "Content-Length": str(size)})
        self._credentials.sign(
            lambda found: S3SigV4QueryAuth(found, "s3", self._region, expires=seconds).add_auth(request)
        )
        return str(request.url)


def _is_done(status: int) -> bool:
    return httpx.codes.is_success(status)
