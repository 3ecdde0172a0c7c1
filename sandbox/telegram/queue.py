"""The updates that wait for the bot, and how it collects them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.telegram.answer import Refusal

DAY = 24 * 3600.0
LIFETIMES = {
    "callback_query": 150.0,
    "shipping_query": 150.0,
    "pre_checkout_query": 150.0,
    "inline_query": 30.0,
    "chosen_inline_result": 600.0,
}
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
LONGEST_POLL = 50.0
HURRIED = 0.5  # the same offset again so soon gives one update at a time
FAR = 10  # past the end of the queue, as tdlib has it
IMPATIENT = 3.0  # the same offset again so soon has to wait at least as long
ANOTHER = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)


@dataclass(slots=True, frozen=True)
class Pending:
    """An update on its way; `serial` is its own even when two carry the same update_id."""

    serial: int
    kind: str
    update: dict[str, Any]
    expires: float

    @property
    def id(self) -> int:
        return int(self.update["update_id"])

    @property
    def lane(self) -> tuple[str, object]:
        """Say which updates must wait for this one: taps of a user, the rest of a chat."""
        body = self.update.get(self.kind)
        about = body if isinstance(body, dict) else {}
        where = "from" if self.kind == "callback_query" or "chat" not in about else "chat"
        whose = about.get(where)
        return where, whose.get("id") if isinstance(whose, dict) else None


@dataclass(slots=True)
class Webhook:
    url: str
    secret: str | None = None
    max_connections: int = 40
    last_error_date: int | None = None
    last_error_message: str | None = None


class Updates:
    """One bot's queue: it grows at one end and is confirmed at the other."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.allowed: frozenset[str] | None = None  # None: all but ON_REQUEST
        self.sink: Callable[[Pending], None] | None = None  # the webhook sender, when it runs
        self._now = now
        self._waiting: OrderedDict[int, Pending] = OrderedDict()
        self._next_id = 100_000
        self._serial = 0
        self._poller: asyncio.Future[Refusal | None] | None = None
        self._last_offset = -1
        self._last_start = self._last_finish = float("-inf")

    def __iter__(self) -> Iterator[Pending]:
        """Go over what has not expired; the rest is forgotten on the way."""
        for pending in list(self._waiting.values()):
            if self.lives(pending):
                yield pending

    def put(self, update: dict[str, Any]) -> int | None:
        """Queue an update, or drop it for good if the bot did not ask for its kind."""
        kind = next((key for key in update if key != "update_id"), "")
        if not self._wanted(kind):
            return None
        number = int(update.get("update_id", self._next_id))
        self._next_id = max(self._next_id, number + 1)
        self._serial += 1
        pending = Pending(
            self._serial, kind, {"update_id": number, **update}, self._expiry(kind, update)
        )
        self._waiting[pending.serial] = pending
        self._wake(None)
        if self.sink:
            self.sink(pending)
        return number

    def lives(self, pending: Pending) -> bool:
        """Tell whether an update still waits; one that is too old is forgotten here."""
        if pending.expires <= self._now():
            self.done(pending)
        return pending.serial in self._waiting

    def done(self, pending: Pending) -> None:
        self._waiting.pop(pending.serial, None)

    def clear(self) -> None:
        self._waiting.clear()

    def interrupt(self, why: str) -> None:
        """End the poll that is waiting, if one is, with a conflict."""
        self._wake(Refusal(409, why))

    def release(self) -> None:
        """End the poll that is waiting with nothing, since the server is going down."""
        self._wake(None)

    async def poll(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        self.interrupt(ANOTHER)
        limit, seconds = self._calmed(offset, limit, min(max(seconds, 0.0), LONGEST_POLL))
        try:
            ready = self._ready(offset, limit)
            if ready or not seconds:
                return ready
            await self._news(seconds)
            return self._ready(max(offset, 0), limit)
        finally:
            self._last_finish = asyncio.get_running_loop().time()

    def _wanted(self, kind: str) -> bool:
        return kind not in ON_REQUEST if self.allowed is None else kind in self.allowed

    def _expiry(self, kind: str, update: dict[str, Any]) -> float:
        body = update.get(kind)
        born = (body.get("edit_date") or body.get("date")) if isinstance(body, dict) else None
        if kind in LIFETIMES or not isinstance(born, int):
            born = self._now()
        return born + LIFETIMES.get(kind, DAY)

    def _wake(self, verdict: Refusal | None) -> None:
        if self._poller and not self._poller.done():
            self._poller.set_result(verdict)

    def _calmed(self, offset: int, limit: int, seconds: float) -> tuple[int, float]:
        now = asyncio.get_running_loop().time()
        if offset == self._last_offset:
            limit = 1 if now < self._last_finish + HURRIED else limit
            seconds = max(seconds, IMPATIENT) if now < self._last_start + IMPATIENT else seconds
        self._last_offset, self._last_start = offset, now
        return limit, seconds

    async def _news(self, seconds: float) -> None:
        self._poller = poller = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                verdict = await poller
        except TimeoutError:
            return
        if verdict:
            raise verdict

    def _ready(self, offset: int, limit: int) -> list[dict[str, Any]]:
        if offset > self._next_id + FAR:  # the ids have begun anew: nothing is confirmed by it
            offset = 0
        self._confirm(offset)
        ready: list[dict[str, Any]] = []
        stale: list[Pending] = []
        for pending in self._waiting.values():
            if len(ready) == limit:
                break
            if pending.expires <= self._now() or pending.id < offset:
                stale.append(pending)
            else:
                ready.append(pending.update)
        for pending in stale:
            self.done(pending)
        return ready

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            while len(self._waiting) > -offset:
                self._waiting.popitem(last=False)
        while offset > 0 and self._waiting and next(iter(self._waiting.values())).id < offset:
            self._waiting.popitem(last=False)
