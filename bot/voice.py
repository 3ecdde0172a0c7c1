"""How the bot says `Words` in a chat: rendered, with buttons, in place of a message or anew.

All that is said, by handlers and by the outbox, waits for one pace. A chat's updates are handled
in turn, so that no more answers wait than there are students writing.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
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
IN_A_ROW = 3  # urgent ones, before one that is not: a rush starves nobody
BURST = 25  # a second; whoever may say more than that may say some at once
Answer = TypeVar("Answer")


class Pace:
    """Lets so many pass in a second; in a rush those who are paying before those who look."""

    def __init__(self, a_second: int) -> None:
        at_once = max(1, a_second // BURST)
        self._a_second = a_second
        self._limiter = AsyncLimiter(at_once, at_once / a_second)
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._in_a_row = 0
        self._passing: asyncio.Future[None] | None = None

    def is_crowded(self, *, urgent: bool) -> bool:
        """Tell whether it would be a second before anybody new passes."""
        ahead = len(self._urgent) + (0 if urgent else len(self._others))
        return ahead >= self._a_second

    async def turn(self, *, urgent: bool) -> None:
        """Wait until it is one's turn."""
        mine = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._others).append(mine)
        if self._passing is None or self._passing.done():
            self._passing = asyncio.ensure_future(self._let_pass())
        await mine

    async def _let_pass(self) -> None:
        while self._urgent or self._others:
            await self._limiter.acquire()
            waiting = self._next()
            if not waiting.done():  # else whoever waited was cancelled
                waiting.set_result(None)

    def _next(self) -> asyncio.Future[None]:
        if self._urgent and (self._in_a_row < IN_A_ROW or not self._others):
            self._in_a_row += 1
            return self._urgent.popleft()
        self._in_a_row = 0
        return self._others.popleft()


class Voice:
    """Says words in a language, to all chats together no faster than Telegram lets a bot speak."""

    def __init__(self, bot: Bot, texts: Texts, messages_a_second: int) -> None:
        self.bot = bot
        self._texts = texts
        self.pace = Pace(messages_a_second)

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
        await self.pace.turn(urgent=urgent)
        return await self.bot(method)
