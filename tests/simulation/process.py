"""One run of the bot, from its start to its stop or its death."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.enums import ParseMode
from aiogram.types import LinkPreviewOptions
from multidict import CIMultiDict

from atmos import AtmosClient
from bot import app
from bot import web as http
from bot.app import App
from bot.db import Database
from bot.storage import DialogueStorage
from bot.vault import MemoryVault
from handlers.arrival import Languages
from tests.simulation.clock import OWNER
from tests.simulation.database import Engine
from tests.simulation.dialogues import KeptDialogues, OneLanguage
from tests.simulation.network import Http, Line

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")


@dataclass(slots=True)
class End:
    """Where a process will die: at the `left`-th time it passes a place that begins so."""

    place: str
    left: int

    def is_here(self, place: str) -> bool:
        self.left -= place.startswith(self.place)
        return self.left <= 0


class Process:
    """The bot of production over this world's wires and database.

    `point` is passed wherever it meets the outside. There it may die: from then on nothing it
    does reaches anybody, and its transactions are rolled back.
    """

    app: App  # once it has started

    def __init__(self, world: "World", end: End | None) -> None:
        self.world = world
        self._vault = MemoryVault(world.settings.card_ttl, world.loop.time)
        self.dead = False
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.over: asyncio.Future[str] = world.loop.create_future()  # how it ended
        self.end = end  # None: it lives for ever
        self._context = copy_context()
        self._context.run(OWNER.set, self)
        self._engine: Engine | None = None
        self._is_checking = False
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._drained = asyncio.Event()
        self._due = {name: asyncio.Event() for name in ("timeouts", "checks")}

    async def point(self, place: str) -> None:
        """Let others run, or die."""
        self._live(place)
        pause = self.world.pause()
        if pause:
            await asyncio.sleep(pause)
            self._live(place)

    async def asks(self, place: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Make a call; once it has arrived it is worked to its end, whoever waits for it."""
        await self.point(f"{place}, before")
        travelling = self.world.outside(call())
        try:
            return await asyncio.shield(travelling)
        finally:
            self._live(f"{place}, after")

    def engine(self) -> Engine:
        """Give the engine that `Database` asks for."""
        self._engine = Engine(self.world.path, self)
        return self._engine

    def http(self) -> Http:
        """Give the client that `AtmosClient` asks for."""
        return Http(self.world, self)

    def dialogues(self, database: Database) -> DialogueStorage:
        kept = self.world.dialogues
        return DialogueStorage(database) if kept is None else KeptDialogues(kept)

    def languages(self, database: Database, default: str) -> Languages:
        return (Languages if self.world.dialogues is None else OneLanguage)(database, default)

    def committed(self) -> None:
        self._changed.set()

    def start(self) -> None:
        self.world.trace("the bot starts")
        self.spawn(self._run())

    def spawn(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        return self.world.loop.create_task(work, context=self._context)

    def die(self, place: str) -> None:
        """Die here: what a kill -9 leaves is what is stored."""
        if self.over.done():
            return
        self.world.crashed(place)
        self._end(place)

    async def stop(self) -> None:
        """Stop as at SIGTERM: running captures end, and what is due is told."""
        self.world.trace("the bot is asked to stop")
        self._stopping.set()
        await asyncio.wait([self.over])

    async def agrees(self, body: bytes) -> bytes:
        """Be asked by the gateway before a debit, at the gate of production."""
        if self.over.done() or not hasattr(self, "app") or self.app.approval is None:
            raise ConnectionRefusedError
        [gate] = http.gate(self.app.approval, self.app.jobs, networks=())

        async def read() -> bytes:
            return body

        request = SimpleNamespace(
            content_length=len(body), read=read, remote=None, headers=CIMultiDict()
        )
        request.clone = lambda **_: request
        answering: asyncio.Task[Any] = self.spawn(gate.handler(request))  # type: ignore[arg-type]
        await asyncio.wait([answering])
        if answering.cancelled():
            raise ConnectionResetError  # the bot has died over the question
        return bytes(answering.result().body)

    def busy(self) -> bool:
        return not hasattr(self, "app") or len(self.app.jobs) > 0 or self._is_checking

    def cut(self) -> None:
        """Close what the operating system closes for a process that is gone."""
        if self._engine is not None:
            self._engine.cut()

    async def _run(self) -> None:
        """Do what `bot.app.run` does, but look for what is due when it is, not twice a second."""
        self.app = self._assembled()
        self._due["outbox"] = self.app.database.committed
        await app.take_up(self.app)
        self.spawn(self._conduct())
        telling = self.spawn(self.app.outbox.run(self._drained))
        loops = [
            self.spawn(self._poll()),
            self.spawn(self._duty("timeouts", self._pass_time)),
            self.spawn(self._reconcile()),
        ]
        await self._stopping.wait()
        for loop in loops:
            loop.cancel()
        await self.app.jobs.wait_and_close(self.app.settings.confirm_timeout + 5)
        self._drained.set()
        self._due["outbox"].set()
        await telling
        await self._vault.aclose()
        self.world.trace("the bot has stopped")
        self._end("stopped")

    async def _poll(self) -> None:
        """Take updates; those of a batch are confirmed by the next poll, as Telegram has it."""
        taken = 0
        while True:
            batch = await self.asks("Telegram getUpdates", partial(self.world.updates, taken))
            taken = len(batch) if await self.app.intake.take(batch) else 0

    async def _reconcile(self) -> None:
        """Ask about all that is unknown, then what is due; the day's comparison comes along."""
        await self.app.reconciliation.ask_all()
        await self._duty("checks", self._check)

    async def _check(self) -> None:
        self._is_checking = True
        try:
            await self.app.reconciliation.check_due()
            await self.app.daily.run_due()
        finally:
            self._is_checking = False

    async def _conduct(self) -> None:
        """Wake whose time has come: after every commit and at the next moment something is due."""
        while True:
            self._changed.clear()
            waits = self.world.next_due()
            for name, wait in waits.items():
                if wait <= 0:
                    self._due[name].set()
            soonest = min((wait for wait in waits.values() if wait > 0), default=None)
            alarm = soonest and self.world.loop.call_later(soonest, self._changed.set)
            await self._changed.wait()
            if alarm:
                alarm.cancel()

    async def _duty(self, name: str, act: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await self._due[name].wait()
            self._due[name].clear()
            try:
                await act()
            except Exception as error:  # noqa: BLE001  as `bot.app._every_tick`
                self.world.failed(name, error)
            await asyncio.sleep(app.TICK)
            self._changed.set()

    async def _pass_time(self) -> None:
        for duty in self.app.timeouts.duties:
            await duty()

    def _assembled(self) -> App:
        world = self.world
        made = app._assemble(
            world.settings,
            world.offers,
            Database(f"sqlite+aiosqlite:///{world.path}", now=world.loop.now),
            self._bot(),
            self._atmos(),
            vault=self._vault,
        )
        made.dispatcher.workflow_data["checkout"]._random = Random(world.luck.random())
        return made

    def _bot(self) -> Bot:
        return Bot(
            self.world.settings.bot_token.get_secret_value(),
            session=Line(self.world, self),
            default=DefaultBotProperties(
                parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True)
            ),
        )

    def _atmos(self) -> AtmosClient:
        settings = self.world.settings
        client = AtmosClient(
            base_url=settings.atmos_url,
            consumer_key=settings.atmos_consumer_key.get_secret_value(),
            consumer_secret=settings.atmos_consumer_secret.get_secret_value(),
            store_id=settings.atmos_store_id,
            confirm_path=settings.atmos_confirm_path,
            confirm_timeout=settings.confirm_timeout,
        )
        client._auth._clock = self.world.loop.time
        return client

    def _live(self, place: str) -> None:
        if self.end is not None and not self.dead and self.end.is_here(place):
            self.die(place)
        if self.dead:
            raise asyncio.CancelledError("killed")

    def _end(self, how: str) -> None:
        self.dead = True
        self.over.set_result(how)
        self.cut()
        for task in list(self.tasks):
            task.cancel("killed")
