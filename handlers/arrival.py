"""What happens to every update before its handler: it waits for its turn and gets a voice."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakValueDictionary

from aiogram import BaseMiddleware
from aiogram.dispatcher.middlewares.user_context import EVENT_CONTEXT_KEY, EventContext
from aiogram.exceptions import AiogramError
from aiogram.types import CallbackQuery, TelegramObject, Update
from aiojobs import Scheduler

from bot import db
from bot.db import Database
from bot.storage import DialogueStorage, key_of
from bot.voice import Voice
from handlers.speech import Speech

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
    """One update of a chat after another, in the order they came, each with a voice.

    It stands in for aiogram's own lock, which its dispatcher puts before everything.
    """

    def __init__(
        self, *, languages: Languages, voice: Voice, storage: DialogueStorage, jobs: Scheduler
    ) -> None:
        self._languages = languages
        self._voice = voice
        self._storage = storage
        self._jobs = jobs
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        context: EventContext = data[EVENT_CONTEXT_KEY]
        if not isinstance(event, Update) or context.chat is None:
            return await handler(event, data)
        chat_id, taken = context.chat.id, data["taken"]
        if event.callback_query is not None:
            await self._jobs.spawn(_stop_spinner(event.callback_query))
        async with self._turn(chat_id):
            if taken.wiped is not None:
                await taken.gone.wait()
            language = await self._languages.of(chat_id)
            paying = self._storage.is_going_on(key_of(self._voice.bot.id, chat_id))
            # Here, so that the error handlers have it too.
            data["speech"] = Speech(self._voice, chat_id, language, urgent=paying)
            return await handler(event, data)

    def _turn(self, chat_id: int) -> asyncio.Lock:
        """Give the chat's lock, which lives for as long as somebody holds or waits for it."""
        return self._turns.setdefault(chat_id, asyncio.Lock())


async def _stop_spinner(query: CallbackQuery) -> None:
    """Answer a tap; that it is too old to be answered does not make it void."""
    try:
        await query.answer()
    except AiogramError:
        return
