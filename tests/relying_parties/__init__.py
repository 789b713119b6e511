"""Stock OpenID Connect clients, run as they are."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

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
