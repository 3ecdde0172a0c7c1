"""What Telegram hands over: cards go at once, the rest is stored before Telegram may forget it."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import TelegramRetryAfter
from aiogram.types import Update
from aiojobs import Scheduler
from pydantic import ValidationError

from bot import db, notices
from bot.cards import may_be_date_or_code
from bot.db import Database
from bot.guard import holds_card_anywhere, message_of
from bot.outbox import Outbox
from bot.storage import DialogueStorage, key_of

log = structlog.get_logger()

Raw = Mapping[str, Any]
PATIENCE = 1.0  # seconds that the next update waits for the database
CURE = "nobody is answered: is the disk full? make room; `python -m bot check` tries it"
LARGEST = 2**53  # of Telegram's ids
# With too few digits for a code or a date, and with a word after it only where a link writes one.
COMMAND = re.compile(r"/(?!(?:\D*\d){4})(?:start(?:@\w+)?\s+[\w-]+|[a-z]+(?:@\w+)?)\s*")


def _future() -> "asyncio.Future[bool]":
    return asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Taken:
    """An update on its way from Telegram to its handler."""

    raw: Raw = field(repr=False)
    chat_id: int | None
    wiped: int | None = None  # the message that may hold a card
    is_card: bool = False  # it does
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # its deletion was tried
    stored: "asyncio.Future[bool]" = field(default_factory=_future)

    @property
    def id(self) -> int:
        return int(self.raw["update_id"])


class Intake:
    """The one way in, for the poll and the webhook alike.

    What may hold card data is deleted before anything is waited for. An update is handled once,
    however often Telegram repeats it; one that a killed process left stands unanswered in the
    inbox, so that the student can be asked again.
    """

    def __init__(
        self,
        *,
        bot: Bot,
        dispatcher: Dispatcher,
        database: Database,
        outbox: Outbox,
        storage: DialogueStorage,
        jobs: Scheduler,
        language: str,
    ) -> None:
        self._bot = bot
        self._dispatcher = dispatcher
        self._database = database
        self._outbox = outbox
        self._storage = storage
        self._jobs = jobs
        self._language = language  # of a chat that has chosen none
        self._is_open = True
        self._newest: int | None = None
        self._storing: dict[int, Taken] = {}
        self._pressed: Counter[int] = Counter()  # presses being answered, by chat
        self._in_order = asyncio.Lock()
        self.unstored_since: datetime | None = None  # while the database takes nothing in

    @property
    def offset(self) -> int | None:
        """Give the first update that Telegram must not forget yet."""
        if self._newest is None:
            return None
        return min([self._newest + 1, *self._storing])

    def close(self) -> None:
        """Take no more: the process is about to end, and Telegram keeps the rest for the next."""
        self._is_open = False

    async def take(self, batch: Sequence[Raw]) -> bool:
        """Take updates, and tell whether they are stored; else Telegram is to repeat them.

        A database that does not answer keeps nobody's card in a chat: after a while the next
        updates are asked for, and `offset` leaves these unconfirmed.
        """
        if not self._is_open:
            return False
        raws = {raw["update_id"]: raw for raw in batch if _id(raw.get("update_id")) is not None}
        if not raws:
            return True
        repeated = [self._storing[id_] for id_ in raws.keys() & self._storing]
        new = [await self._receive(raw) for id_, raw in raws.items() if id_ not in self._storing]
        self._storing |= {taken.id: taken for taken in new}
        self._newest = max(raws)  # lower than before when Telegram has begun to count anew
        if new:
            await self._jobs.spawn(self._store(new))
        stored = [taken.stored for taken in (*repeated, *new)]
        await asyncio.wait(stored, timeout=PATIENCE)
        return all(one.done() and one.result() for one in stored)

    async def _receive(self, raw: Raw) -> Taken:
        """Start the deletion of what may hold a card."""
        message = message_of(raw)
        is_card = message is not None and holds_card_anywhere(message)
        pressed = _pressed(raw)
        chat_id, message_id = _place(message or pressed)
        wiped = message_id if message and (is_card or self._may_be_secret(message)) else None
        taken = Taken(raw, chat_id, wiped, is_card)
        if chat_id is not None and wiped is not None:
            await self._jobs.spawn(self._wipe(taken, chat_id, wiped))
        if chat_id is not None and pressed is not None:
            self._pressed[chat_id] += 1
        return taken

    def _over(self, taken: Taken) -> None:
        """Nothing more comes of an update here."""
        if taken.chat_id is not None and _pressed(taken.raw) is not None:
            self._pressed[taken.chat_id] -= 1
            self._pressed += Counter()  # drops what is zero

    async def _read(self, raw: Raw) -> Update | None:
        """Parse one update; of one that aiogram cannot read, id and field paths are logged."""
        await asyncio.sleep(0)  # the deletions go first
        try:
            return Update.model_validate(raw, context={"bot": self._bot})
        except Exception as error:  # noqa: BLE001  whatever it is, it stops no other update
            problems = error.errors() if isinstance(error, ValidationError) else []
            fields = sorted({".".join(map(str, problem["loc"])) for problem in problems})
            log.warning("update_unreadable", update_id=raw["update_id"], fields=fields)
            return None

    def _may_be_secret(self, message: Raw) -> bool:
        """Tell whether a message may be a part of a card or a code, though no card stands in it.

        At a step of a checkout anything but a command may, and so may what is typed while a
        press is answered, which may lead to one. A date or a code may come late, or twice.
        """
        chat_id, _ = _place(message)
        if chat_id is None or chat_id < 0:
            return False
        text = str(message.get("text") or "")
        if COMMAND.fullmatch(text):
            return False
        is_at_step = self._storage.is_going_on(key_of(self._bot.id, chat_id))
        return is_at_step or chat_id in self._pressed or may_be_date_or_code(text)

    async def _wipe(self, taken: Taken, chat_id: int, message_id: int) -> None:
        """Delete now; the promise that is stored meanwhile is kept if this works."""
        try:
            deleted = await self._outbox.erased(chat_id, message_id)
        finally:
            taken.gone.set()
        if deleted:
            await asyncio.wait([taken.stored])
            async with self._database.write() as tx:
                key = notices.deletion_key(chat_id, message_id)
                await db.keep_promise(tx, key, self._database.now())

    async def _store(self, batch: Sequence[Taken]) -> None:
        """Store that these were taken, and hand the new ones on in their order."""
        async with self._in_order:
            updates = {taken.id: await self._read(taken.raw) for taken in batch}
            try:
                new = await self._store_once(batch, updates)
            except Exception as error:  # noqa: BLE001  whatever it is, Telegram repeats them
                self._not_stored(error)
                await asyncio.sleep(PATIENCE)
                self._newest = min(taken.id for taken in batch) - 1
                self._release(batch, stored=False)
                for taken in batch:
                    self._over(taken)
                return
            self._stored_again()
            self._release(batch, stored=True)
            for taken in batch:
                update = updates[taken.id]
                if taken.id in new and update is not None:
                    await self._jobs.spawn(self._handle(taken, update))
                else:
                    self._over(taken)

    def _not_stored(self, error: Exception) -> None:
        """Say it once, with the cure: it fails every second, and a log needs room too."""
        if self.unstored_since is None:
            self.unstored_since = self._database.now()
            log.error("updates_not_stored", error=type(error).__name__, cure=CURE)

    def _stored_again(self) -> None:
        if self.unstored_since is not None:
            away = self._database.now() - self.unstored_since
            log.info("updates_stored_again", after_seconds=round(away.total_seconds()))
            self.unstored_since = None

    def _release(self, batch: Sequence[Taken], *, stored: bool) -> None:
        for taken in batch:
            del self._storing[taken.id]
            taken.stored.set_result(stored)

    async def _store_once(
        self, batch: Sequence[Taken], updates: Mapping[int, Update | None]
    ) -> Sequence[int]:
        now = self._database.now()
        async with self._database.write() as tx:
            rows = {taken.id: taken.chat_id for taken in batch}
            new = await db.take_in(tx, rows, now)
            for taken in batch:
                if taken.chat_id is None or taken.wiped is None:
                    continue
                language = await db.language(tx, taken.chat_id) or self._language
                said = [notices.deletion(taken.chat_id, taken.wiped, language)]
                if updates[taken.id] is None and taken.chat_id > 0:
                    said.append(notices.not_read(taken.chat_id, taken.wiped, language))
                await db.promise(tx, said, now)
            unreadable = [id_ for id_, update in updates.items() if update is None]
            if unreadable:
                await db.answered(tx, unreadable, now)
        return new

    async def _handle(self, taken: Taken, update: Update) -> None:
        """Handle one update; a defect in a handler is logged without what was written."""
        try:
            await self._dispatcher.feed_update(self._bot, update, taken=taken)
        except TelegramRetryAfter as full:  # after all retries: no defect, and no way to say so
            log.warning("not_answered", update_id=taken.id, retry_after=full.retry_after)
        except Exception:
            log.exception("update_failed", update_id=taken.id)
        finally:
            self._over(taken)
        async with self._database.write() as tx:
            await db.answered(tx, [taken.id], self._database.now())


def _pressed(raw: Raw) -> Raw | None:
    """Give the message of the bot under which a button was pressed."""
    query = raw.get("callback_query")
    message = query.get("message") if isinstance(query, Mapping) else None
    return message if isinstance(message, Mapping) else None


def _place(message: Raw | None) -> tuple[int | None, int | None]:
    """Give the ids of a message's chat and of itself, where they are ids."""
    if message is None:
        return None, None
    chat = message.get("chat")
    chat_id = chat.get("id") if isinstance(chat, Mapping) else None
    return _id(chat_id), _id(message.get("message_id"))


def _id(value: object) -> int | None:
    """Let through what can be an id; JSON's `true` is an int to Python."""
    return value if type(value) is int and abs(value) < LARGEST else None
