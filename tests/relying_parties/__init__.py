"""Stock OpenID Connect clients, run as they are."""

import asyncio
import json
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.servers import die_with_parent

FOLDER = Path(__file__).parent
WITHIN_S = 60


def node() -> str:
    """Raises AssertionError with the command that mends it when Node or the libraries are missing."""
    found = shutil.which("node")
    assert found, "Node is not installed. Run: apt-get install -y nodejs npm"
    installed = (FOLDER / "node_modules" / ".installed").exists()
    assert installed, "The relying parties are not installed. Run: scripts/install-test-servers"
    return found


async def run(script: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What the script says came of it."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(FOLDER / script),
        json.dumps(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), WITHIN_S)
    assert process.returncode == 0, err.decode()
    return dict(json.loads(out))


@asynccontextmanager
async def site(settings: dict[str, Any]) -> AsyncIterator[str]:
    """A web site that people sign in to; its address."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(FOLDER / "site.js"),
        json.dumps(settings),
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        assert process.stdout
        assert await asyncio.wait_for(process.stdout.readline(), WITHIN_S) == b"listening\n"
        yield f"http://127.0.0.1:{settings['port']}"
    finally:
        process.kill()
        await process.wait()
