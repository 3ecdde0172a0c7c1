"""What happens to every update before its handler: card data goes, and a voice is found."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from aiogram import BaseMiddleware
from aiogram.dispatcher.middlewares.user_context import EVENT_CONTEXT_KEY, EventContext
from aiogram.enums import ChatType
from aiogram.exceptions import AiogramError
from aiogram.fsm.storage.base import StorageKey
from aiogram.types import CallbackQuery, Message, TelegramObject, Update
from aiojobs import Job, Scheduler

from bot import db
from bot.cards import holds_card
from bot.db import Database
from bot.outbox import Outbox
from bot.storage import DialogueStorage
from bot.voice import Voice
from handlers.speech import Speech

COMMAND = re.compile(r"/[a-z]")
LATE = re.compile(r"\s*(?:\d[\s-]?){6}\s*|\s*\d{1,2}\s*[/.-]\s*\d{2,4}\s*")
Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class Languages:
    """The language of each chat: what was chosen, else the shop's own.

    Telegram's `language_code` is not asked: it is the phone's language, and many who read Uzbek
    first have a phone in Russian or English.
    """

    def __init__(self, database: Database, default: str) -> None:
        self._database = database
        self.default = default

    async def of(self, chat_id: int) -> str:
        async with self._database.read() as tx:
            return await db.language(tx, chat_id) or self.default

    async def choose(self, chat_id: int, language: str) -> None:
        async with self._database.write() as tx:
            await db.choose_language(tx, chat_id, language)


class Arrival(BaseMiddleware):
    """One update of a chat after another, in the order they came; deletions wait for none.

    It stands in for aiogram's own lock, inside of which a deletion would wait for whatever the
    student did before.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        storage: DialogueStorage,
        languages: Languages,
        voice: Voice,
        jobs: Scheduler,
    ) -> None:
        self._outbox = outbox
        self._storage = storage
        self._languages = languages
        self._voice = voice
        self._jobs = jobs
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        context: EventContext = data[EVENT_CONTEXT_KEY]
        if not isinstance(event, Update) or context.chat is None:
            return await handler(event, data)
        chat_id = context.chat.id
        wiping = await self._wipe(event.message or event.edited_message, data)
        if event.callback_query is not None:
            await self._jobs.spawn(_stop_spinner(event.callback_query))
        async with self._turn(chat_id), self._marked(event, chat_id, data["bot"].id):
            if wiping is not None:
                await wiping.wait()
            language = await self._languages.of(chat_id)
            data |= {
                "speech": Speech(self._voice, chat_id, language),
                "wiped": wiping is not None,
            }
            return await handler(event, data)

    @asynccontextmanager
    async def _marked(self, update: Update, chat_id: int, bot_id: int) -> AsyncIterator[None]:
        """Mark the chat of a checkout while it is answered, so that a kill leaves it marked."""
        in_checkout = update.callback_query or self._is_at_step(bot_id, chat_id)
        if chat_id < 0 or not in_checkout:
            yield
            return
        await self._storage.mark(chat_id, answering=True)
        try:
            yield
        finally:
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # else the process ends in mid-answer
                await self._storage.mark(chat_id, answering=False)

    def _is_at_step(self, bot_id: int, chat_id: int) -> bool:
        return self._storage.is_going_on(StorageKey(bot_id, chat_id, chat_id))

    def _turn(self, chat_id: int) -> asyncio.Lock:
        """Give the chat's lock, which lives for as long as somebody holds or waits for it."""
        return self._turns.setdefault(chat_id, asyncio.Lock())

    async def _wipe(self, message: Message | None, data: dict[str, Any]) -> Job[None] | None:
        if message is None or not self._may_hold_card(message, data):
            return None
        deletion = self._outbox.wipe(message.chat.id, message.message_id, self._languages.default)
        return await self._jobs.spawn(deletion)

    def _may_hold_card(self, message: Message, data: dict[str, Any]) -> bool:
        """A card number anywhere; at a step of a checkout, anything but a command.

        A code or an expiry date may also come after the step, twice or late.
        """
        text = message.text or message.caption or ""
        if holds_card(text):
            return True
        if message.chat.type != ChatType.PRIVATE or COMMAND.match(message.text or ""):
            return False
        if LATE.fullmatch(text):
            return True
        return self._is_at_step(data["bot"].id, message.chat.id)


async def _stop_spinner(query: CallbackQuery) -> None:
    """Answer a tap; that it is too old to be answered does not make it void."""
    try:
        await query.answer()
    except AiogramError:
        return
