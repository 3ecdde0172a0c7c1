"""A bot that deletes whatever it is sent, and nothing else, on the library of the real one."""

import asyncio
import os

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import Message


async def deletes(message: Message) -> None:
    await message.delete()


async def main() -> None:
    api = TelegramAPIServer.from_base(os.environ["TELEGRAM_API_URL"])
    dispatcher = Dispatcher()
    dispatcher.message.register(deletes)
    await dispatcher.start_polling(
        Bot(os.environ["BOT_TOKEN"], session=AiohttpSession(api=api)), handle_signals=True
    )


if __name__ == "__main__":
    asyncio.run(main())
