"""The world of a story: Telegram, the gateway and the bot, over real loopback HTTP."""

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any

import pytest
import stamina

from bot import app, log
from bot.db import Database
from bot.settings import Settings
from sandbox.atmos import Gateway
from sandbox.atmos.http import serve as serve_atmos
from sandbox.faults import Fault, Kind
from sandbox.telegram import Group, Message, Person, Telegram
from sandbox.telegram.http import serve as serve_telegram

TOKEN = "700000001:AAtest-token-of-no-bot-at-all-0000000"
ADMINS = -1_000_000_000_057
PRICE = 73_900_000
GOOD = "8600990000000009"
EXPIRY = "12/49"
OFFERS = """
[[offers]]
slug = "protokol-57"
title = "Protokol 57"
description = { uz = "57 kunlik kurs", ru = "Курс на 57 дней", en = "A 57-day course" }
seller = "Protokol <akademiyasi>"
price = 1_478_000
link = "https://t.me/+course"
discount = { percent = 50, until = 2099-12-31 }
"""


@dataclass(slots=True)
class World:
    """What a story acts on and looks at."""

    telegram: Telegram
    gateway: Gateway
    admins: Group
    urls: dict[str, str]
    home: Path
    database_url: str
    missing_paths: set[str]  # of the gateway; a story adds to them
    overrides: dict[str, Any] = field(default_factory=dict)

    def student(self, number: int = 501, name: str = "Dilnoza", **about: Any) -> Person:
        return self.telegram.person(number, name, **about)

    def settings(self) -> Settings:
        offers = self.home / "offers.toml"
        if not offers.exists():
            offers.write_text(OFFERS, "utf-8")
        given: dict[str, Any] = {
            "bot_token": TOKEN,
            "telegram_api_url": self.urls["telegram"],
            "admin_chat_id": ADMINS,
            "atmos_env": "sandbox",
            "atmos_base_url": self.urls["atmos"],
            "atmos_store_id": 57,
            "atmos_consumer_key": "sandbox",
            "atmos_consumer_secret": "sandbox",
            "database_url": self.database_url,
            "offers_file": offers,
        }
        return Settings(_env_file=None, **given | self.overrides)

    @asynccontextmanager
    async def bot(self, **overrides: Any) -> AsyncIterator[None]:
        """Run the bot, as `python -m bot run` does, until the story leaves."""
        self.overrides |= overrides
        stop = asyncio.Event()
        running = asyncio.ensure_future(app.run(self.settings(), stop, asyncio.Event()))
        try:
            await asyncio.wait(
                [running, asyncio.ensure_future(self.is_polled())], return_when="FIRST_COMPLETED"
            )
            yield
        finally:
            stop.set()
            await asyncio.wait_for(running, 40)

    async def is_polled(self) -> None:
        """Wait for a bot that has come up: it asks for updates, or to be brought them, last."""
        before = self._polls()
        while self._polls() == before:
            await asyncio.sleep(0.02)

    def _polls(self) -> int:
        return sum(call.method in {"getUpdates", "setWebhook"} for call in self.telegram.calls)

    def goes_wrong(self, operation: str, kind: Kind, **how: Any) -> None:
        """Make the gateway's next `operation` fail."""
        self.gateway.faults.add(Fault(operation, kind, **how))

    def stored(self, query: str) -> list[tuple[Any, ...]]:
        """Look into the database, as another program would."""
        with closing(sqlite3.connect(self.home / "checkout.db", timeout=0)) as other:
            return other.execute(query).fetchall()

    async def alters(self, statement: str) -> None:
        """Change the database from outside, in a moment in which the bot does not."""
        with closing(
            sqlite3.connect(self.home / "checkout.db", timeout=0, isolation_level=None)
        ) as other:
            while True:
                try:
                    other.execute(statement)
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise
                    await asyncio.sleep(0.01)
                else:
                    return

    async def fills_disk(self, at: str) -> None:
        """Have the database refuse what is named as SQL does, such as `INSERT ON inbox`."""
        failing = "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        await self.alters(f"CREATE TRIGGER full BEFORE {at} {failing}")

    async def frees_disk(self) -> None:
        await self.alters("DROP TRIGGER full")

    @contextmanager
    def holding(self, operation: str) -> Iterator[None]:
        """Have the gateway, once it is asked, come to `operation` only when the story leaves."""
        operate, over = self.gateway.operate, asyncio.Event()

        async def operate_later(asked: str, body: dict[str, Any]) -> dict[str, Any]:
            if asked == operation:
                await over.wait()
            return await operate(asked, body)

        self.gateway.operate = operate_later  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            over.set()
            self.gateway.operate = operate  # type: ignore[method-assign]

    async def hours_pass(self) -> None:
        """Let what is written down about payments be five hours older."""
        moments = ("created_at", "expires_at", "acts_until", "check_at")
        older = (f"{at} = strftime('%Y-%m-%d %H:%M:%f000', {at}, '-5 hours')" for at in moments)
        await self.alters(f"UPDATE intents SET {', '.join(older)}")  # noqa: S608  names of ours

    async def comes(self, moment: str) -> None:
        """Let the moment that is written down for something of a payment have come."""
        set_for = f"{moment} = created_at WHERE {moment} IS NOT NULL"
        await self.alters(f"UPDATE intents SET {set_for}")  # noqa: S608  names of ours

    async def lets_send_again(self, prompt: Message) -> None:
        """Let a code's minute pass, once the bot has noted under what it asked for the code."""
        while (prompt.id,) not in self.stored("SELECT prompt_id FROM intents"):
            await asyncio.sleep(0.02)
        await self.comes("resend_at")

    async def checks(self, times: int = 1) -> None:
        """Have the next rung of the ladder come, and see that it has decided nothing."""
        counted = "SELECT max(checks) FROM intents"
        for _ in range(times):
            before = self.stored(counted)
            await self.comes("check_at")
            async with asyncio.timeout(60):
                while self.stored(counted) == before:
                    await asyncio.sleep(0.02)

    async def charges(self, code: str) -> None:
        """Charge the first payment at the gateway, past the bot."""
        transaction = next(iter(self.gateway.transactions.values()))
        async with app.atmos_client(self.settings()) as atmos:
            await atmos.confirm(transaction.id, otp=code)

    @property
    def charged(self) -> list[int]:
        return [entry.amount for entry in self.gateway.ledger if entry.kind == "charge"]

    def calls(self, operation: str) -> int:
        return len(self.gateway.called(operation))

    @property
    def code(self) -> str:
        return self.gateway.sms[-1].code

    @property
    def wrong_code(self) -> str:
        return f"{(int(self.code) + 1) % 1_000_000:06}"


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def everything_said(student: Person) -> list[str]:
    written = student.chat.written.values()
    return [said for message in written for said in (message.text, *message.edits)]


@pytest.fixture(autouse=True, scope="session")
def _log_as_in_production():
    log.configure("INFO", "console")


@pytest.fixture(autouse=True)
def _no_pauses_between_retries():
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture(autouse=True)
def _quick_ticks(monkeypatch):
    monkeypatch.setattr("bot.app.TICK", 0.05)


@pytest.fixture(autouse=True)
def _patient_gate(monkeypatch):
    """However slow the machine is, what is answered in time is answered."""
    monkeypatch.setattr("bot.web.GATE", 60.0)
    monkeypatch.setattr("bot.web.PATIENCE", 90.0)


@pytest.fixture(autouse=True)
def _no_daily_comparison(monkeypatch):
    """A story that crosses nine o'clock is no other story."""
    monkeypatch.setattr("bot.daily.AT", time.max)


@asynccontextmanager
async def a_world(home: Path, database_url: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        telegram = Telegram(token=TOKEN)
        missing: set[str] = set()
        gateway = Gateway(missing_paths=missing, callback_timeout=60)  # as patient as the gate
        urls = {
            "telegram": await stack.enter_async_context(serve_telegram(telegram)),
            "atmos": await stack.enter_async_context(serve_atmos(gateway)),
        }
        admins = telegram.group(ADMINS, "Sotuvlar", admins=[telegram.person(502, "Admin")])
        yield World(telegram, gateway, admins, urls, home, database_url, missing)


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    async with a_world(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'checkout.db'}") as made:
        yield made


@pytest.fixture
async def database(world) -> AsyncIterator[Database]:
    """Open the world's database beside the bot."""
    made = Database(world.database_url)
    await made.upgrade()
    yield made
    await made.close()


async def pays(student: Person) -> None:
    start = student.says("/start protokol-57")
    await student.sees("Protokol 57", since=start)
    tap = student.taps("pay:protokol-57")
    await student.sees("karta raqam", since=tap)


async def names_card(student: Person, card: str = GOOD, expiry: str = EXPIRY) -> list[Message]:
    number = student.says(card)
    await student.sees("muddat", since=number)
    return [number, student.says(expiry)]


async def reaches_code(student: Person, card: str = GOOD, expiry: str = EXPIRY) -> Message:
    """Go from the offer to the question for the code, and give that question."""
    await pays(student)
    typed = await names_card(student, card, expiry)
    return await student.sees("SMS kod", since=typed[-1])
