"""Two hundred students, every fault, and `kill -9` every few seconds; then the money is counted.

`make chaos` runs it: the real bot as a process over HTTP, students as coroutines. Then nothing
goes wrong any more, everybody finishes, and what must be true is looked at. The exit code is 1 if
anything is not. With `--database-url` the database must be empty.
"""

import argparse
import asyncio
import re
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sandbox.atmos import CARDS, Gateway, Sms
from sandbox.atmos.cards import with_check_digit
from sandbox.atmos.http import serve as serve_atmos
from sandbox.chaos.bot import ROOT, Process, parts
from sandbox.chaos.checks import Evidence, Row, Violation, violations
from sandbox.chaos.student import Student
from sandbox.chaos.weather import Weather
from sandbox.faults import Kind
from sandbox.telegram import Group, Telegram
from sandbox.telegram.http import serve as serve_telegram

TOKEN = "700000001:chaos-token-of-no-bot-at-all-00000"
ADMINS = -1_000_000_000_057
FIRST = 1001  # the first student's id
COME = 0.75  # of the storm, in which the students come
QUIET = 80.0  # seconds for everybody to finish
REPORT = 20.0
SHOWN = 5  # violations of an invariant that are told in full
REFUSED = [card for card in CARDS.values() if card.refused]
SHY, SLEEPY, POOR = 0.12, 0.06, 0.3  # shares of the students
SETTINGS = {
    "BOT_TOKEN": TOKEN,
    "ADMIN_CHAT_ID": str(ADMINS),
    "ATMOS_ENV": "sandbox",
    "ATMOS_STORE_ID": "57",
    "ATMOS_CONSUMER_KEY": "sandbox",
    "ATMOS_CONSUMER_SECRET": "sandbox",
    "ATMOS_CALLBACK_KEY": "sandbox",
    "CHECKOUT_TTL": "40",
    "OTP_TTL": "30",
    "OTP_RESEND_AFTER": "3",
    "CONFIRM_TIMEOUT": "2",
    "RECONCILE_DELAYS": "3,6,11,16,26",
    # A minute stands for days of a student's patience here, and few cards are refused for many.
    "CARDS_AN_HOUR": "10000",
    "CODE_REQUESTS_A_DAY": "10000",
    "WRONG_CODES_A_DAY": "10000",
    "PAYMENTS_A_DAY": "10000",
    "MESSAGES_A_SECOND": "1000",  # two hundred in a hurry, who ask again when they wait
    "LOG_LEVEL": "INFO",
}


@dataclass(kw_only=True)
class World:
    telegram: Telegram
    gateway: Gateway
    admins: Group
    bot: Process
    weather: Weather
    random: Random
    engine: AsyncEngine
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    students: list[Student] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    @property
    def bought(self) -> int:
        return sum(student.bought for student in self.students)


async def run(options: argparse.Namespace) -> int:
    """Let it storm, let it be quiet, and tell what is true; 0 only if all of it is."""
    with tempfile.TemporaryDirectory(prefix="checkout-chaos-") as folder:
        async with _world(Path(folder), options) as world:
            await _storm_and_quiet(world, options)
            evidence = await _evidence(world)
            return _report(world, evidence, options)


@asynccontextmanager
async def _world(home: Path, options: argparse.Namespace) -> AsyncIterator[World]:
    random = Random(options.seed)
    telegram = Telegram(token=TOKEN, limits=options.limits)
    # Far fewer seconds than a shop's, so that all that time does happens in the run.
    gateway = Gateway(random=random, otp_ttl=40, transaction_ttl=75, callback_timeout=1.0)
    port = _free_port()
    database_url = options.database_url or f"sqlite+aiosqlite:///{home / 'checkout.db'}"
    async with serve_telegram(telegram) as api, serve_atmos(gateway) as atmos:
        settings = SETTINGS | {
            "TELEGRAM_API_URL": api,
            "ATMOS_BASE_URL": atmos,
            "WEB_PORT": str(port),
            "DATABASE_URL": database_url,
            "OFFERS_FILE": str(_offers_for_good(home)),
        }
        callback = f"http://127.0.0.1:{port}/atmos/callback"
        world = World(
            telegram=telegram,
            gateway=gateway,
            admins=telegram.group(ADMINS, "Sotuvlar", admins=[telegram.person(502, "Admin")]),
            bot=Process(settings=settings, home=home, telegram=telegram, random=random),
            weather=Weather(telegram, gateway, random, callback),
            random=random,
            engine=create_async_engine(database_url),
        )
        _people(world, options.students)
        try:
            yield world
        finally:
            await world.bot.kill()
            await world.engine.dispose()


def _people(world: World, count: int) -> None:
    """Give everybody cards of their own, and the phone that belongs to them."""
    phones: dict[str, Student] = {}
    for number in range(count):
        student = _student(world, number)
        world.students.append(student)
        month, year = student.expiry.split("/")
        phones[year + month] = student
        world.bot.secrets |= {part for card in student.wallet for part in parts(card)}

    def rings(sms: Sms) -> None:
        """Bring a code to whoever typed the card, who is known by its expiry."""
        asked = reversed(world.gateway.called("pre-apply"))
        bodies = (call.body for call in asked)
        card = next(b for b in bodies if int(b["transaction_id"]) == sms.transaction_id)
        phones[card["expiry"]].phone.append(sms.code)

    world.gateway.on_sms = rings


def _student(world: World, number: int) -> Student:
    random = world.random
    whim = random.random()
    refused = [random.choice(REFUSED).number] if random.random() < POOR else []
    years, month = divmod(number, 12)
    return Student(
        person=world.telegram.person(FIRST + number, f"Talaba {number}"),
        random=random,
        wallet=[*refused, a_card(random)],
        expiry=f"{month + 1:02}/{30 + years:02}",
        shy=whim < SHY,
        slow=SHY <= whim < SHY + SLEEPY,
    )


def a_card(random: Random) -> str:
    """Make up a sound number that no other story knows."""
    return with_check_digit(f"{random.choice((8600, 9860, 5614))}{random.randrange(10**11):011}")


async def _storm_and_quiet(world: World, options: argparse.Namespace) -> None:
    async with asyncio.TaskGroup() as group:
        storm = options.seconds
        crowd = [group.create_task(_comes(world, s, storm * COME)) for s in world.students]
        aside = [group.create_task(world.weather.blow()), group.create_task(_tells(world))]
        until = asyncio.get_running_loop().time() + storm
        await world.bot.suffer(until, options.kill_every)
        aside[0].cancel()
        await world.bot.start()
        world.quiet.set()
        try:
            async with asyncio.timeout(QUIET):
                await world.bot.is_up()
                while not await _is_over(world):  # noqa: ASYNC110  the database rings no bell
                    await asyncio.sleep(0.5)
        except TimeoutError:
            print(f"not quiet after {QUIET:.0f} s")
        for task in [*crowd, *aside]:
            task.cancel()
    await world.bot.stop()


async def _comes(world: World, student: Student, within: float) -> None:
    await asyncio.sleep(world.random.uniform(0, within))
    await student.buys(world.quiet)


async def _tells(world: World) -> None:
    while True:
        await asyncio.sleep(REPORT)
        print(f"{_seconds(world):4.0f} s: {_figures(world)}", flush=True)


async def _is_over(world: World) -> bool:
    """Tell whether everybody has bought and the bot has nothing left to do."""
    if world.bought < len(world.students):
        return False
    unknown = await _rows(world, "SELECT id FROM intents WHERE status = 'capturing'")
    return not unknown and not await _rows(world, f"{UNSENT} AND dead_at IS NULL")


UNSENT = "SELECT * FROM outbox WHERE sent_at IS NULL"


async def _rows(world: World, query: str) -> list[Row]:
    async with world.engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def _evidence(world: World) -> Evidence:
    world.bot.seek("checkout.db", "bot.log")
    return Evidence(
        gateway=world.gateway,
        admins=world.admins,
        students=[student.person for student in world.students],
        intents=await _rows(world, "SELECT * FROM intents"),
        ledger=await _rows(world, "SELECT * FROM ledger"),
        outbox=await _rows(world, UNSENT),
        typed=[message for student in world.students for message in student.typed],
        blocked=[student.person for student in world.students if not student.bought],
        leaks=world.bot.leaks,
        wrong_ends=world.bot.wrong,
        answers_lost=world.bot.ends.total() + _answers_lost(world),
    )


def _answers_lost(world: World) -> int:
    """Count the messages that Telegram may have sent without the bot hearing of it."""
    injected = world.telegram.faults.injected
    return sum(
        times
        for what, times in injected.items()
        if what.startswith(("sendMessage", "*")) and ("after acting" in what or Kind.slow in what)
    )


def _report(world: World, evidence: Evidence, options: argparse.Namespace) -> int:
    for name, side in (("Telegram", world.telegram), ("ATMOS", world.gateway)):
        kinds: Counter[str] = Counter()
        for what, times in side.faults.injected.items():
            kinds[what.partition(" ")[2]] += times
        said = ", ".join(f"{kind} {times}" for kind, times in sorted(kinds.items()))
        print(f"faults of {name}: {kinds.total()} ({said})")
    print(f"{_seconds(world):.0f} s, seed {options.seed}: {_figures(world)}")
    statuses = Counter(row["status"] for row in evidence.intents)
    print(f"orders: {', '.join(f'{name} {n}' for name, n in sorted(statuses.items()))}")
    found = dict(violations(evidence))
    for said, broken in found.items():
        print(f"{f'FAIL {len(broken)}' if broken else 'ok  '} {said}")
        for violation in broken[:SHOWN]:
            print(_told(world, evidence, violation))
    total = sum(map(len, found.values()))
    print(f"{total} violations")
    return 1 if total else 0


def _told(world: World, evidence: Evidence, violation: Violation) -> str:
    """Tell a violation with what is known of its order and its student."""
    student = violation.student or evidence.buyers.get(violation.order or "")
    lines = [f"  {violation.order or ''} {violation.said}"]
    lines += [f"    {row}" for row in evidence.intents if row["student_id"] == student]
    if student in world.telegram.people:
        lines.append(world.telegram.people[student].chat.render())
    return "\n".join(lines).replace("\n", "\n    ")


def _figures(world: World) -> str:
    ends = ", ".join(f"{times} {how}" for how, times in sorted(world.bot.ends.items()))
    charges = sum(entry.kind == "charge" for entry in world.gateway.ledger)
    return (
        f"{world.bought} of {len(world.students)} students have bought, {charges} charges, "
        f"{len(world.telegram.calls)} calls of Telegram, {len(world.gateway.calls)} of ATMOS; "
        f"{ends or 'no end yet'}"
    )


def _seconds(world: World) -> float:
    return time.monotonic() - world.began


def _offers_for_good(home: Path) -> Path:
    """Copy the sample offers with a discount that has no end: a run may go past midnight."""
    sample = (ROOT / "offers.toml").read_text("utf-8")
    path = home / "offers.toml"
    path.write_text(re.sub(r"(?m)^until = .*$", "until = 2099-12-31", sample), "utf-8")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.chaos", description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=190, help="how long it storms")
    parser.add_argument("--kill-every", type=float, default=4, help="seconds since it came up")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    # Off by default: two hundred in a hurry want more than thirty messages a second, and whoever
    # waits for long asks again, so that the flood feeds itself. The weather has 429 all the same.
    parser.add_argument("--limits", action="store_true", help="answer 429 as Telegram would")
    parser.add_argument("--database-url", help="an empty one; by default SQLite")
    return asyncio.run(run(parser.parse_args(arguments)))
