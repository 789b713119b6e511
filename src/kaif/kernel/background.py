"""Tasks that nobody waits for, kept alive and never failing in silence."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
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

    def repeat(
        self,
        look: Callable[[], Awaitable[float]],
        failure: str,
        retry_s: float,
        woken: asyncio.Event | None = None,
    ) -> None:
        """Look again and again: after as many seconds as `look` returns, or sooner when somebody sets `woken`.

        When one fails the next comes after `retry_s`, and that is said, in the words of `failure`, once until one goes
        well.
        """
        self.run(_repeat(look, failure, retry_s, woken or asyncio.Event()))

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


async def _repeat(look: Callable[[], Awaitable[float]], failure: str, retry_s: float, woken: asyncio.Event) -> None:
    failing = False
    while True:
        # Before it is looked: what wakes us meanwhile is not missed.
        woken.clear()
        try:
            wait_s = await look()
            failing = False
        except Exception as error:
            if not failing:
                log.warning("%s: %s: %s", failure, type(error).__name__, error)
            failing = True
            await asyncio.sleep(retry_s)
        else:
            await _woken_within(wait_s, woken)


async def _woken_within(seconds: float, woken: asyncio.Event) -> None:
    # Others have their turn even where there is always more to do.
    await asyncio.sleep(0)
    with contextlib.suppress(TimeoutError):
        # Not wait_for, which may lose that we are cancelled when it comes together with the event.
        async with asyncio.timeout(seconds):
            await woken.wait()
