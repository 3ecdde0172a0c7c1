"""`python -m bot check`: what must be right before the first sale, each with its cure."""

import asyncio
import errno
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from stat import S_IRWXG, S_IRWXO
from typing import Literal, NoReturn
from urllib.parse import urlsplit

import httpx
import structlog
from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramAPIError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import ChatMemberAdministrator, ChatMemberRestricted
from sqlalchemy.engine import URL, make_url

from atmos import AtmosError, WrongCredentials
from bot import app, db, offers, telegram, texts
from bot import web as http
from bot.cards import CardNumber
from bot.db import Database
from bot.notices import Notice
from bot.offers import Offer
from bot.settings import ENV_FILE, AtmosEnv, Settings, is_loopback, no_settings
from bot.vault import RedisVault, VaultAway

log = structlog.get_logger()

LISTED = 10  # undelivered notices named one by one
NO_CARD = CardNumber("0" * 16)  # what is kept to see that it can be
AT_START = 5  # seconds Telegram may take to tell whether it knows the token
UNKNOWN = "Telegram does not know it: copy it from @BotFather again"
UNREACHABLE = "Telegram cannot be reached: see this machine's network and TELEGRAM_API_URL"
NOT_LISTED = "see that this machine's address is on ATMOS's list, or set ATMOS_PROXY_URL"
NOT_SOLD = {  # where nothing else shows that a sale is not real
    AtmosEnv.sandbox: "no money moves: ATMOS_ENV=production sells",
    AtmosEnv.test: "only test money moves: ATMOS_ENV=production sells",
}
TWICE = ("overwrite", "twice", "uplicate", "immutable")  # what TOML's errors say of it
LOST = {  # what an error's name holds, and what that means
    "Proxy": "the proxy lets nothing through: see ATMOS_PROXY_URL",
    "DNS": "its name is not found: see this machine's DNS and ATMOS_BASE_URL",
    "Certificate": "its certificate is not trusted: see ATMOS_BASE_URL and this machine's clock",
    "Timeout": f"no answer in time: {NOT_LISTED}",
    "Connector": f"no connection: {NOT_LISTED}",
}


class Wrong(Exception):
    """What is wrong, and the cure."""


class PortTaken(Wrong):
    """Something listens there already."""


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
        opened = await _tried("database", lambda: _database(settings))
        for name in no_settings():
            yield Finding("settings", "!", f"{ENV_FILE} has {name}, which is no setting")
        if ENV_FILE.is_file():
            yield _settings_privacy()
        yield opened
        if opened.mark == "✓":
            yield _privacy(settings)
            yield await _tried("notices", lambda: _told(settings))
            yield await _unknown(settings)
        yield await _cards(settings)
        sold = await _tried("offers", lambda: _offers(settings))
        yield sold
        if sold.mark == "✓":
            yield _next_steps(settings)
        token = await _tried("bot token", lambda: _token(bot))
        yield token
        if token.mark == "✓":
            yield await _updates(bot, settings)
            yield await _tried("student links", lambda: _links(settings, token.said))
            group = await _tried("admin group", lambda: _group(bot, settings))
            yield group
            if group.mark == "✓":
                yield await _deletions(bot, settings.admin_chat_id)
        else:
            away = token.said.startswith(UNREACHABLE)
            first = "Telegram must answer first" if away else "mend the bot token first"
            yield Finding("admin group", "✗", f"not tried: {first}")
    yield _sells(await _tried("ATMOS", lambda: _atmos(settings)), settings)
    yield _callback(settings)
    yield await _listener("web", _web_at(settings), settings)
    yield await _listener("health", settings.health_at, settings)
    yield _limits(settings)
    yield _log(settings)
    yield Finding("retention", "✓", f"unpaid orders go after {settings.retention_days} days")
    yield _support(settings)


async def startable(settings: Settings) -> None:
    """See what would stop the bot at once; that Telegram is away would not.

    Raises:
        Wrong: The token is refused, nothing can listen at the port, or there is no database.
    """
    if web := _web_at(settings):
        await listen("WEB", *web)
    if settings.health_at:
        await listen("HEALTH", *settings.health_at)
    await database(settings)
    api = telegram.bot(settings.bot_token.get_secret_value(), settings.telegram_api_url)
    async with api.context() as bot:
        try:
            await bot.get_me(request_timeout=AT_START)
        except (TelegramUnauthorizedError, TelegramNotFound) as error:
            raise Wrong(f"BOT_TOKEN: {UNKNOWN}") from error
        except AiogramError as error:
            log.warning("telegram_not_reached", error=type(error).__name__)


async def listen(which: str, host: str, port: int) -> None:
    """Take the port for a moment, to see that it can be taken.

    Raises:
        Wrong: It cannot be; `which` begins the name of the setting.
    """
    try:
        server = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port)
    except OSError as error:
        kind = PortTaken if error.errno == errno.EADDRINUSE else Wrong
        raise kind(f"{which}_{_cannot_listen(error, host, port)}") from error
    server.close()
    await server.wait_closed()


def _cannot_listen(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"PORT: {port} is taken, perhaps by a running bot; write another, or stop that"
    if error.errno == errno.EACCES:
        return f"PORT: {port} is not for every account; write one above 1023"
    return f"HOST: {host} is no address of this machine; write 127.0.0.1, or 0.0.0.0 for all"


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
    """Open and migrate the database, and say where it is and what is in it.

    Raises:
        Wrong: It cannot be.
    """
    file = _file(settings)
    is_new = file is not None and not file.exists()
    try:
        async with _opened(settings) as opened:
            await opened.upgrade()
            async with opened.read() as tx:
                count = await db.count_intents(tx)
    except db.WrittenByNewer as error:
        raise Wrong(
            "a newer version of the bot wrote this database: run that one, or restore the backup "
            "that was made before it ran"
        ) from error
    except Exception as error:
        raise Wrong(f"{type(error).__name__}: {_not_opened(settings)}") from error
    hint = " (a new file: if there were payments, see DATABASE_URL)" if is_new else ""
    return f"{_place(opened.url)}, migrated, {count} payments{hint}"


def _not_opened(settings: Settings) -> str:
    if _file(settings):
        return "see that DATABASE_URL is right and can be written; is the disk full?"
    place = _place(make_url(settings.database_url.get_secret_value()))
    return f"see that {place} runs and lets the bot in, and that DATABASE_URL is right"


async def _database(settings: Settings) -> str:
    """Open the database, and see that it takes something in: on a full disk it can be read.

    Raises:
        Wrong: It cannot be opened, or takes nothing.
    """
    said = await database(settings)
    try:
        async with _opened(settings) as opened, opened.write() as tx:
            await db.try_to_store(tx, opened.now())
    except Exception as error:
        raise Wrong(
            f"{type(error).__name__}: it can be read, and takes nothing in: is the disk full, or "
            "does another program hold it? With room there the bot goes on by itself"
        ) from error
    return said


def _file(settings: Settings) -> Path | None:
    """Give the file of the database, where it is one."""
    url = make_url(settings.database_url.get_secret_value())
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _settings_privacy() -> Finding:
    """See that no other account of this machine reads the keys."""
    if _is_open(ENV_FILE):
        return Finding(
            "settings privacy", "!", f"others may read {ENV_FILE}: chmod 600 {ENV_FILE}"
        )
    return Finding("settings privacy", "✓", "for this account alone (0600)")


def _is_open(file: Path) -> bool:
    return bool(file.stat().st_mode & (S_IRWXG | S_IRWXO))


def _privacy(settings: Settings) -> Finding:
    """See that no other account of this machine reads the database."""
    file = _file(settings)
    if file is None:
        return Finding("database privacy", "✓", "whoever PostgreSQL lets in")
    open_ = [one for one in db.files_of(file) if _is_open(one)]
    if open_:
        said = f"others may read {open_[0].name}: keep it where files have rights, not on a share"
        return Finding("database privacy", "!", said)
    return Finding("database privacy", "✓", "for this account alone (0600)")


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
            await vault.put(app.NO_ORDER, NO_CARD)
            if await vault.get(app.NO_ORDER) != NO_CARD:
                return Finding("cards", "✗", "Redis gives back another value: see REDIS_URL")
            await vault.wipe(app.NO_ORDER)
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
        raise Wrong(_mend(error, settings.offers_file)) from error
    now = datetime.now(UTC)
    return "; ".join(f"{offer.slug}: {_price(offer, now)}" for offer in found.offers)


def _mend(error: offers.OffersError, file: Path) -> str:
    cause = error.__cause__
    if isinstance(cause, FileNotFoundError):
        return f"{file}: is not there; write it, or the name of yours as OFFERS_FILE"
    if isinstance(cause, tomllib.TOMLDecodeError) and any(word in str(cause) for word in TWICE):
        return f"{file}: something is written twice ({cause}); take one of the two out"
    return f"{error} — mend the file that OFFERS_FILE names"


def _next_steps(settings: Settings) -> Finding:
    """Name the offers after which a student has nowhere to go by a button."""
    found = offers.load(settings.offers_file)
    without = [offer.slug for offer in found.offers if offer.link is None]
    if not without:
        return Finding("links", "✓", "who paid gets a button that leads on")
    said = f"{', '.join(without)}: without one a student who paid reads that the seller will write"
    return Finding("links", "!", f"{said}; do so, or write `link` into OFFERS_FILE")


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


async def _updates(bot: Bot, settings: Settings) -> Finding:
    """Say how updates come, and what Telegram says of a webhook that does not take them."""
    if settings.webhook_url is None:
        return Finding("updates", "✓", "asked for: nothing has to reach this machine")
    try:
        hook = await bot.get_webhook_info()
    except AiogramError as error:
        return Finding("updates", "!", f"not tried ({type(error).__name__})")
    if hook.url != settings.webhook_url:
        return Finding("updates", "✓", f"will be brought to {settings.webhook_url} from the start")
    if hook.last_error_message:
        said = f"Telegram does not get through to {hook.url}: {hook.last_error_message}"
        return Finding("updates", "!", f"{said}; see your proxy, and WEB_PORT")
    return Finding("updates", "✓", f"brought to {settings.webhook_url}, with a secret")


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
    if me.status in app.GONE:
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
    said = error.message if isinstance(error, TelegramAPIError) else type(error).__name__
    raise Wrong(f"{cure}; Telegram: {said}") from error


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


def _sells(tried: Finding, settings: Settings) -> Finding:
    """Hint that what works is not for sale yet."""
    if tried.mark != "✓" or settings.atmos_env not in NOT_SOLD:
        return tried
    return Finding(tried.what, "!", f"{tried.said}; {NOT_SOLD[settings.atmos_env]}")


def _lost(what: str, settings: Settings) -> str:
    if settings.atmos_env is AtmosEnv.sandbox and "Proxy" not in what:
        return f"{what}: start `.venv/bin/python -m sandbox.atmos`"
    meaning = next((said for name, said in LOST.items() if name in what), NOT_LISTED)
    return f"{meaning} ({what})" if meaning != NOT_LISTED else f"{what}: {meaning}"


async def _deletions(bot: Bot, chat_id: int) -> Finding:
    """See whether a card that somebody writes in the group can be deleted."""
    try:
        me = await bot.get_chat_member(chat_id, bot.id)
    except AiogramError as error:
        return Finding("cards in the group", "!", f"not tried ({type(error).__name__})")
    if isinstance(me, ChatMemberAdministrator) and me.can_delete_messages:
        return Finding("cards in the group", "✓", "the bot may delete them")
    said = "the bot may not delete them: make it an administrator with “delete messages”"
    return Finding("cards in the group", "!", said)


def _limits(settings: Settings) -> Finding:
    said = (
        f"{settings.cards_an_hour} cards an hour, {settings.code_requests_a_day} code requests, "
        f"{settings.wrong_codes_a_day} wrong codes and {settings.payments_a_day} payments a day, "
        f"{settings.codes_a_challenge} wrong codes a payment"
    )
    return Finding("limits of a student", "✓", said)


def _callback(settings: Settings) -> Finding:
    if settings.atmos_callback_key is None:
        said = "off; if ATMOS gave you a key for it, write it as ATMOS_CALLBACK_KEY"
        return Finding("callback", "!", said)
    networks = ", ".join(map(str, settings.atmos_callback_networks))
    return Finding("callback", "✓", f"signed questions only, from {networks or 'any address'}")


def _web_at(settings: Settings) -> tuple[str, int] | None:
    return (settings.web_host, settings.web_port) if settings.web_port else None


async def _listener(what: str, at: tuple[str, int] | None, settings: Settings) -> Finding:
    """See that an address can be taken, and who could reach it."""
    if at is None:
        return Finding(what, "✓", "off")
    host, port = at
    try:
        await listen(what.upper(), host, port)
    except Wrong as wrong:
        if isinstance(wrong, PortTaken) and await _is_bot(settings.health_at):
            return Finding(what, "!", f"something answers on port {port}: the running bot")
        return Finding(what, "✗", str(wrong))
    if is_loopback(host):
        return Finding(what, "✓", f"{host}:{port} is free; only this machine reaches it")
    said = f"{host}:{port} is free; other machines reach it: see {what.upper()}_HOST"
    return Finding(what, "!", said)


async def _is_bot(at: tuple[str, int] | None) -> bool:
    """Ask whether a bot runs there, as whoever watches it does."""
    if at is None:
        return False
    host, port = at
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        async with httpx.AsyncClient(timeout=AT_START, trust_env=False) as client:
            answer = await client.get(f"{address}/healthz")
    except httpx.HTTPError:
        return False
    return answer.status_code == HTTPStatus.OK and answer.headers.get("server") == http.NAME


def _log(settings: Settings) -> Finding:
    said = f"{settings.log_level}, {settings.log_format}; card numbers and keys are masked"
    if settings.log_level == "DEBUG":
        return Finding("log", "!", f"{said}; DEBUG is for a search, not for a shop")
    return Finding("log", "✓", said)


def _support(settings: Settings) -> Finding:
    if settings.support_contact:
        return Finding("support", "✓", settings.support_contact)
    return Finding("support", "!", "SUPPORT_CONTACT is empty: /paysupport can name nobody")
