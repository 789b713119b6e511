"""Master keys that never leave a key management service: AWS KMS, or whatever speaks its Encrypt and Decrypt.

Each wrapping is a call, and what was unwrapped is remembered for a while, or each piece of a file that is read would be
one too. The context goes along as KMS' encryption context, with the version: neither can be exchanged.
"""

import asyncio
import base64
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from kaif.engines.aws import AwsCredentials
from kaif.engines.keys import KeyMissing, Wrapped
from kaif.engines.web.resets import Client
from kaif.kernel.errors import Unavailable

TIMEOUT_S = 5.0
TRIES = 3
PAUSE_S = 0.1
# What a key that was taken away in KMS still opens here, and no longer.
REMEMBERED_S = 300.0
REMEMBERED_MAX = 10_000
RETRY_AFTER_MS = 1000

_TARGET = "TrentService."
_CONTENT_TYPE = "application/x-amz-json-1.1"
# Of these a later try knows no more. All else, such as a key that is switched off, may be mended by the operator.
_LOST = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "NotFoundException"})


class KmsKeys:
    """`url` is `kms:KEY,KEY?region=REGION&endpoint=URL`: ids, ARNs or aliases, of which the first is version 1 and the
    last wraps.
    """

    def __init__(self, url: str) -> None:
        """Raises ValueError."""
        keys, _, query = url.partition(":")[2].partition("?")
        options = dict(parse_qsl(query))
        self._keys = [key for key in keys.split(",") if key]
        self._region = options.get("region", "")
        if not self._keys or not self._region or options.keys() - {"region", "endpoint"}:
            raise ValueError("a KMS is written as kms:KEY,KEY?region=REGION")
        self._endpoint = options.get("endpoint") or f"https://kms.{self._region}.amazonaws.com"
        if urlsplit(self._endpoint).scheme not in ("https", "http"):
            raise ValueError("the endpoint of a KMS begins with https://")
        self._credentials = AwsCredentials("KMS")
        self._client: httpx.AsyncClient | None = None
        self._known: OrderedDict[tuple[int, bytes, str], tuple[float, bytes]] = OrderedDict()

    async def newest(self) -> int:
        return len(self._keys)

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        version = len(self._keys)
        try:
            answer = await self._call("Encrypt", version, context, Plaintext=_encoded(key))
        except KeyMissing:
            # There is no such key yet, or no more: nothing is lost by it.
            raise Unavailable(retry_after_ms=RETRY_AFTER_MS) from None
        wrapped = Wrapped(version, base64.b64decode(answer["CiphertextBlob"]))
        self._remember(wrapped, context, key)
        return wrapped

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Raises Unavailable too."""
        if not 1 <= wrapped.version <= len(self._keys) or not wrapped.sealed:
            raise KeyMissing
        until, key = self._known.get((wrapped.version, wrapped.sealed, context), (0.0, b""))
        if time.monotonic() < until:
            return key
        answer = await self._call("Decrypt", wrapped.version, context, CiphertextBlob=_encoded(wrapped.sealed))
        key = base64.b64decode(answer["Plaintext"])
        self._remember(wrapped, context, key)
        return key

    def _remember(self, wrapped: Wrapped, context: str, key: bytes) -> None:
        self._known[wrapped.version, wrapped.sealed, context] = (time.monotonic() + REMEMBERED_S, key)
        self._known.move_to_end((wrapped.version, wrapped.sealed, context))
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    async def _call(self, action: str, version: int, context: str, **more: str) -> dict[str, Any]:
        """Raises KeyMissing, Unavailable."""
        bound = {"kaif": f"{version}:{context}"}
        body = msgspec.json.encode({"KeyId": self._keys[version - 1], "EncryptionContext": bound, **more})
        for tried in range(TRIES):
            await asyncio.sleep(PAUSE_S * tried)
            # Credentials may be asked for at an address of the machine.
            headers = await asyncio.to_thread(self._signed, action, body)
            try:
                answer = await self._http().post(self._endpoint, content=body, headers=headers)
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                return msgspec.json.decode(answer.content, type=dict[str, Any])
            if _code_of(answer) in _LOST:
                raise KeyMissing
            if answer.status_code < 500 and "Throttling" not in _code_of(answer):
                break
        raise Unavailable(retry_after_ms=RETRY_AFTER_MS)

    def _signed(self, action: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": _TARGET + action}
        request = AWSRequest("POST", self._endpoint, data=body, headers=headers)
        self._credentials.sign(lambda found: SigV4Auth(found, "kms", self._region).add_auth(request))
        return dict(request.headers)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = Client(timeout=TIMEOUT_S)
        return self._client


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _code_of(answer: httpx.Response) -> str:
    """What kind of error it names: `Name`, or `prefix#Name`."""
    try:
        kind = msgspec.json.decode(answer.content, type=dict[str, Any]).get("__type", "")
    except msgspec.DecodeError:
        return ""
    return str(kind).rpartition("#")[2]
