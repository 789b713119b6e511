"""Accounts on a running server, and what they ask of it by HTTP."""

import itertools
from typing import Any, Self

import httpx

PASSWORD = "a password of some length"

Entry = dict[str, Any]


class Account:
    """Who asks by HTTP, with the tokens that the server gave."""

    _numbers = itertools.count(1)

    def __init__(self, url: str, name: str) -> None:
        self.url, self.name = url, name
        self.id = ""
        self.access_token = self.refresh_token = ""
        # Without the authorities of certificates, which take longer to read than a test takes.
        self.http = httpx.AsyncClient(base_url=url, timeout=20, trust_env=False, verify=False)

    async def close(self) -> None:
        await self.http.aclose()

    # An account

    async def set_up(self, code: str) -> Self:
        return await self._enter("/v1/auth/setup", code=code, username=self.name, email=f"{self.name}@example.org")

    async def register(self) -> Self:
        return await self._enter("/v1/auth/register", username=self.name, email=f"{self.name}@example.org")

    async def log_in(self) -> Self:
        return await self._enter("/v1/auth/login", login=self.name)

    async def _enter(self, path: str, **fields: str) -> Self:
        answer = await self.http.post(path, json={**fields, "password": PASSWORD})
        assert answer.is_success, answer.text
        self.keep(answer.json())
        return self

    async def refresh(self) -> None:
        answer = await self.http.post("/v1/auth/refresh", json={"refresh_token": self.refresh_token})
        assert answer.is_success, answer.text
        self.keep(answer.json())

    def keep(self, tokens: dict[str, Any]) -> None:
        """Be whom these tokens speak for."""
        self.id = tokens["user"]["id"]
        self.access_token, self.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.http.headers["authorization"] = f"Bearer {self.access_token}"

    # HTTP

    async def get(self, path: str, **params: str | int) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, **fields: Any) -> Any:
        answer = await self.http.post(path, json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    async def direct_chat(self, other: "Account") -> str:
        return str((await self.post("/v1/messaging/chats", kind="direct", members=[other.id]))["id"])

    async def group(self, title: str, *others: "Account") -> str:
        members = [other.id for other in others]
        return str((await self.post("/v1/messaging/chats", kind="group", title=title, members=members))["id"])

    async def post_message(self, chat_id: str, text: str, ref: str = "") -> Entry:
        """By HTTP; returns the entry."""
        fields = {"ref": ref or self.new_ref(), "text": text}
        entry: Entry = await self.post(f"/v1/messaging/chats/{chat_id}/messages", **fields)
        return entry

    def new_ref(self) -> str:
        return f"{self.name}-{next(self._numbers)}"

    async def history(self, chat_id: str, after: int = 0) -> list[Entry]:
        """The log as the server has it, from the entry after `after`."""
        entries: list[Entry] = []
        while True:
            page = await self._page(chat_id, after + len(entries))
            if not page:
                return entries
            entries += page

    async def _page(self, chat_id: str, after: int) -> list[Entry]:
        answer = await self.http.get(f"/v1/messaging/chats/{chat_id}/entries", params={"after": after, "limit": 200})
        answer.raise_for_status()
        page: list[Entry] = answer.json()["entries"]
        return page
