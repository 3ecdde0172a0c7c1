"""How the bot says `Words` in a chat: rendered, with buttons, in place of a message or anew.

All that is said, by handlers and by the outbox, waits for one pace. A chat's updates are handled
in turn, so that no more answers wait than there are students writing; in a rush those who look at
an offer wait for those who are paying for one.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from typing import TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.methods import (
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
    TelegramMethod,
)
from aiogram.types import Message
from aiolimiter import AsyncLimiter

from bot.notices import Words
from bot.texts import Texts, TextsError

LONGEST = 3500  # characters; Telegram takes 4096, without the marks of HTML
SEPARATOR = "\n\n· · ·\n\n"
Answer = TypeVar("Answer")


class Voice:
    """Says words in a language, to all chats together no faster than Telegram lets a bot speak.

    What is `urgent` is said before what is not.
    """

    def __init__(self, bot: Bot, texts: Texts, messages_a_second: int) -> None:
        self.bot = bot
        self._texts = texts
        self._a_second = messages_a_second
        self._pace = AsyncLimiter(1, 1 / messages_a_second)  # without bursts, in the order asked
        self._queue = asyncio.Lock()  # of what is not urgent: only its first waits for the pace
        self._waiting = {True: 0, False: 0}  # by urgency

    def is_crowded(self, *, urgent: bool) -> bool:
        """Tell whether it would be a second before anything is said."""
        ahead = self._waiting[True] + (0 if urgent else self._waiting[False])
        return ahead >= self._a_second

    async def say(
        self,
        chat_id: int,
        language: str,
        words: Words,
        *,
        urgent: bool,
        topic_id: int | None = None,
    ) -> Message:
        said = SendMessage(
            chat_id=chat_id,
            text=self._texts.html(language, words),
            message_thread_id=topic_id,
            reply_markup=self._texts.keyboard(language, words),
        )
        return await self._call(said, urgent=urgent)

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
        together = SendMessage(
            chat_id=chat_id, text=SEPARATOR.join(said), message_thread_id=topic_id
        )
        await self._call(together, urgent=False)
        return len(said)

    async def turn(
        self, chat_id: int, message_id: int, language: str, words: Words, *, urgent: bool
    ) -> int:
        """Turn a message of the bot into `words`, or say them anew where it is gone.

        Gives the id of the message that says them.
        """
        turned = EditMessageText(
            chat_id=chat_id,
            message_id=message_id,
            text=self._texts.html(language, words),
            reply_markup=self._texts.keyboard(language, words),
        )
        try:
            await self._call(turned, urgent=urgent)
        except TelegramBadRequest as refused:
            if "not modified" not in refused.message:
                return (await self.say(chat_id, language, words, urgent=urgent)).message_id
        return message_id

    async def put_buttons(
        self, chat_id: int, message_id: int, language: str, words: Words
    ) -> None:
        """Put the buttons of `words` under a step of a checkout, where it is still there."""
        put = EditMessageReplyMarkup(
            chat_id=chat_id,
            message_id=message_id,
            reply_markup=self._texts.keyboard(language, words),
        )
        with suppress(TelegramBadRequest):
            await self._call(put, urgent=True)

    async def _call(self, method: TelegramMethod[Answer], *, urgent: bool) -> Answer:
        self._waiting[urgent] += 1
        try:
            async with nullcontext() if urgent else self._queue:
                await self._pace.acquire()
        finally:
            self._waiting[urgent] -= 1
        return await self.bot(method)
