"""The one place where the parts meet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from aiogram import Bot, Dispatcher
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand, BotCommandScopeChat
from aiohttp.web import RouteDef
from aiojobs import Scheduler

import handlers
from atmos import AtmosClient, AtmosError
from atmos.client import TIMEOUT
from bot import db, telegram
from bot import offers as offers_file
from bot import web as http
from bot.approval import Approval
from bot.checkout import Checkout
from bot.daily import Daily
from bot.db import Database
from bot.intake import Intake
from bot.limits import Attempts, Limits
from bot.metrics import Metrics
from bot.notices import AdminGroup
from bot.offers import LANGUAGES, Offers
from bot.outbox import Outbox
from bot.outcome import Outcomes
from bot.reconcile import Reconciliation
from bot.settings import Settings, sealing_key
from bot.staff import Staff
from bot.storage import DialogueStorage
from bot.texts import Texts
from bot.timeouts import Timeouts
from bot.times import Times
from bot.vault import MemoryVault, RedisVault, Vault, VaultAway
from bot.voice import Voice
from handlers.arrival import Arrival, Languages
from handlers.interrupted import ask_again

log = structlog.get_logger()

COMMANDS = ("start", "cancel", "language", "help", "paysupport", "privacy")
STAFF_COMMANDS = ("order", "settle")
GONE = {"left", "kicked"}
CURE = "python -m bot check"
NO_ORDER = 0  # asked for to see whether the vault answers
TICK = 0.5  # seconds between looks at what has become due


@dataclass(frozen=True, slots=True)
class App:
    """Everything that runs, put together and not yet started."""

    settings: Settings
    bot: Bot
    atmos: AtmosClient
    dispatcher: Dispatcher
    intake: Intake
    database: Database
    outbox: Outbox
    reconciliation: Reconciliation
    timeouts: Timeouts
    storage: DialogueStorage
    jobs: Scheduler
    checkout: Checkout
    texts: Texts
    approval: Approval | None
    daily: Daily
    metrics: Metrics
    vault: Vault

    async def look_round(self) -> None:
        """Warn of a wrong group, keys or Redis. They may just be away, so that no start waits."""
        try:
            me = await self.bot.get_chat_member(self.settings.admin_chat_id, self.bot.id)
            why = f"the bot is {me.status}" if me.status in GONE else None
        except AiogramError as error:
            why = type(error).__name__
        if why:
            log.warning("admins_not_reached", why=why, cure=CURE)
        try:
            await self.atmos.log_in()
        except AtmosError as error:
            log.warning("atmos_not_reached", why=str(error), cure=CURE)
        try:
            await self.vault.get(NO_ORDER)
        except VaultAway as away:
            log.warning("redis_not_reached", why=str(away), cure=CURE)


def atmos_client(settings: Settings) -> AtmosClient:
    proxy = settings.atmos_proxy_url
    return AtmosClient(
        base_url=settings.atmos_url,
        consumer_key=settings.atmos_consumer_key.get_secret_value(),
        consumer_secret=settings.atmos_consumer_secret.get_secret_value(),
        store_id=settings.atmos_store_id,
        confirm_path=settings.atmos_confirm_path,
        confirm_timeout=settings.confirm_timeout,
        proxy=proxy.get_secret_value() if proxy else None,
    )


def card_vault(settings: Settings) -> MemoryVault | RedisVault:
    if settings.redis_url is None or settings.card_key is None:
        return MemoryVault(settings.card_ttl)
    key = sealing_key(settings.card_key.get_secret_value())
    return RedisVault(settings.redis_url.get_secret_value(), key, settings.card_ttl)


def times(settings: Settings) -> Times:
    return Times(
        checkout=timedelta(seconds=settings.checkout_ttl),
        code=timedelta(seconds=settings.otp_ttl),
        resend=timedelta(seconds=settings.otp_resend_after),
        confirm=timedelta(seconds=settings.confirm_timeout),
        reverse=timedelta(seconds=TIMEOUT),
        checks=tuple(timedelta(seconds=delay) for delay in settings.reconcile_delays),
    )


def limits(settings: Settings) -> Limits:
    return Limits(
        cards_an_hour=settings.cards_an_hour,
        code_requests_a_day=settings.code_requests_a_day,
        codes_a_challenge=settings.codes_a_challenge,
        wrong_codes_a_day=settings.wrong_codes_a_day,
        payments_a_day=settings.payments_a_day,
    )


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncIterator[App]:
    """Put the parts together, and take them apart in the other order."""
    offers = offers_file.load(settings.offers_file)
    database = Database(settings.database_url.get_secret_value())
    bot = telegram.bot(settings.bot_token.get_secret_value(), settings.telegram_api_url)
    async with atmos_client(settings) as atmos, aclosing(card_vault(settings)) as vault:
        try:
            yield _assemble(settings, offers, database, bot, atmos, vault=vault)
        finally:
            await bot.session.close()
            await database.close()


def _assemble(
    settings: Settings,
    offers: Offers,
    database: Database,
    bot: Bot,
    atmos: AtmosClient,
    *,
    vault: Vault,
) -> App:
    clock = times(settings)
    admins = _admins(settings)
    outcomes = Outcomes(database, offers, admins, vault, clock)
    allowed = limits(settings)
    attempts = Attempts(database, allowed)
    checkout = Checkout(
        database=database,
        atmos=atmos,
        offers=offers,
        vault=vault,
        outcomes=outcomes,
        times=clock,
        limits=allowed,
        attempts=attempts,
    )
    texts = Texts()
    voice = Voice(bot, texts, settings.messages_a_second)
    outbox = Outbox(voice, database, admins)
    reconciliation = Reconciliation(database, atmos, outcomes, clock)
    storage = DialogueStorage(database)
    jobs = Scheduler(limit=None, close_timeout=5.0, exception_handler=_job_failed)
    languages = Languages(database, settings.default_language)
    dispatcher = dispatch(
        Arrival(languages=languages, voice=voice, storage=storage, jobs=jobs),
        storage,
        checkout=checkout,
        reconciliation=reconciliation,
        staff=Staff(
            database=database,
            atmos=atmos,
            reconciliation=reconciliation,
            outcomes=outcomes,
            admins=admins,
            times=clock,
        ),
        admin_chat_id=settings.admin_chat_id,
        offers=offers,
        languages=languages,
        jobs=jobs,
        support_contact=settings.support_contact,
        retention_days=settings.retention_days,
    )
    intake = Intake(
        bot=bot,
        dispatcher=dispatcher,
        database=database,
        outbox=outbox,
        storage=storage,
        jobs=jobs,
        language=settings.default_language,
    )
    metrics = Metrics(database, jobs, outcomes.captures, clock, lambda: intake.unstored_since)
    bot.session.middleware(metrics.watch)
    key = settings.atmos_callback_key
    return App(
        settings=settings,
        bot=bot,
        atmos=atmos,
        dispatcher=dispatcher,
        intake=intake,
        database=database,
        outbox=outbox,
        reconciliation=reconciliation,
        timeouts=Timeouts(database, vault, attempts),
        storage=storage,
        jobs=jobs,
        checkout=checkout,
        texts=texts,
        approval=Approval(database, admins, key.get_secret_value()) if key else None,
        daily=Daily(database, reconciliation, admins, timedelta(days=settings.retention_days)),
        metrics=metrics,
        vault=vault,
    )


def _admins(settings: Settings) -> AdminGroup:
    return AdminGroup(settings.admin_chat_id, settings.admin_topic_id, settings.default_language)


def dispatch(arrival: Arrival, storage: DialogueStorage, **given: object) -> Dispatcher:
    """Put `arrival` before aiogram's FSM, which its dispatcher would put first."""
    dispatcher = Dispatcher(storage=storage, disable_fsm=True)
    dispatcher.workflow_data.update(given)
    dispatcher.update.outer_middleware(arrival)
    dispatcher.update.outer_middleware(dispatcher.fsm)
    dispatcher.include_router(handlers.router())
    return dispatcher


def wanted(dispatcher: Dispatcher) -> list[str]:
    """Give the updates to ask for: what is handled, and where else a card may be posted."""
    return [*dispatcher.resolve_used_update_types(), "channel_post", "edited_channel_post"]


async def run(settings: Settings, stop: asyncio.Event, hurry: asyncio.Event) -> None:
    """Sell until `stop` is set; then take no more updates and let running captures end.

    With `hurry` they are not waited for: reconciliation finds out at the next start.
    """
    async with assembled(settings) as app:
        await app.database.upgrade()
        await take_up(app)
        await announce_commands(app)
        drained = asyncio.Event()
        async with _web(app):
            outbox = asyncio.ensure_future(app.outbox.run(drained))  # in no group: see there
            log.info("running", atmos=settings.atmos_env, **await _held(app.database))
            try:
                await _work(app, stop)
            finally:
                log.info("stopping", jobs=len(app.jobs))
                app.intake.close()
                await _drain(app, hurry)
                drained.set()
                app.database.committed.set()  # wakes the outbox, which then sees the end
                await outbox
    log.info("stopped")


async def _work(app: App, stop: asyncio.Event) -> None:
    """Do all that is done again and again, until `stop` is set or one of it fails."""
    async with asyncio.TaskGroup() as group:
        loops = [
            group.create_task(_receive(app)),
            group.create_task(_every_tick(*app.timeouts.duties)),
            group.create_task(_reconcile(app.reconciliation)),
            group.create_task(_every_tick(app.daily.run_due)),
            group.create_task(_tried(app.look_round)),
        ]
        await stop.wait()
        for loop in loops:
            loop.cancel()


async def _held(database: Database) -> dict[str, object]:
    """Say which database it is, for whoever is surprised that it holds nothing."""
    async with database.read() as tx:
        count = await db.count_intents(tx)
    return {"database": database.url.database, "payments": count}


async def _receive(app: App) -> None:
    """Have updates brought, or ask for them."""
    kinds = wanted(app.dispatcher)
    if app.settings.webhook_url:
        secret = telegram.webhook_secret(app.bot)
        await telegram.subscribe(app.bot, app.settings.webhook_url, secret, kinds)
    else:
        await telegram.poll(app.bot, app.intake, kinds)


async def take_up(app: App) -> None:
    """Take up what an earlier process left: dialogues, promises, unanswered students."""
    await app.storage.load()
    async with app.database.write() as tx:
        await db.revive_notices(tx, app.database.now())
        await db.readdress(tx, _admins(app.settings))
    await ask_again(app.database, app.storage, app.bot.id)


async def _drain(app: App, hurry: asyncio.Event) -> None:
    """Wait for the captures that run, to their deadline or until it is to be quick."""
    ended = asyncio.ensure_future(app.jobs.wait_and_close(app.settings.confirm_timeout + 5))
    hurried = asyncio.ensure_future(hurry.wait())
    await asyncio.wait([ended, hurried], return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    await app.jobs.close()
    await ended


async def _reconcile(reconciliation: Reconciliation) -> None:
    await _tried(reconciliation.ask_all)
    await _every_tick(reconciliation.check_due)


async def _every_tick(*duties: Callable[[], Awaitable[None]]) -> None:
    """Do what has become due, again and again; what fails is tried at the next tick."""
    while True:
        for duty in duties:
            await _tried(duty)
        await asyncio.sleep(TICK)


async def _tried(duty: Callable[[], Awaitable[None]]) -> None:
    try:
        await duty()
    except Exception:
        log.exception("duty_failed", duty=duty.__name__)


async def announce_commands(app: App) -> None:
    """Put the commands into Telegram's menu; without that the bot still sells."""
    try:
        for language in LANGUAGES:
            await app.bot.set_my_commands(_menu(app, language, COMMANDS), language_code=language)
        own = app.settings.default_language
        await app.bot.set_my_commands(_menu(app, own, COMMANDS))
        group = BotCommandScopeChat(chat_id=app.settings.admin_chat_id)
        await app.bot.set_my_commands(_menu(app, own, STAFF_COMMANDS), scope=group)
    except AiogramError as error:
        log.warning("commands_not_set", error=type(error).__name__)


def _menu(app: App, language: str, names: Iterable[str]) -> list[BotCommand]:
    return [
        BotCommand(command=name, description=app.texts.label(language, f"command-{name}"))
        for name in names
    ]


@asynccontextmanager
async def _web(app: App) -> AsyncIterator[None]:
    """Listen where the settings say: for the outside, and for whoever runs the bot."""
    asyncio.get_running_loop().set_exception_handler(http.Unaccepted())
    async with AsyncExitStack() as stack:
        for (host, port), routes in _routes(app).items():
            await stack.enter_async_context(http.serve(routes, host, port))
        yield


def _routes(app: App) -> dict[tuple[str, int], list[RouteDef]]:
    """Give what is served at each address."""
    settings = app.settings
    served: dict[tuple[str, int], list[RouteDef]] = {}
    if settings.web_port:
        networks = settings.atmos_callback_networks
        gate = http.gate(app.approval, app.jobs, networks) if app.approval else []
        served[settings.web_host, settings.web_port] = gate + _door(app)
    if settings.health_at:
        served[settings.health_at] = http.health(app.database, app.metrics, app.intake)
    return served


def _door(app: App) -> list[RouteDef]:
    url = app.settings.webhook_url
    if url is None:
        return []
    return http.webhook(app.intake, urlsplit(url).path, telegram.webhook_secret(app.bot))


def _job_failed(_jobs: Scheduler, context: dict[str, object]) -> None:
    log.error("job_failed", exc_info=context.get("exception"))
