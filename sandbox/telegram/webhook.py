"""Push updates to the bot's webhook, in order and for as long as they are worth it."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp

from sandbox.faults import Dropped, Refused
from sandbox.telegram import Telegram
from sandbox.telegram.form import plain
from sandbox.telegram.queue import Pending, Webhook

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
LONGEST_PAUSE = 60.0
LONGEST_RETRY_AFTER = 3600.0
READ_TIMEOUT = 60.0
Lane = tuple[str, object]


class WebhookSender:
    """Sends while `run` runs. `patience` shortens its pauses, for tests in a hurry."""

    def __init__(self, telegram: Telegram, patience: float = 1.0) -> None:
        self._telegram = telegram
        self._patience = patience
        # A lane's updates by serial: an update put there twice is still sent once.
        self._lanes: dict[Lane, dict[int, Pending]] = {}

    async def run(self) -> None:
        updates = self._telegram.updates
        timeout = aiohttp.ClientTimeout(total=READ_TIMEOUT)
        async with (
            aiohttp.ClientSession(timeout=timeout) as self._http,
            asyncio.TaskGroup() as self._tasks,
        ):
            updates.sink = self._take
            try:
                for pending in updates:
                    self._take(pending)
                await asyncio.Event().wait()  # until cancelled
            finally:
                updates.sink = None
                self._lanes.clear()

    def _take(self, pending: Pending) -> None:
        if not self._telegram.webhook:
            return
        lane = pending.lane
        if lane in self._lanes:
            self._lanes[lane][pending.serial] = pending
        else:
            self._lanes[lane] = {pending.serial: pending}
            self._tasks.create_task(self._drain(lane))

    async def _drain(self, lane: Lane) -> None:
        queue = self._lanes[lane]
        while queue and self._telegram.webhook:
            serial = next(iter(queue))
            await self._deliver(queue[serial])
            queue.pop(serial)
        self._lanes.pop(lane, None)

    async def _deliver(self, pending: Pending) -> None:
        """Send one update until it is taken, too old, or there is nowhere to send it."""
        failures = 0
        while (hook := self._telegram.webhook) and self._telegram.updates.lives(pending):
            pause = await self._post(hook, pending)
            if pause is None:
                self._telegram.updates.done(pending)
                self._telegram.bell.ring()
                return
            # The first retry is made at once, then 2, 4, 8 … seconds apart.
            waits = min(2.0**failures, LONGEST_PAUSE) if failures else 0.0
            failures += 1
            await asyncio.sleep(max(waits, pause) * self._patience)

    async def _post(self, hook: Webhook, pending: Pending) -> float | None:
        """Send once: None if it was taken, else how long the bot asked us to wait."""
        headers = {SECRET_HEADER: hook.secret} if hook.secret else {}
        try:
            async with self._http.post(hook.url, json=pending.update, headers=headers) as response:
                if response.ok:
                    await self._obey(response)
                    return None
                self._complain(hook, f"Wrong response from the webhook: {response.status}")
                return _retry_after(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._complain(hook, f"Connection failed: {type(error).__name__}")
            return 0.0

    def _complain(self, hook: Webhook, why: str) -> None:
        hook.last_error_date, hook.last_error_message = int(self._telegram.now()), why
        self._telegram.bell.ring()

    async def _obey(self, response: aiohttp.ClientResponse) -> None:
        """Do what the answer asks, if it is itself a call of a method."""
        params = await _call_in(response)
        if method := params.pop("method", None):
            with contextlib.suppress(Refused, Dropped):
                await self._telegram.call(self._telegram.token, str(method), params)


def _retry_after(response: aiohttp.ClientResponse) -> float:
    asked = response.headers.get("Retry-After", "0")
    return min(float(asked), LONGEST_RETRY_AFTER) if asked.isdecimal() else 0.0


async def _call_in(response: aiohttp.ClientResponse) -> dict[str, Any]:
    if response.content_type.startswith("multipart/"):
        return plain(await _fields(response))
    with contextlib.suppress(ValueError):
        found = json.loads(await response.text())
        if isinstance(found, dict):
            return plain(found)
    return {}


async def _fields(response: aiohttp.ClientResponse) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    reader = aiohttp.MultipartReader.from_response(response)
    while isinstance(part := await reader.next(), aiohttp.BodyPartReader):
        fields[part.name or ""] = await part.text()
    return fields
