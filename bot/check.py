"""`python -m bot check`: what must be right before the first sale, each with its cure."""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import ChatMemberRestricted
from sqlalchemy.engine import URL

from atmos import AtmosError, WrongCredentials
from bot import app, db, offers, telegram, texts
from bot.cards import CardNumber
from bot.db import Database
from bot.notices import Notice
from bot.offers import Offer
from bot.settings import AtmosEnv, Settings
from bot.vault import RedisVault, VaultAway

log = structlog.get_logger()

LISTED = 10  # undelivered notices named one by one
NO_ORDER, NO_CARD = 0, CardNumber("0" * 16)  # what is kept to see that it can be
AT_START = 5  # seconds Telegram may take to tell whether it knows the token
UNKNOWN = "Telegram does not know it: copy it from @BotFather again"
UNREACHABLE = "Telegram cannot be reached: see this machine's network and TELEGRAM_API_URL"
NOT_LISTED = "see that this machine's address is on ATMOS's list, or set ATMOS_PROXY_URL"
LOST = {  # what an error's name holds, and what that means
    "Proxy": "the proxy lets nothing through: see ATMOS_PROXY_URL",
    "DNS": "its name is not found: see this machine's DNS and ATMOS_BASE_URL",
    "Certificate": "its certificate is not trusted: see ATMOS_BASE_URL and this machine's clock",
    "Timeout": f"no answer in time: {NOT_LISTED}",
    "Connector": f"no connection: {NOT_LISTED}",
}


class Wrong(Exception):
    """What is wrong, and the cure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; a hint fails nothing."""

    what: str
    mark: Literal["✓", "✗", "!"]
    said: str


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Try each thing for real, in the order in which a merchant sets them up."""
    async with telegram.bot(
        settings.bot_token.get_secret_value(), settings.telegram_api_url
    ).context() as bot:
        opened = await _tried("database", lambda: database(settings))
        yield opened
        if opened.mark == "✓":
            yield await _tried("notices", lambda: _told(settings))
            yield await _unknown(settings)
        yield await _cards(settings)
        yield await _tried("offers", lambda: _offers(settings))
        token = await _tried("bot token", lambda: _token(bot))
        yield token
        if token.mark == "✓":
            yield await _tried("student links", lambda: _links(settings, token.said))
            yield await _tried("admin group", lambda: _group(bot, settings))
        else:
            yield Finding("admin group", "✗", "not tried: mend the bot token first")
    yield await _tried("ATMOS", lambda: _atmos(settings))
    yield await _tried("web", lambda: _web(settings))
    yield _support(settings)


async def startable(settings: Settings) -> None:
    """See what would stop the bot at once; that Telegram is away would not.

    Raises:
        Wrong: The token is refused, nothing can listen at the port, or there is no database.
    """
    if settings.web_port:
        await listen(settings.web_host, settings.web_port)
    await database(settings)
    api = telegram.bot(settings.bot_token.get_secret_value(), settings.telegram_api_url)
    async with api.context() as bot:
        try:
            await bot.get_me(request_timeout=AT_START)
        except (TelegramUnauthorizedError, TelegramNotFound) as error:
            raise Wrong(f"BOT_TOKEN: {UNKNOWN}") from error
        except AiogramError as error:
            log.warning("telegram_not_reached", error=type(error).__name__)


async def listen(host: str, port: int) -> None:
    """Take the port for a moment, to see that it can be taken."""
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        raise Wrong(cannot_listen(error, host, port)) from error
    server.close()
    await server.wait_closed()


def cannot_listen(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"WEB_PORT: {port} is taken, perhaps by a running bot; write another, or stop that"
    if error.errno == errno.EACCES:
        return f"WEB_PORT: {port} is not for every account; write one above 1023"
    return f"WEB_HOST: {host} is no address of this machine; write 127.0.0.1, or 0.0.0.0 for all"


async def _tried(what: str, check: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(what, "✓", await check())
    except Wrong as wrong:
        return Finding(what, "✗", str(wrong))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.database_url.get_secret_value())
    try:
        yield database
    finally:
        await database.close()


async def database(settings: Settings) -> str:
    """Open and migrate the database, and say where it is.

    Raises:
        Wrong: It cannot be.
    """
    try:
        async with _opened(settings) as opened:
            await opened.upgrade()
    except Exception as error:
        raise Wrong(
            f"{type(error).__name__}: see that DATABASE_URL is right and can be written"
        ) from error
    return f"{_place(opened.url)}, migrated"


async def _told(settings: Settings) -> str:
    """See that nothing stays untold."""
    async with _opened(settings) as opened, opened.read() as tx:
        dead = await db.dead_notices(tx)
    if not dead:
        return "all told"
    listed = "; ".join(_undelivered(notice, error) for notice, error in dead[:LISTED])
    more = f"; and {len(dead) - LISTED} more" if len(dead) > LISTED else ""
    raise Wrong(f"not told: {listed}{more} — mend that; the next start tries again")


def _undelivered(notice: Notice, error: str) -> str:
    what = notice.words.text if notice.words else "a deletion"
    order = notice.words.args.get("order") if notice.words else None
    about = f" of order {order}" if order else ""
    return f"{what}{about} to chat {notice.chat_id} ({error})"


async def _unknown(settings: Settings) -> Finding:
    """List the payments whose outcome is unknown."""
    async with _opened(settings) as opened, opened.read() as tx:
        unknown = await db.unknown(tx)
    if not unknown:
        return Finding("unknown outcomes", "✓", "none")
    left = [intent.account for intent in unknown if intent.check_at is None]
    said = f"{len(unknown)} being asked about" if len(left) < len(unknown) else ""
    by_hand = f"/settle in the admin group: {', '.join(left)}" if left else ""
    return Finding("unknown outcomes", "!", "; ".join(filter(None, (said, by_hand))))


async def _cards(settings: Settings) -> Finding:
    """Say where card numbers are kept; in Redis, keep one and take it out again."""
    time = f"at most {settings.card_ttl:g} s"
    async with aclosing(app.card_vault(settings)) as vault:
        if not isinstance(vault, RedisVault):
            return Finding("cards", "✓", f"in this process's memory, {time}; a restart forgets")
        try:
            await vault.put(NO_ORDER, NO_CARD)
            await vault.get(NO_ORDER)
            await vault.wipe(NO_ORDER)
            on_disk = await vault.writes_to_disk()
        except VaultAway as away:
            return Finding("cards", "✗", f"{away}: see REDIS_URL, and that Redis runs")
    said = f"sealed in Redis at {_redis_place(settings)}, {time}"
    if on_disk:
        cure = 'set `save ""` and `appendonly no` there'
        return Finding(
            "cards", "!", f"{said}; this Redis writes to disk, which nobody needs: {cure}"
        )
    return Finding("cards", "✓", said)


def _redis_place(settings: Settings) -> str:
    """Name the Redis without its password."""
    url = urlsplit(settings.redis_url.get_secret_value() if settings.redis_url else "")
    return f"{url.hostname}:{url.port or 6379}{url.path}"


def _place(url: URL) -> str:
    """Name the database without its password."""
    if url.get_backend_name() == "sqlite":
        return f"SQLite at {Path(url.database or '').absolute()}"
    return f"PostgreSQL at {url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


async def _offers(settings: Settings) -> str:
    try:
        found = offers.load(settings.offers_file)
    except offers.OffersError as error:
        raise Wrong(f"{error} — mend the file that OFFERS_FILE names") from error
    now = datetime.now(UTC)
    return "; ".join(f"{offer.slug}: {_price(offer, now)}" for offer in found.offers)


def _price(offer: Offer, now: datetime) -> str:
    price = texts.money("uz", offer.price_at(now)).replace("\N{NO-BREAK SPACE}", " ")
    if offer.discount is None:
        return f"{price} soʻm"
    discount = f"−{offer.discount.percent} %"  # noqa: RUF001  a minus is meant
    if offer.discount.until is None:
        return f"{price} soʻm ({discount})"
    until = "until" if offer.discount.holds(now) else "ended"
    return f"{price} soʻm ({discount} {until} {texts.when(offer.discount.until.isoformat())})"


async def _links(settings: Settings, username: str) -> str:
    try:
        found = offers.load(settings.offers_file)
    except offers.OffersError as error:
        raise Wrong("not tried: mend the offers first") from error
    bot = username.removeprefix("@")
    return " ".join(f"https://t.me/{bot}?start={offer.slug}" for offer in found.offers)


async def _token(bot: Bot) -> str:
    try:
        me = await bot.get_me()
    except (TelegramUnauthorizedError, TelegramNotFound) as error:
        raise Wrong(f"BOT_TOKEN: {UNKNOWN}") from error
    except AiogramError as error:
        raise Wrong(f"{UNREACHABLE} ({type(error).__name__})") from error
    return f"@{me.username}"


async def _group(bot: Bot, settings: Settings) -> str:
    chat_id = settings.admin_chat_id
    cure = f"add the bot to the group and write its id as ADMIN_CHAT_ID (now {chat_id})"
    try:
        chat = await bot.get_chat(chat_id)
        me = await bot.get_chat_member(chat_id, bot.id)
    except TelegramMigrateToChat as moved:
        raise Wrong(
            f"it has become a supergroup: write {moved.migrate_to_chat_id} as ADMIN_CHAT_ID"
        ) from moved
    except AiogramError as error:
        _no_answer(error, cure)
    if me.status in {"left", "kicked"}:
        raise Wrong(f"the bot is not in “{chat.title}”: {cure}")
    if isinstance(me, ChatMemberRestricted) and not me.can_send_messages:
        raise Wrong(f"the bot may not write in “{chat.title}”: let it send messages")
    if settings.admin_topic_id is None:
        return str(chat.title)
    await _topic(bot, chat_id, settings.admin_topic_id)
    return f"{chat.title}, topic {settings.admin_topic_id}"


async def _topic(bot: Bot, chat_id: int, topic: int) -> None:
    try:
        await bot.send_chat_action(chat_id, "typing", message_thread_id=topic)
    except AiogramError as error:
        _no_answer(
            error,
            "write the number at the end of the topic's link as ADMIN_TOPIC_ID, "
            f"or leave it empty (now {topic})",
        )


def _no_answer(error: AiogramError, cure: str) -> NoReturn:
    if isinstance(error, TelegramNetworkError):
        raise Wrong(UNREACHABLE) from error
    raise Wrong(f"{type(error).__name__}: {cure}") from error


async def _atmos(settings: Settings) -> str:
    async with app.atmos_client(settings) as client:
        try:
            await client.log_in()
        except WrongCredentials as error:
            raise Wrong(
                f"{error}: copy ATMOS_CONSUMER_KEY and ATMOS_CONSUMER_SECRET again"
            ) from error
        except AtmosError as error:
            raise Wrong(f"{settings.atmos_url}: {_lost(str(error), settings)}") from error
    return (
        f"{settings.atmos_env}, logged in; store {settings.atmos_store_id} "
        "(not tried: ATMOS tells only at the first payment)"
    )


def _lost(what: str, settings: Settings) -> str:
    if settings.atmos_env is AtmosEnv.sandbox:
        return f"{what}: start `.venv/bin/python -m sandbox.atmos`"
    meaning = next((said for name, said in LOST.items() if name in what), NOT_LISTED)
    return f"{meaning} ({what})" if meaning != NOT_LISTED else f"{what}: {meaning}"


async def _web(settings: Settings) -> str:
    if settings.web_port:
        await listen(settings.web_host, settings.web_port)
        return f"{settings.web_host}:{settings.web_port} is free"
    if settings.atmos_callback_key:
        raise Wrong("ATMOS_CALLBACK_KEY is set, and nothing listens: set WEB_PORT, like 8080")
    return "off"


def _support(settings: Settings) -> Finding:
    if settings.support_contact:
        return Finding("support", "✓", settings.support_contact)
    return Finding("support", "!", "SUPPORT_CONTACT is empty: /paysupport can name nobody")
