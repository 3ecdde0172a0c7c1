"""How handlers talk to one student: in their language, and never silent while ATMOS is asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import stamina
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)

from bot.notices import Words
from bot.voice import Voice

PATIENCE = 40.0  # seconds that Telegram may want to be left alone, twice
TYPING_EVERY = 4.0  # seconds; Telegram shows the action for five


def _worth_another_try(error: Exception) -> float | bool:
    """Give how long Telegram wants to be left alone, where that is not for too long.

    What got lost may have been said: twice is better than a student who does not know what to do.
    """
    if isinstance(error, TelegramRetryAfter):
        return float(error.retry_after) if error.retry_after <= PATIENCE else False
    return isinstance(error, TelegramNetworkError | TelegramServerError | ClientDecodeError)


_patiently = stamina.retry(on=_worth_another_try, attempts=3, timeout=None)


@dataclass(slots=True)
class Speech:
    """The bot's side of one chat, for the length of one update."""

    voice: Voice
    chat_id: int
    language: str
    urgent: bool  # said to somebody who is at a step of a checkout
    note_id: int | None = None  # the "⏳" message, while there is one

    @_patiently
    async def say(self, words: Words) -> int:
        """Say `words` and give the message's id."""
        said = await self.voice.say(self.chat_id, self.language, words, urgent=self.urgent)
        return said.message_id

    async def conclude(self, words: Words) -> int:
        """Turn the "⏳" message into `words` and give the message's id; without one, say them."""
        if self.note_id is None:
            return await self.say(words)
        return await self._turn(self.note_id, words)

    @_patiently
    async def _turn(self, message_id: int, words: Words) -> int:
        return await self.voice.turn(
            self.chat_id, message_id, self.language, words, urgent=self.urgent
        )

    async def drop(self) -> None:
        """Take the "⏳" message away: what it would become is told by others."""
        if self.note_id is not None:
            with suppress(AiogramError):
                await self.voice.bot.delete_message(self.chat_id, self.note_id)

    async def note(self, why: str) -> None:
        """Show "⏳" if Telegram lets us at once: what has begun does not hang on it."""
        if self.voice.pace.is_crowded(urgent=self.urgent):
            return
        with suppress(AiogramError):
            said = await self.voice.say(
                self.chat_id, self.language, Words(why), urgent=self.urgent
            )
            self.note_id = said.message_id

    @asynccontextmanager
    async def waiting(self, why: str) -> AsyncIterator[None]:
        """Show "⏳" and typing while the body asks ATMOS; whatever is concluded replaces it."""
        await self.note(why)
        async with self.typing():
            yield

    @asynccontextmanager
    async def typing(self) -> AsyncIterator[None]:
        """Show that something goes on; a student who blocked the bot just does not see it."""
        typing = asyncio.ensure_future(self._type())
        try:
            yield
        finally:
            typing.cancel()
            await asyncio.wait([typing])

    async def _type(self) -> None:
        while True:
            with suppress(AiogramError):
                await self.voice.bot.send_chat_action(self.chat_id, "typing")
            await asyncio.sleep(TYPING_EVERY)
