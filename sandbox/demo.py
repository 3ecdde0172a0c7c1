"""A purchase from the first tap to "paid", with the real bot as a process of its own.

`make demo` runs it: the sandbox gateway and a Bot API server on free loopback ports, the bot over
SQLite in a temporary folder, and a student who types one wrong code on the way.
"""

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.columns import Columns
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from sandbox.atmos import Gateway
from sandbox.atmos.http import serve as serve_atmos
from sandbox.telegram import Chat, Group, Message, Person, Telegram
from sandbox.telegram.http import serve as serve_telegram

TOKEN = "700000001:demo-token-of-no-bot-at-all-000000"
ADMINS = -1_000_000_000_057
CARD = "8600 9900 0000 0009"
EXPIRY = "12/49"
PRICE = 73_900_000
PATIENCE = 30.0
ROOT = Path(__file__).parent.parent


@dataclass(slots=True)
class World:
    """Telegram, the gateway, and the people."""

    telegram: Telegram
    gateway: Gateway
    student: Person
    admins: Group
    typed: list[Message] = field(default_factory=list)

    def types(self, text: str) -> None:
        self.typed.append(self.student.says(text))


async def main() -> int:
    """Play the purchase, print both chats and what was checked; 0 only if all of it is true."""
    with tempfile.TemporaryDirectory(prefix="checkout-demo-") as folder:
        home = Path(folder)
        async with _world(home) as (world, bot):
            try:
                await _buy(world)
            except AssertionError:
                print((home / "bot.log").read_text("utf-8")[-4000:])
                raise
            await _stop(bot)
        _print_chats(world)
        return _print_checks(dict(_checks(world, home)))


@asynccontextmanager
async def _world(home: Path) -> AsyncIterator[tuple[World, asyncio.subprocess.Process]]:
    telegram = Telegram(token=TOKEN, username="protokol_bot")
    student = telegram.person(501, "Dilnoza", username="dilnoza")
    admins = telegram.group(ADMINS, "Sotuvlar", admins=[telegram.person(502, "Admin")])
    world = World(telegram, Gateway(), student, admins)
    async with (
        serve_telegram(telegram) as telegram_url,
        serve_atmos(world.gateway) as atmos_url,
    ):
        bot = await _start_bot(home, telegram_url, atmos_url)
        try:
            yield world, bot
        finally:
            await _stop(bot)


async def _start_bot(home: Path, telegram_url: str, atmos_url: str) -> asyncio.subprocess.Process:
    settings = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram_url,
        "ADMIN_CHAT_ID": str(ADMINS),
        "ATMOS_ENV": "sandbox",
        "ATMOS_BASE_URL": atmos_url,
        "ATMOS_STORE_ID": "57",
        "ATMOS_CONSUMER_KEY": "sandbox",
        "ATMOS_CONSUMER_SECRET": "sandbox",
        "DATABASE_URL": f"sqlite+aiosqlite:///{home / 'checkout.db'}",
        "OFFERS_FILE": str(_offers_for_good(home)),
        "LOG_LEVEL": "DEBUG",
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    with (home / "bot.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=settings, cwd=home, stdout=log, stderr=log
        )


def _offers_for_good(home: Path) -> Path:
    """Copy the sample offers with an early bird that has no end: the demo works on any day."""
    sample = (ROOT / "offers.toml").read_text("utf-8")
    path = home / "offers.toml"
    path.write_text(re.sub(r"(?m)^until = .*$", "until = 2099-12-31", sample), "utf-8")
    return path


async def _buy(world: World) -> None:
    student = world.student
    student.says("/start protokol-57")
    await student.sees("Protokol 57", timeout=PATIENCE)
    student.taps("pay:protokol-57")
    await student.sees("karta raqam", timeout=PATIENCE)
    world.types(CARD)
    await student.sees("muddat", timeout=PATIENCE)
    world.types(EXPIRY)
    await student.sees("SMS kod", timeout=PATIENCE)
    code = world.gateway.sms[-1].code
    world.types(_another(code))
    await student.sees("notoʻgʻri", timeout=PATIENCE)
    world.types(code)
    await student.sees("✅", timeout=PATIENCE)
    await world.admins.sees("✅", timeout=PATIENCE)


def _another(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


async def _stop(bot: asyncio.subprocess.Process) -> None:
    if bot.returncode is None:
        bot.send_signal(signal.SIGTERM)
        await asyncio.wait_for(bot.wait(), PATIENCE)


def _print_chats(world: World) -> None:
    console = Console(width=132)
    console.print(
        Columns(
            [
                Panel(_seen(world.student.chat), title="Student and bot", width=65),
                Panel(_seen(world.admins), title="Admin group", width=65),
            ]
        )
    )


def _seen(chat: Chat) -> Text:
    """Show a chat as people see it, and what was typed and vanished struck through."""
    seen = Text()
    for message in chat.written.values():
        seen.append(f"{message.sender.first_name}: ", style="bold")
        if message.deleted:
            seen.append(message.text, style="strike")
            seen.append(" ← vanished", style="dim")
        else:
            seen.append(message.text)
        for row in message.buttons:
            seen.append(f"\n  [{' | '.join(row)}]", style="cyan")
        seen.append("\n")
    return seen


def _checks(world: World, home: Path) -> Iterator[tuple[str, bool]]:
    charges = [entry.amount for entry in world.gateway.ledger]
    yield f"charged once, {PRICE} tiyin: {charges}", charges == [PRICE]
    left = [message for message in world.typed if not message.deleted]
    yield f"card, expiry and code messages left in the chat: {len(left)}", not left
    leaks = _leaks(world, home)
    yield f"card digits in database, WAL and log: {', '.join(leaks) or 'none'}", not leaks
    told = [text for text in world.admins.texts if "✅" in text]
    yield f"admins told {len(told)} time(s)", len(told) == 1


def _leaks(world: World, home: Path) -> list[str]:
    """Search every file the bot wrote for any ten digits of the card, and for the codes."""
    digits = CARD.replace(" ", "")
    secrets = [digits[start : start + 10].encode() for start in range(7)]
    secrets += [sms.code.encode() for sms in world.gateway.sms]
    written = [path for path in home.iterdir() if path.is_file()]
    return sorted(
        path.name for path in written if any(secret in path.read_bytes() for secret in secrets)
    )


def _print_checks(checks: dict[str, bool]) -> int:
    for said, true in checks.items():
        print(f"{'ok  ' if true else 'FAIL'} {said}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
