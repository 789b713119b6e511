"""An event loop whose time passes only when nobody has anything to do, and processes on it that can be killed."""

import asyncio
import contextlib
import contextvars
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

PROCESS: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)


class Stuck(AssertionError):
    """Nothing will ever happen any more."""


class Process:
    """Whatever is begun in it, or by what was begun in it, stops for ever when it is killed."""

    def __init__(self, loop: "VirtualLoop", name: str) -> None:
        self._loop, self.name = loop, name
        self.alive = True
        self._context = contextvars.copy_context()
        self._context.run(PROCESS.set, self)
        loop.processes.append(self)
        self.tasks: list[asyncio.Task[Any]] = []

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._loop.create_task(work, context=self._context.copy())

    def call_at(self, when: float, call: Callable[..., object], *args: object) -> None:
        self._loop.call_at(when, call, *args, context=self._context.copy())

    def run(self, call: Callable[..., Any], *args: object) -> Any:
        return self._context.copy().run(call, *args)

    def kill(self) -> None:
        self.alive = False


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._now = 0.0
        self.processes: list[Process] = []
        # How long a commit takes, and whether it fails: asked before each.
        self.on_executor: Callable[[], float] = lambda: 0.001
        super().__init__(_NoSelector(self))
        self.set_task_factory(_task_of_process)  # type: ignore[arg-type]
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self._now

    def pass_time(self, seconds: float) -> None:
        self._now += seconds

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        return super().call_soon(*_guarded(callback, args, context), context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return super().call_at(when, *_guarded(callback, args, context), context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """No threads: the work is done in one piece, some time later, unless the process is killed before."""
        future = self.create_future()

        def work() -> None:
            if future.cancelled():
                return
            try:
                result = func(*args)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        try:
            self.call_later(self.on_executor(), work)
        except Exception as error:
            future.set_exception(error)
        return future

    def bury(self) -> None:
        """Let go of everything that never came to its end."""
        for process in self.processes:
            process.alive = False
            for task in process.tasks:
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        self.close()


def _guarded(callback: Any, args: Any, context: contextvars.Context | None) -> tuple[Any, ...]:
    process = PROCESS.get() if context is None else context.get(PROCESS)
    return (callback, *args) if process is None else (_run_if_alive, process, callback, args)


def _run_if_alive(process: Process, callback: Callable[..., object], args: tuple[object, ...]) -> None:
    if process.alive:
        callback(*args)


def _task_of_process(loop: VirtualLoop, work: Any, context: contextvars.Context | None = None) -> asyncio.Task[Any]:
    task = asyncio.Task(work, loop=loop, context=context)
    process = PROCESS.get() if context is None else context.get(PROCESS)
    if process is not None:
        if len(process.tasks) > 200:
            process.tasks = [one for one in process.tasks if not one.done()]
        process.tasks.append(task)
    return task


class _NoSelector(selectors.BaseSelector):
    """Waits for no file: it lets the time pass that the loop wanted to wait."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("nothing is left that could happen")
        self._loop.pass_time(max(timeout, 0.0))
        return []

    def get_map(self) -> Any:
        return self._keys
