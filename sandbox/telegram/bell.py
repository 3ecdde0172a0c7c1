"""Wait for something to become true, looking only when something happened."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Rung at every change; whoever waits looks again."""

    def __init__(self) -> None:
        self._listening: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        for listener in self._listening:
            if not listener.done():
                listener.set_result(None)
        self._listening.clear()

    async def until(self, look: Callable[[], T], seconds: float) -> T:
        """Give what `look` found as soon as it is true; TimeoutError if it never is."""
        async with asyncio.timeout(seconds):
            while not (found := look()):
                await self._heard()
            return found

    async def _heard(self) -> None:
        listener: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._listening.add(listener)
        try:
            await listener
        finally:
            self._listening.discard(listener)
