"""The stock tus client, run as it is."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.servers import die_with_parent
from tests.waiting import until

FOLDER = Path(__file__).parent


class StockUpload:
    """`heard` is everything that happened to it, in order."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.heard: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            self.heard.append(json.loads(line))

    def events(self, event: str) -> list[dict[str, Any]]:
        return [heard for heard in self.heard if heard["event"] == event]

    @property
    def progress(self) -> int:
        """How many bytes the client believes to have sent."""
        sent = self.events("progress")
        return int(sent[-1]["sent"]) if sent else 0

    async def succeeds(self, timeout_s: float = 60) -> str:
        """The id of what became of it."""
        await until(lambda: bool(self.events("success") or self.events("error")), timeout_s)
        assert not self.events("error"), self.events("error")
        return next(str(heard["media"]) for heard in reversed(self.events("response")) if heard.get("media"))

    async def close(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def stock_upload(file: Path, url: str, token: str, **options: Any) -> AsyncIterator[StockUpload]:
    node = shutil.which("node")
    assert node, "Node is not installed. Run: apt-get install -y nodejs npm"
    installed = (FOLDER / "node_modules" / ".installed").exists()
    assert installed, "The client is not installed. Run: scripts/install-test-servers"
    settings = {
        "file": str(file),
        "endpoint": f"{url}/v1/media/uploads",
        "token": token,
        "metadata": {"filename": file.name},
        "options": options,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        str(FOLDER / "client.js"),
        json.dumps(settings),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    upload = StockUpload(process)
    try:
        yield upload
    finally:
        await upload.close()
