"""The outside world of one seed: the gateway, Telegram, the weather, and who remembers it all."""

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, TypeVar

from aiogram.exceptions import AiogramError

from bot.voice import SEPARATOR
from sandbox.atmos import Answer, Entry, Gateway, Transaction
from sandbox.faults import Fault
from sandbox.telegram import Telegram
from sandbox.telegram.answer import Answer as TelegramAnswer
from sandbox.telegram.bell import Bell
from sandbox.telegram.queue import Pending
from tests.simulation.clock import Loop
from tests.simulation.dialogues import Kept
from tests.simulation.machine import Machine
from tests.simulation.network import Request
from tests.simulation.process import End, Process
from tests.simulation.weather import Slowness, Weather

T = TypeVar("T")
ATMOS_ACTS = 120.0  # seconds in which ATMOS charges, or never does
ARRIVED: ContextVar[float] = ContextVar("ARRIVED")
HEADS = """
    SELECT min(due_at) FROM outbox WHERE id IN (
        SELECT min(id) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL
        GROUP BY chat_id, action = 'delete')"""
DUE = f"""
    SELECT ({HEADS}),
    (SELECT min(check_at) FROM intents
        WHERE status IN ('capturing', 'reversing', 'failed', 'expired', 'cancelled')),
    (SELECT min(min(expires_at, coalesce(resend_at, expires_at),
        coalesce(code_expires_at, expires_at)))
        FROM intents WHERE status = 'challenged'),
    (SELECT min(expires_at) FROM intents WHERE status = 'created')"""  # noqa: S608  no input
LOGGED = ("why", "error", "intent", "row", "update_id", "wait_for")
DUTIES = ("outbox", "checks", "timeouts", "timeouts")


@dataclass(frozen=True, slots=True)
class Charge:
    """Money taken, and when the call that asked for it had arrived."""

    entry: Entry
    arrived: float

    @property
    def is_late(self) -> bool:
        """Tell whether ATMOS took longer than it ever should."""
        return self.entry.at - self.arrived > ATMOS_ACTS


@dataclass(frozen=True, slots=True)
class Said:
    """What the bot showed somebody at a moment, and the buttons under it."""

    at: float
    chat_id: int
    text: str
    buttons: tuple[str, ...]


class Witness(Bell):
    """Hears of every change in every chat, and remembers what the bot showed."""

    def __init__(self, telegram: Telegram) -> None:
        super().__init__()
        self.said: list[Said] = []
        self._telegram = telegram
        self._seen: Counter[int] = Counter()

    def ring(self) -> None:
        for chat in self._telegram.chats.values():
            for event in chat.history[self._seen[chat.id] :]:
                if event.message.from_bot and event.kind != "deleted":
                    buttons = tuple(
                        button.get("callback_data", "")
                        for row in event.message.rows
                        for button in row
                    )
                    self.said += [
                        Said(event.at, chat.id, text, buttons)
                        for text in event.text.split(SEPARATOR)  # the admins hear some at once
                    ]
            self._seen[chat.id] = len(chat.history)
        super().ring()


@dataclass(kw_only=True, eq=False)
class Bank(Gateway):
    """The gateway, which also remembers which call each charge came from."""

    charges: list[Charge] = field(default_factory=list)
    debit: Callable[[], float]
    adds: int = 0  # tiyin, to every amount: a gateway that charges what nobody asked for

    async def _ask_merchant(self, transaction: Transaction) -> None:
        """Ask, and take its time before the charge."""
        await super()._ask_merchant(transaction)
        await self.sleep(self.debit())

    def _create(self, body: dict[str, Any]) -> dict[str, Any]:
        answer = super()._create(body)
        self.transactions[answer["transaction_id"]].amount += self.adds
        return answer

    def _enter(self, kind: str, transaction: Transaction, success_trans_id: int) -> None:
        super()._enter(kind, transaction, success_trans_id)
        if kind == "charge":
            self.charges.append(Charge(self.ledger[-1], ARRIVED.get()))


class World:
    """Everything that lives on when the bot dies."""

    process: Process

    def __init__(self, seed: int, loop: Loop, machine: Machine) -> None:
        self.seed = seed
        self.loop = loop
        self.path = machine.database(seed)
        self.machine = machine
        self.luck = self.random("luck")
        asks_first = self.luck.random() < 0.4  # ATMOS asks the merchant before a debit
        strict = self.random("limits").random() < 0.2  # so that limits are met
        self.settings = settings = machine.settings[asks_first, strict]
        self.offers = machine.shops[0]
        self.dialogues: Kept | None = {} if self.luck.random() < 0.75 else None  # None: in SQL
        self.weather = Weather(self.random("weather"))
        self.tally = {
            name: Counter[str]()
            for name in (
                "fault of ATMOS",
                "fault of Telegram",
                "death or stop",
                "delivery",
                "outcome",
            )
        }
        self.lines: list[str] = []
        self.broken: list[str] = []  # what was seen to be wrong
        self.telegram = Telegram(
            token=settings.bot_token.get_secret_value(),
            now=loop.epoch,
            limits=self.luck.random() < 0.5,
        )
        self.gateway = Bank(
            now=loop.epoch,
            random=self.random("gateway"),
            latency=Slowness(self.weather),
            callback=lambda _url, body: self.process.agrees(body),
            callback_url="merchant" if asks_first else None,
            debit=self.weather.debit,
            adds=self.luck.choice((100, 50_000_00)) if self.luck.random() < 0.03 else 0,
            resend_after=self.luck.choice((0.0, 60.0)),
            missing_paths=self.luck.choice(((), (), ("/merchant/pay/retry-otp",))),
        )
        self.telegram.bell = self._witness = Witness(self.telegram)
        self.telegram.updates.sink = self._arrives
        self._inbox: list[Pending] = []
        self._bell = asyncio.Event()
        self._mixes = self.luck.choice((0.0, 0.0, 0.1, 0.3))  # deliveries twice, or out of order
        self._pace = self.luck.choice((0.0, 0.1, 0.5))
        self._context = Context()
        self._book = sqlite3.connect(self.path, isolation_level=None)

    def begin(self) -> None:
        """Have the admins' group."""
        self.boss = self.telegram.person(502_000, "Admin")
        group = self.settings.admin_chat_id
        self.admins = self.telegram.group(group, "Sotuvlar", admins=[self.boss])

    def end(self) -> None:
        """Count what became of everything."""
        outcomes = self.tally["outcome"]
        for status, reason in self.rows("SELECT status, reason FROM intents"):
            outcomes[f"{status} {reason or ''}".strip()] += 1
        outcomes["charged"] += len(self.gateway.charges)
        for _ in self.rows("SELECT key FROM outbox WHERE key LIKE 'admins:limit:%'"):
            outcomes["a student met a limit"] += 1
        late = sum(charge.is_late for charge in self.gateway.charges)
        if late:
            outcomes["charged later than ATMOS may"] += late

    def close(self) -> None:
        """Leave nothing on the disk, nor open."""
        self.process.cut()
        self._book.close()
        self.path.unlink()  # its log went with the last connection

    def starts(self, end: End | None) -> Process:
        self.process = Process(self, end)
        self.process.start()
        return self.process

    def is_busy(self) -> bool:
        """Tell whether the bot is down, or has something in hand or before it."""
        waiting = any(self.telegram.updates.lives(one) for one in self._inbox)
        return waiting or self.process.over.done() or self.process.busy()

    def has(self, student_id: int, slug: str) -> bool:
        query = "SELECT 1 FROM intents WHERE student_id=? AND offer=? AND status='captured'"
        return bool(self.rows(query, student_id, slug))

    def logged(self, level: str, event: dict[str, Any]) -> None:
        """Read the log of the bot: an error in it that nobody injected is a defect."""
        error = event.get("exc_info")
        if error is True:
            error = sys.exception()
        told = {key: event[key] for key in event if key in LOGGED}
        self.trace(f"log {level} {event.get('event')} {told} {error!r}")
        if level in ("error", "critical") and not isinstance(error, AiogramError):
            self.broken.append(f"the bot logged {event.get('event')}: {error!r}")

    def random(self, what: str) -> Random:
        """Give a stream of luck of its own, so that one more throw here changes none there."""
        return Random(f"{self.seed}:{what}")

    def trace(self, what: str) -> None:
        self.lines.append(f"{self.loop.time():12.3f}  {what}")

    def outside(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Let something happen that no death of the bot ends."""
        task = self.loop.create_task(work, context=self._context.copy())
        task.add_done_callback(_heard)
        return task

    def pause(self) -> float:
        """Give how long a step of the bot takes; mostly nothing else comes in between."""
        return self.luck.uniform(0, 0.02) if self.luck.random() < self._pace else 0.0

    def crashed(self, place: str) -> None:
        self.trace(f"KILLED {place}")
        self.tally["death or stop"][place] += 1

    def failed(self, duty: str, error: BaseException) -> None:
        self.broken.append(f"{duty} failed: {error!r}")

    @property
    def said(self) -> list[Said]:
        return self._witness.said

    def dump(self) -> Iterator[str]:
        """Give every row of every table."""
        for (table,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
            yield from map(repr, self.rows(f"SELECT * FROM {table}"))  # noqa: S608  no input

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Look into the bot's database, past the bot."""
        return self._book.execute(query, values).fetchall()

    def next_due(self) -> dict[str, float]:
        """Give in how many seconds each duty of the bot has something to do."""
        now = self.loop.now()
        waits: dict[str, float] = {}
        for name, due in zip(DUTIES, self.rows(DUE)[0], strict=True):
            if due is not None:
                wait = (datetime.fromisoformat(due).replace(tzinfo=UTC) - now).total_seconds()
                waits[name] = min(wait, waits.get(name, wait))
        return waits

    async def gateway_answers(self, operation: str, request: Request) -> Answer:
        """Carry a request to the gateway, with whatever goes wrong on the way."""
        await asyncio.sleep(self.weather.travel(operation))
        fault = self.weather.fault("atmos", operation, self.loop.time())
        if fault:
            self.gateway.faults.add(fault)
            self._injected("ATMOS", fault)
        ARRIVED.set(self.loop.epoch())
        answer = await self.gateway.answer(
            "POST", request.path, request.headers, request.body, request.query
        )
        self.trace(f"ATMOS answers {operation}: {answer.status} {answer.body[:60]!r}")
        await asyncio.sleep(self.weather.travel())
        return answer

    async def telegram_answers(self, method: str, params: dict[str, Any]) -> TelegramAnswer:
        fault = self.weather.fault("telegram", method, self.loop.time())
        if fault:
            self.telegram.faults.add(fault)
            self._injected("Telegram", fault)
        answer = await self.telegram.call(self.telegram.token, method, params)
        self.trace(f"Telegram answers {method}: {answer.status} {params.get('text', '')[:40]!r}")
        await asyncio.sleep(self.weather.travel())
        return answer

    async def updates(self, taken: int) -> list[dict[str, Any]]:
        """Give the updates that wait, when there are any; `taken` of the last are confirmed."""
        confirmed, self._inbox = self._inbox[:taken], self._inbox[taken:]
        self._inbox += [one for one in confirmed if self._mixed("delivered again")]
        while not (waiting := [one for one in self._inbox if self.telegram.updates.lives(one)]):
            self._bell.clear()
            await self._bell.wait()
        if len(waiting) > 1 and self._mixed("delivered in another order"):
            waiting[:2] = waiting[1::-1]
        self._inbox = waiting
        return [one.update for one in waiting]

    def _mixed(self, how: str) -> bool:
        mixed = not self.weather.is_over and self.luck.random() < self._mixes
        self.tally["delivery"][how] += mixed
        return mixed

    def _arrives(self, pending: Pending) -> None:
        self._inbox.append(pending)
        self._bell.set()

    def _injected(self, service: str, fault: Fault) -> None:
        what = f"{fault.operation} {fault.kind}{' after acting' * fault.acts}"
        self.trace(f"FAULT of {service}: {what}, {fault.seconds} s")
        self.tally[f"fault of {service}"][what] += 1


def _heard(task: "asyncio.Task[Any]") -> None:
    """Take note of how it ended, though whoever asked may be dead."""
    if not task.cancelled():
        task.exception()
