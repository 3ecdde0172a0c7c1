"""Keeps the promises of the outbox: says what is to be said, deletes what is to be deleted.

At least once, in order within a chat, and never before the fact it tells of is stored.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import timedelta

import structlog
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from bot import db, notices
from bot.db import Database
from bot.notices import Action, Notice
from bot.voice import Voice

log = structlog.get_logger()

BATCH = 100
IDLE = 1.0  # seconds; a commit wakes the worker at once
GRACE = timedelta(seconds=5)  # for the deletion that is tried at once
DELETABLE = timedelta(hours=47)  # Telegram's limit is 48
_GONE = ("message to delete not found", "message_id_invalid")
_AGAIN = (TelegramNetworkError, TelegramServerError, ClientDecodeError, TelegramRetryAfter)


class Outbox:
    """The worker, and the deletions that do not wait for it."""

    def __init__(self, voice: Voice, database: Database) -> None:
        self._voice = voice
        self._bot = voice.bot
        self._database = database

    async def wipe(self, chat_id: int, message_id: int, language: str) -> None:
        """Delete a message now. It is promised at the same time, in case now does not work."""
        promised = notices.deletion(chat_id, message_id, language, after=GRACE)
        deleted, _ = await asyncio.gather(
            self._try(self._bot.delete_message(chat_id, message_id)),
            self._database.promise([promised]),
        )
        if deleted and promised.key:
            async with self._database.write() as tx:
                await db.keep_promise(tx, promised.key, self._database.now())

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, and then what is still due; a commit wakes the worker.

        It is never cancelled: between a message sent and that stored, it would be sent again.
        """
        while True:
            self._database.written.clear()
            if await self.deliver():
                continue
            if stop.is_set():
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._database.written.wait(), IDLE)

    async def deliver(self) -> int:
        """Deliver what is due and give how many notices that was: one a chat, all at once."""
        async with self._database.read() as tx:
            due = await db.due(tx, self._database.now(), BATCH)
        await asyncio.gather(*(self._deliver(*row) for row in due))
        return len(due)

    async def _deliver(self, row_id: int, attempts: int, notice: Notice) -> None:
        now = self._database.now()
        changes: dict[str, object] = {"attempts": attempts + 1}
        try:
            await self._send(notice)
            changes["sent_at"] = now
        except _AGAIN as error:
            changes |= {"due_at": now + _pause(error, attempts), "error": type(error).__name__}
        except Exception as error:  # noqa: BLE001  one that cannot be sent stops no other
            log.warning("notice_dead", row=row_id, action=notice.action, error=repr(error))
            changes |= {"dead_at": now, "error": type(error).__name__}
        async with self._database.write() as tx:
            await db.change_notice(tx, row_id, **changes)

    async def _send(self, notice: Notice) -> None:
        chat_id, message_id = notice.chat_id, notice.message_id
        language, words = notice.language, notice.words
        if words is None:
            await self._delete(notice)
        elif message_id is None:
            await self._voice.say(chat_id, language, words, notice.topic_id)
        elif notice.action is Action.buttons:
            await self._voice.put_buttons(chat_id, message_id, language, words)
        else:
            await self._voice.turn(chat_id, message_id, language, words)

    async def _delete(self, notice: Notice) -> None:
        try:
            await self._bot.delete_message(notice.chat_id, notice.message_id or 0)
        except TelegramBadRequest as refused:
            if not any(gone in refused.message for gone in _GONE):
                raise
        except TelegramForbiddenError:
            log.info("chat_gone", chat=notice.chat_id)

    async def _try(self, call: Awaitable[object]) -> bool:
        try:
            await call
        except TelegramBadRequest as refused:
            return any(gone in refused.message for gone in _GONE)
        except AiogramError:
            return False
        return True


def _pause(error: Exception, attempts: int) -> timedelta:
    if isinstance(error, TelegramRetryAfter):
        return timedelta(seconds=error.retry_after)
    return timedelta(seconds=min(2**attempts, 300))
