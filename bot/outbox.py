"""Keeps the promises of the outbox: says what is to be said, deletes what is to be deleted.

At least once, in order within a lane, and never before the fact it tells of is stored. A chat's
messages are a lane, and its deletions another; no lane waits for another.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Any

import structlog
from aiogram.enums import ChatType
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiolimiter import AsyncLimiter
from sqlalchemy.exc import SQLAlchemyError

from bot import db, notices
from bot.db import Database
from bot.notices import Action, AdminGroup, Notice, Words
from bot.voice import Voice

log = structlog.get_logger()

BATCH = 100  # messages under way at once, and as many deletions
A_GROUP = (18, 60.0)  # messages in seconds; Telegram's is 20
A_STUDENT = (5, 5.0)  # one a second, with short bursts
CHATS = 10_000  # whose pace is remembered
TOGETHER = 30  # notices read for one message to a group
IDLE = 1.0  # seconds; a commit wakes the worker
BREATH = 0.05  # seconds in which others commit too: in a rush a look for each is half the work
_GONE = ("message to delete not found", "message_id_invalid")
_AGAIN = (
    TelegramNetworkError,
    TelegramServerError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,  # a token is mended, and a notice is not
    ClientDecodeError,
    SQLAlchemyError,
    OSError,
)


class ChatIsFull(Exception):
    """One message more would be over the limit of a chat."""


class Outbox:
    """The worker, and the deletion that does not wait for it."""

    def __init__(self, voice: Voice, database: Database, admins: AdminGroup) -> None:
        self._voice = voice
        self._bot = voice.bot
        self._database = database
        self._admins = admins
        self._sent: set[int] = set()  # rows that are sent, and that not stored yet
        self._under_way: set[tuple[int, bool]] = set()  # lanes: a chat, and whether it deletes
        self._failure: Exception | None = None  # the last one, not logged yet
        self._pace_of = lru_cache(CHATS)(lambda chat_id: AsyncLimiter(*_limit(chat_id)))

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set, and then what is still due; a commit wakes the worker.

        It is never cancelled: between a message sent and that stored, it would be sent again.
        """
        committed = self._database.committed
        async with asyncio.TaskGroup() as deliveries:
            while True:
                committed.clear()
                for row in await self._due():
                    self._under_way.add(_lane(row[-1]))
                    deliveries.create_task(self._try_to_deliver(*row))
                has_failed = self._log_failure()  # what cannot be stored is told at the next start
                is_done = not self._under_way and not committed.is_set()
                if stop.is_set() and (has_failed or is_done):
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(committed.wait(), IDLE)
                    await asyncio.sleep(BREATH)

    async def _due(self) -> Sequence[tuple[int, int, Notice]]:
        """Give what is due in lanes that are free, as much as there is room for.

        A lane that gets free meanwhile counts as under way: what is read here may be older.
        """
        under_way, now = frozenset(self._under_way), self._database.now()
        due: list[tuple[int, int, Notice]] = []
        try:
            async with self._database.read() as tx:
                for deletes in (True, False):
                    busy = [chat_id for chat_id, of_kind in under_way if of_kind == deletes]
                    if room := BATCH - len(busy):
                        due += await db.due(tx, now, room, deletes=deletes, but=busy)
        except Exception as error:  # noqa: BLE001  the database is asked again
            self._failure = error
            return []
        return due

    async def _try_to_deliver(self, row_id: int, attempts: int, notice: Notice) -> None:
        """Deliver; whatever fails is tried again, and ends no other delivery."""
        try:
            await self._deliver(row_id, attempts, notice)
        except Exception as error:  # noqa: BLE001  `run` logs it
            self._failure = error
        finally:
            self._under_way.discard(_lane(notice))

    def _log_failure(self) -> bool:
        """Log one failure a look, if any: a full disk fails every delivery, again and again."""
        failure, self._failure = self._failure, None
        if failure is not None:
            log.error("outbox_failed", exc_info=failure)
        return failure is not None

    async def _deliver(self, row_id: int, attempts: int, notice: Notice) -> None:
        rows, now = [row_id], self._database.now()
        changes: dict[str, Any] = {"attempts": attempts + 1}
        told: list[Notice] = []
        try:
            if row_id not in self._sent:
                rows = await self._paced(row_id, notice)
                self._sent.update(rows)
            changes["sent_at"] = now
        except Exception as error:  # noqa: BLE001  one that cannot be sent stops no other
            changes |= _after(error, notice, attempts, now)
            log.warning("notice_not_sent", row=row_id, chat=notice.chat_id, **_readable(changes))
            told = self._unreachable(notice) if "sent_at" in changes else []
        async with self._database.write() as tx:
            await db.change_notices(tx, rows, **changes)
            await db.promise(tx, told, now)
        self._sent.difference_update(rows)

    def _unreachable(self, notice: Notice) -> list[Notice]:
        """Tell the admins, once an order, of a student who will not read what became of it."""
        order = notice.words.args.get("order") if notice.words else None
        if order is None:
            return []
        words = notices.unreachable(notice.chat_id, str(order))
        return [self._admins.told(words, f"{order}:admins:unreachable")]

    async def _paced(self, row_id: int, notice: Notice) -> list[int]:
        """Send within the limits of a chat, and give the rows that were sent.

        Raises:
            ChatIsFull: It has had its messages of this time.
        """
        if notice.words is None:
            await self._send(notice)
            return [row_id]
        if not self._pace_of(notice.chat_id).has_capacity():
            raise ChatIsFull
        async with self._pace_of(notice.chat_id):
            if _may_be_merged(notice):
                return await self._say_together(notice)
            await self._send(notice)
            return [row_id]

    async def _say_together(self, notice: Notice) -> list[int]:
        """Say all that waits for a group in one message, as far as it goes in."""
        async with self._database.read() as tx:
            beside = await db.waiting_beside(tx, notice, TOGETHER)
        waiting = list(takewhile(lambda row: _may_be_merged(row[1]), beside))
        words = [other.words for _, other in waiting if other.words]
        said = await self._voice.say_together(
            notice.chat_id, notice.language, words, notice.topic_id
        )
        return [row for row, _ in waiting[:said]]

    async def _send(self, notice: Notice) -> None:
        chat_id, message_id = notice.chat_id, notice.message_id
        language, words = notice.language, notice.words
        urgent = chat_id > 0  # a student's: what became of a payment
        if words is None:
            await self._delete(notice, message_id or 0)
        elif message_id is None:
            topic = notice.topic_id
            await self._voice.say(chat_id, language, words, urgent=urgent, topic_id=topic)
        elif notice.action is Action.buttons:
            await self._voice.put_buttons(chat_id, message_id, language, words)
        else:
            await self._voice.turn(chat_id, message_id, language, words, urgent=urgent)

    async def erased(self, chat_id: int, message_id: int) -> bool:
        """Delete a message now, once, and tell whether it is gone."""
        try:
            await self._erase(chat_id, message_id)
        except AiogramError:
            return False
        return True

    async def _erase(self, chat_id: int, message_id: int) -> None:
        """Delete a message; one that is gone is deleted."""
        try:
            await self._bot.delete_message(chat_id, message_id)
        except TelegramBadRequest as refused:
            if not any(gone in refused.message.lower() for gone in _GONE):
                raise

    async def _delete(self, notice: Notice, message_id: int) -> None:
        """Delete, or promise to ask once that it is done, where Telegram does not let us.

        In a channel nobody is asked: it would be read by all who follow it.
        """
        try:
            await self._erase(notice.chat_id, message_id)
        except TelegramBadRequest:
            log.warning("cannot_delete", chat=notice.chat_id, message=message_id)
            words = Words("cannot-delete")
            if notice.chat_id < 0:
                chat = await self._bot.get_chat(notice.chat_id)
                if chat.type == ChatType.CHANNEL:
                    return
                words = Words("cannot-delete-in-group")
            asked = Notice(
                chat_id=notice.chat_id,
                language=notice.language,
                words=words,
                key=f"cannot-{notice.key}",
            )
            await self._database.promise([asked])


def _lane(notice: Notice) -> tuple[int, bool]:
    return notice.chat_id, notice.action is Action.delete


def _limit(chat_id: int) -> tuple[int, float]:
    return A_STUDENT if chat_id > 0 else A_GROUP


def _may_be_merged(notice: Notice) -> bool:
    """Only a group's, and what has buttons of its own stands alone."""
    buttons = notice.words.buttons if notice.words else ()
    return notice.chat_id < 0 and notice.action is Action.send and not buttons


def _after(error: Exception, notice: Notice, attempts: int, now: datetime) -> dict[str, Any]:
    """Decide about a notice that was not sent: elsewhere, later, nobody there, or dead."""
    name = type(error).__name__
    match error:
        case TelegramForbiddenError() | TelegramMigrateToChat() if _is_void(notice):
            return {"sent_at": now, "error": name}
        case TelegramMigrateToChat(migrate_to_chat_id=chat_id):
            return {"chat_id": chat_id}
        case TelegramBadRequest() if notice.topic_id and "thread not found" in error.message:
            return {"topic_id": None}
        case ChatIsFull():
            messages, seconds = _limit(notice.chat_id)
            return {"due_at": now + timedelta(seconds=seconds / messages), "attempts": attempts}
    if isinstance(error, _AGAIN):
        return {"due_at": now + _pause(error, attempts), "error": name}
    return {"dead_at": now, "error": name}


def _readable(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write moments as text: the digits of their `repr` are masked like a card's."""
    return {
        name: f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
        for name, value in changes.items()
    }


def _is_void(notice: Notice) -> bool:
    """Tell what nobody wants any more where the bot was blocked or thrown out.

    In a group that has become another one the number of a message is another message's.
    """
    return notice.words is None or notice.chat_id > 0


def _pause(error: Exception, attempts: int) -> timedelta:
    if isinstance(error, TelegramRetryAfter):
        return timedelta(seconds=error.retry_after)
    return timedelta(seconds=min(2**attempts, 300))
