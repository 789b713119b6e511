"""Tasks that outlast the call that began them: whoever asks again goes on waiting for the same one."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Outcome = TypeVar("Outcome")


class Outlasting(Generic[Outcome]):
    """By id; each is kept until it is forgotten, but for those that failed, and those that have ended when there is no
    room for others. None that goes on is ended for another: of too many at once, none would come to its end.
    """

    def __init__(self, within_s: float, tasks_max: int, of_one_max: int | None = None) -> None:
        """`of_one_max` is how many of them may be one person's."""
        self._within_s, self._tasks_max = within_s, tasks_max
        self._of_one_max = tasks_max if of_one_max is None else of_one_max
        self._tasks: dict[str, asyncio.Task[Outcome]] = {}
        self._whose: dict[str, str] = {}

    async def wait(self, id: str, begin: Callable[[], Coroutine[Any, Any, Outcome]], whose: str = "") -> Outcome | None:
        """None when it takes another call. Raises what the task raises."""
        if id not in self._tasks:
            await self._find_room(whose)
        if id not in self._tasks:
            if self._is_full(whose):
                return None
            self._tasks[id], self._whose[id] = asyncio.ensure_future(begin()), whose
        task = self._tasks[id]
        await asyncio.wait({task}, timeout=self._within_s)
        if not task.done() or task.cancelled():
            return None
        if task.exception() and self._tasks.get(id) is task:
            self.forget(id)
        return await task

    def _is_full(self, whose: str) -> bool:
        return len(self._tasks) >= self._tasks_max or len(self._of(whose)) >= self._of_one_max

    def _of(self, whose: str) -> list[str]:
        return [id for id, owner in self._whose.items() if owner == whose]

    async def _find_room(self, whose: str) -> None:
        if not self._is_full(whose):
            return
        theirs = self._of(whose)
        ids = theirs if len(theirs) >= self._of_one_max else list(self._tasks)
        tasks = {self._tasks[id]: id for id in ids}
        done, _ = await asyncio.wait(tasks, timeout=self._within_s, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            # Whoever waits for it has it; what nobody waits for any more must not stay.
            if self._tasks.get(tasks[task]) is task:
                self.forget(tasks[task])
            if not task.cancelled():
                task.exception()

    def forget(self, id: str) -> None:
        self._whose.pop(id, None)
        if task := self._tasks.pop(id, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for id in list(self._tasks):
            self.forget(id)
        await asyncio.gather(*tasks, return_exceptions=True)
