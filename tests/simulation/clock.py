"""Time that passes only when nobody has anything to do: an event loop without threads or sockets.

What happens in which order depends on nothing but what was scheduled, so a seed is a history.
"""

import asyncio
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

BEGINNING = datetime(2026, 11, 24, 6, tzinfo=UTC)


class Stuck(Exception):
    """Everybody waits, and nothing is scheduled that would wake anybody."""


class Owner(Protocol):
    """Whoever tasks belong to, and die with."""

    tasks: dict["asyncio.Task[Any]", None]


OWNER: ContextVar[Any] = ContextVar("OWNER", default=None)  # of an `Owner`, or nobody


class Loop(BaseEventLoop):
    """An event loop whose time jumps to the next timer as soon as nothing is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._seconds = 0.0
        self._clock_resolution = 1e-6
        self._selector = self  # asked for events only, of which there are none
        self.set_task_factory(_task)  # type: ignore[arg-type]
        self.set_exception_handler(lambda _loop, _context: None)  # of the dead, who tell nothing

    def time(self) -> float:
        return self._seconds

    def select(self, seconds: float | None) -> list[Any]:
        if seconds is None:
            raise Stuck
        self._seconds += max(seconds, 0)
        return []

    def _process_events(self, events: list[Any]) -> None:
        """Have none."""

    def _write_to_self(self) -> None:
        """Need no waking: there are no threads."""

    def _asyncgen_firstiter_hook(self, agen: Any) -> None:
        """Keep no list of them: nobody here is shut down by it."""

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

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self._seconds)

    def epoch(self) -> float:
        return BEGINNING.timestamp() + self._seconds


def _task(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context | None = None
) -> "asyncio.Task[Any]":
    """Make a task that belongs to whom its maker belongs to."""
    context = copy_context() if context is None else context
    task = asyncio.Task(coro, loop=loop, context=context)
    owner: Owner | None = context.get(OWNER)
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task
