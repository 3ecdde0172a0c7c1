"""How the bot says `Words` in a chat: rendered, with buttons, in place of a message or anew.

All that is said, by handlers and by the outbox, waits for one pace. A chat's updates are handled
in turn, so that no more answers wait than there are students writing.
"""

from collections.abc import Sequence
from contextlib import suppress

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import Message
from aiolimiter import AsyncLimiter

from bot.notices import Words
from bot.texts import Texts, TextsError

LONGEST = 3500  # characters; Telegram takes 4096, without the marks of HTML
SEPARATOR = "\n\n· · ·\n\n"


class Voice:
    """Says words in a language, to all chats together no faster than Telegram lets a bot speak."""

    def __init__(self, bot: Bot, texts: Texts, messages_a_second: int) -> None:
        self.bot = bot
        self._texts = texts
        self._pace = AsyncLimiter(1, 1 / messages_a_second)  # without bursts

    async def say(
        self, chat_id: int, language: str, words: Words, topic_id: int | None = None
    ) -> Message:
        said = self._texts.html(language, words)
        keyboard = self._texts.keyboard(language, words)
        async with self._pace:
            return await self.bot.send_message(
                chat_id, said, message_thread_id=topic_id, reply_markup=keyboard
            )

    async def say_together(
        self, chat_id: int, language: str, all_words: Sequence[Words], topic_id: int | None
    ) -> int:
        """Say as many of the texts as fit into one message, and give how many that was.

        One that cannot be said ends the message before it: only alone does it fail.
        """
        said = [self._texts.html(language, all_words[0])]
        for words in all_words[1:]:
            try:
                text = self._texts.html(language, words)
            except TextsError:
                break
            if sum(map(len, said)) + len(text) > LONGEST:
                break
            said.append(text)
        async with self._pace:
            await self.bot.send_message(chat_id, SEPARATOR.join(said), message_thread_id=topic_id)
        return len(said)

    async def turn(self, chat_id: int, message_id: int, language: str, words: Words) -> None:
        """Turn a message of the bot into `words`, or say them anew where it is gone."""
        said = self._texts.html(language, words)
        keyboard = self._texts.keyboard(language, words)
        try:
            async with self._pace:
                await self.bot.edit_message_text(
                    said, chat_id=chat_id, message_id=message_id, reply_markup=keyboard
                )
        except TelegramBadRequest as refused:
            if "not modified" not in refused.message:
                await self.say(chat_id, language, words)

    async def put_buttons(
        self, chat_id: int, message_id: int, language: str, words: Words
    ) -> None:
        """Put the buttons of `words` under a message, where it is still there."""
        keyboard = self._texts.keyboard(language, words)
        with suppress(TelegramBadRequest):
            async with self._pace:
                await self.bot.edit_message_reply_markup(
                    chat_id=chat_id, message_id=message_id, reply_markup=keyboard
                )
