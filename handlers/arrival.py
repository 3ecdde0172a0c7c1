"""What happens to every update before its handler: card data goes, and a voice is found."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import BaseMiddleware
from aiogram.dispatcher.middlewares.user_context import EVENT_CONTEXT_KEY, EventContext
from aiogram.enums import ChatType
from aiogram.exceptions import AiogramError
from aiogram.fsm.storage.base import StorageKey
from aiogram.types import CallbackQuery, Message, TelegramObject, Update

from bot import db
from bot.cards import holds_card
from bot.db import Database
from bot.outbox import Outbox
from bot.storage import DialogueStorage
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
    """Outside of the per-student lock, so that no deletion waits for what a student did before."""

    def __init__(
        self, outbox: Outbox, storage: DialogueStorage, languages: Languages, voice: Voice
    ) -> None:
        self._outbox = outbox
        self._storage = storage
        self._languages = languages
        self._voice = voice

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:  # noqa: ANN401  aiogram's
        if not isinstance(event, Update):
            return await handler(event, data)
        message = event.message or event.edited_message
        data["wiped"] = message is not None and self._may_hold_card(message, data)
        if message is not None and data["wiped"]:
            await self._outbox.wipe(message.chat.id, message.message_id, self._languages.default)
        if event.callback_query is not None:
            await _stop_spinner(event.callback_query)
        context: EventContext = data[EVENT_CONTEXT_KEY]
        if context.chat is not None:
            language = await self._languages.of(context.chat.id)
            data["speech"] = Speech(self._voice, context.chat.id, language)
        return await handler(event, data)

    def _may_hold_card(self, message: Message, data: dict[str, Any]) -> bool:
        """A card number anywhere; at a step of a checkout, anything but a command."""
        text = message.text or message.caption or ""
        if holds_card(text):
            return True
        if message.chat.type != ChatType.PRIVATE or text.startswith("/"):
            return False
        bot_id = data["bot"].id
        return self._storage.is_going_on(StorageKey(bot_id, message.chat.id, message.chat.id))


async def _stop_spinner(query: CallbackQuery) -> None:
    """Answer a tap; that it is too old to be answered does not make it void."""
    try:
        await query.answer()
    except AiogramError:
        return
