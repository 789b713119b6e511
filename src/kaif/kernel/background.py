"""Tasks that nobody waits for, kept alive and never failing in silence."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

CANCEL_AGAIN_AFTER_S = 1.0

log = logging.getLogger("kaif")


class Background:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a background task failed", exc_info=error)

    async def close(self) -> None:
        """Cancel what is still running and wait for it to stop."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            # Some library may have lost the cancellation; whatever tidies up is done sooner than this.
            await asyncio.wait(self._tasks, timeout=CANCEL_AGAIN_AFTER_S)
