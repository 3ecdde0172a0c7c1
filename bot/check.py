"""`python -m bot check`: what must be right before the first sale, each with its cure."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import ChatMemberRestricted
from sqlalchemy.exc import SQLAlchemyError

from atmos import AtmosError, WrongCredentials
from bot import app, offers, telegram
from bot.db import Database
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    what: str
    ok: bool
    said: str


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Try each thing for real, in the order in which a merchant sets them up."""
    bot = telegram.bot(settings.bot_token.get_secret_value(), settings.telegram_api_url)
    checks: dict[str, Callable[[], Awaitable[str]]] = {
        "database": lambda: _database(settings),
        "offers": lambda: _offers(settings),
        "bot token": lambda: _token(bot),
        "admin group": lambda: _group(bot, settings.admin_chat_id),
        "ATMOS": lambda: _atmos(settings),
    }
    try:
        for what, check in checks.items():
            yield await _tried(what, check)
    finally:
        await bot.session.close()


class _Wrong(Exception):
    """What is wrong, and the cure."""


async def _tried(what: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(what, ok=True, said=await check())
    except _Wrong as wrong:
        return Finding(what, ok=False, said=str(wrong))


async def _database(settings: Settings) -> str:
    try:
        database = Database(settings.database_url.get_secret_value())
        try:
            await database.upgrade()
        finally:
            await database.close()
    except (SQLAlchemyError, OSError) as error:
        raise _Wrong(
            f"{type(error).__name__}: see that DATABASE_URL is right and can be written"
        ) from error
    return f"{database.url.get_backend_name()}, migrated"


async def _offers(settings: Settings) -> str:
    try:
        found = offers.load(settings.offers_file)
    except offers.OffersError as error:
        raise _Wrong(f"{error}: mend the file that OFFERS_FILE names") from error
    return ", ".join(offer.slug for offer in found.offers)


async def _token(bot: Bot) -> str:
    try:
        me = await bot.get_me()
    except AiogramError as error:
        raise _Wrong(
            f"{type(error).__name__}: copy BOT_TOKEN from @BotFather again, "
            "and see that TELEGRAM_API_URL can be reached"
        ) from error
    return f"@{me.username}"


async def _group(bot: Bot, chat_id: int) -> str:
    cure = f"add the bot to the group and write its id as ADMIN_CHAT_ID (now {chat_id})"
    try:
        chat = await bot.get_chat(chat_id)
        me = await bot.get_chat_member(chat_id, bot.id)
    except AiogramError as error:
        raise _Wrong(f"{type(error).__name__}: {cure}") from error
    if me.status in {"left", "kicked"}:
        raise _Wrong(f"the bot is not in “{chat.title}”: {cure}")
    if isinstance(me, ChatMemberRestricted) and not me.can_send_messages:
        raise _Wrong(f"the bot may not write in “{chat.title}”: let it send messages")
    return str(chat.title)


async def _atmos(settings: Settings) -> str:
    async with app.atmos_client(settings) as client:
        try:
            await client.log_in()
        except WrongCredentials as error:
            raise _Wrong(
                f"{error}: copy ATMOS_CONSUMER_KEY and ATMOS_CONSUMER_SECRET again"
            ) from error
        except AtmosError as error:
            raise _Wrong(
                f"{error}: see that this machine's address is on ATMOS's list, "
                "or set ATMOS_PROXY_URL"
            ) from error
    return f"{settings.atmos_env}, store {settings.atmos_store_id}, logged in"
