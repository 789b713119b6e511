"""A key management service of ours, by the protocol of AWS'."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx


class Kms:
    """Two keys of a KMS of ours, by their numbers."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.ids = [self.do("CreateKey")["KeyMetadata"]["KeyId"] for _ in range(2)]
        self.url = f"kms:{','.join(self.ids)}?region=eu-north-1&endpoint={endpoint}"

    def do(self, action: str, **wanted: str) -> dict[str, Any]:
        # Which service is meant stands in the signature, whose worth is not looked at here.
        headers = {
            "X-Amz-Target": f"TrentService.{action}",
            "Content-Type": "application/x-amz-json-1.1",
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-north-1/kms/aws4_request",
        }
        answer = httpx.post(self._endpoint, json=wanted, headers=headers).raise_for_status()
        return dict(answer.json() or {})


@asynccontextmanager
async def moody_kms(*answers: tuple[int, dict[str, Any]]) -> AsyncIterator[tuple[str, list[str]]]:
    """One that answers so, in turn and the last for ever; its address, and what it was asked to do."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        asked.append(head.partition("trentservice.")[2].partition("\r\n")[0])
        status, content = answers[min(len(asked), len(answers)) - 1]
        body = json.dumps(content).encode()
        writer.write(b"HTTP/1.1 %d X\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"kms:alias/a?region=eu-north-1&endpoint=http://127.0.0.1:{port}", asked
