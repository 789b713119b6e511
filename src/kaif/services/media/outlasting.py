"""Tasks that outlast the call that began them: whoever asks again goes on waiting for the same one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Outcome = TypeVar("Outcome")


class Outlasting(Generic[Outcome]):
    """By id; each is kept until it is forgotten, but for those that failed. Of too many the oldest is given up."""

    def __init__(self, within_s: float, tasks_max: int) -> None:
        self._within_s, self._tasks_max = within_s, tasks_max
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}

    async def wait(self, id: str, begin: Callable[[], Coroutine[Any, Any, Outcome]]) -> Outcome | None:
        """None when it takes another call. Raises what the task raises."""
        task = self._tasks.get(id)
        if task is None:
            if len(self._tasks) >= self._tasks_max:
                self.forget(next(iter(self._tasks)))
            task = self._tasks[id] = asyncio.ensure_future(begin())
        await asyncio.wait({task}, timeout=self._within_s)
        if not task.done() or task.cancelled():
            return None
        if task.exception() and self._tasks.get(id) is task:
            del self._tasks[id]
        return await task

    def forget(self, id: str) -> None:
        if task := self._tasks.pop(id, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for id in list(self._tasks):
            self.forget(id)
        await asyncio.gather(*tasks, return_exceptions=True)
