"""How the bot says `Words` in a chat: rendered, with buttons, in place of a message or anew."""

from collections.abc import Sequence
from contextlib import suppress

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import Message

from bot.notices import Words
from bot.texts import Texts, TextsError

LONGEST = 3500  # characters; Telegram takes 4096, without the marks of HTML
SEPARATOR = "\n\n· · ·\n\n"


class Voice:
    """Says words in a language."""

    def __init__(self, bot: Bot, texts: Texts) -> None:
        self.bot = bot
        self._texts = texts

    async def say(
        self, chat_id: int, language: str, words: Words, topic_id: int | None = None
    ) -> Message:
        return await self.bot.send_message(
            chat_id,
            self._texts.html(language, words),
            message_thread_id=topic_id,
            reply_markup=self._texts.keyboard(language, words),
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
        await self.bot.send_message(chat_id, SEPARATOR.join(said), message_thread_id=topic_id)
        return len(said)

    async def turn(self, chat_id: int, message_id: int, language: str, words: Words) -> None:
        """Turn a message of the bot into `words`, or say them anew where it is gone."""
        try:
            await self.bot.edit_message_text(
                self._texts.html(language, words),
                chat_id=chat_id,
                message_id=message_id,
                reply_markup=self._texts.keyboard(language, words),
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
            await self.bot.edit_message_reply_markup(
                chat_id=chat_id, message_id=message_id, reply_markup=keyboard
            )
