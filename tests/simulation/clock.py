"""Time that passes only when nobody has anything to do: an event loop without threads or sockets.

What happens in which order depends on nothing but what was scheduled, so a seed is a history.
"""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

BEGINNING = datetime(2026, 11, 24, 6, tzinfo=UTC)
RESOLUTION = 1e-6  # seconds that make no difference


class Stuck(Exception):
    """Everybody waits, and nothing is scheduled that would wake anybody."""


class Owner(Protocol):
    """Whoever tasks belong to, and die with."""

    tasks: dict["asyncio.Task[Any]", None]


OWNER: ContextVar[Any] = ContextVar("OWNER", default=None)  # of an `Owner`, or nobody


class Handle:
    """Something that is to be done, unless it is cancelled."""

    __slots__ = ("act", "args", "context", "is_cancelled")

    def __init__(
        self, act: Callable[..., Any], args: tuple[Any, ...], context: Context | None
    ) -> None:
        self.act = act
        self.args = args
        self.context = copy_context() if context is None else context
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop(BaseEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing is ready.

    asyncio's own has threads, signals and sockets to look after at every step.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._numbers = count()  # of timers: of two for one moment the older comes first
        self._timers: list[tuple[float, int, Handle]] = []
        self._ready: deque[Handle] = deque()
        self.set_exception_handler(lambda _loop, _context: None)  # of the dead, who tell nothing

    def run_until_complete(self, future: Coroutine[Any, Any, T]) -> T:  # type: ignore[override]
        task = self.create_task(future)
        asyncio._set_running_loop(self)
        try:
            while not task.done():
                self._step()
        finally:
            asyncio._set_running_loop(None)
        return task.result()

    def _step(self) -> None:
        """Do what is ready, or let time pass until something is."""
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].is_cancelled:
            heappop(timers)
        if not ready:
            if not timers:
                raise Stuck
            # A little later than due, as by any clock: whoever wakes a rounding error too early
            # and waits for the rest would wake at the same moment for ever.
            self._seconds = max(self._seconds, timers[0][0]) + RESOLUTION
        while timers and timers[0][0] < self._seconds + RESOLUTION:
            ready.append(heappop(timers)[2])
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.is_cancelled:
                try:  # noqa: SIM105  `suppress` takes longer than most of what is done here
                    handle.context.run(handle.act, *handle.args)
                except Exception:  # noqa: BLE001, S110  of the dead, who tell nothing
                    pass

    def call_soon(  # type: ignore[override]
        self, act: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Handle:
        handle = Handle(act, args, context)
        self._ready.append(handle)
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, act: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Handle:
        handle = Handle(act, args, context)
        heappush(self._timers, (when, next(self._numbers), handle))
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, act: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Handle:
        return self.call_at(self._seconds + delay, act, *args, context=context)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> "asyncio.Task[T]":
        """Make a task that belongs to whom its maker belongs to."""
        context = copy_context() if context is None else context
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        owner: Owner | None = context.get(OWNER)
        if owner is not None:
            owner.tasks[task] = None
            task.add_done_callback(lambda done: owner.tasks.pop(done, None))
        return task

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, act: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Do at once what aiogram gives to threads: its filters that are no coroutines."""
        done = self.create_future()
        try:
            done.set_result(act(*args))
        except Exception as error:  # noqa: BLE001  whoever awaits it gets it
            done.set_exception(error)
        return done

    def time(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._seconds)

    def epoch(self) -> float:
        return BEGINNING.timestamp() + self._seconds
