"""How long card data stays in a chat: from Telegram handing a message out to its deletion.

`make exposure` plays a hundred purchases at once, three times: against a bot that does nothing
but delete, and against the bot with an ATMOS that answers at once and one that takes two seconds.
The figures of one run stand beside each other; they say nothing across machines.
"""

import asyncio
import json
import math
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sandbox.atmos import Gateway, Sms
from sandbox.atmos.http import serve as serve_atmos
from sandbox.chaos.run import a_card
from sandbox.telegram import Answer, Message, Person, Telegram
from sandbox.telegram.http import serve as serve_telegram

STUDENTS = 100
SLOW = 2.0  # seconds that ATMOS takes
TARGET = 0.1  # seconds; or
FACTOR = 1.5  # times what the bot that only deletes takes
PATIENCE = 120.0
TOKEN = "700000001:exposure-token-of-no-bot-at-all-0000"  # noqa: S105  made up
ADMINS = -1_000_000_000_057
ROOT = Path(__file__).parent.parent
OFFERS = """
[[offers]]
slug = "protokol-57"
title = "Protokol 57"
description = "57 kun"
seller = "Protokol"
price = 1_478_000
"""


@dataclass(slots=True)
class Buyer:
    """A student with a card of their own; its expiry tells the codes of one from another's."""

    person: Person
    card: str
    expiry: str
    phone: list[str] = field(default_factory=list)
    typed: list[Message] = field(default_factory=list)

    def types(self, text: str) -> Message:
        self.typed.append(self.person.says(text))
        return self.typed[-1]


class Watched(Telegram):
    """Telegram with a watch: when each message was handed out, and when its deletion came."""

    def __init__(self) -> None:
        super().__init__(token=TOKEN)
        self.handed_out: dict[int, float] = {}
        self.deleted: dict[int, float] = {}

    async def call(self, token: str, method: str, params: dict[str, Any]) -> Answer:
        now = asyncio.get_running_loop().time
        if method == "deleteMessage":
            self.deleted.setdefault(int(params["message_id"]), now())
        answer = await super().call(token, method, params)
        if method == "getUpdates" and answer.status == 200:  # noqa: PLR2004  OK
            for update in json.loads(answer.text)["result"]:
                if "message" in update:
                    self.handed_out.setdefault(update["message"]["message_id"], now())
        return answer

    def is_polled(self) -> bool:
        return any(call.method == "getUpdates" for call in self.calls)

    def exposures(self, typed: list[Message]) -> list[float]:
        return sorted(self.deleted[one.id] - self.handed_out[one.id] for one in typed)


async def main() -> int:
    """Print the three runs; 0 only if the bot stays within its target, whatever ATMOS takes."""
    alone = await _run("a bot that only deletes", "benchmarks.deleter", latency=0)
    quick = await _run("the bot, ATMOS at once", "bot", latency=0)
    slow = await _run(f"the bot, ATMOS takes {SLOW:.0f} s", "bot", latency=SLOW)
    allowed = max(TARGET, FACTOR * _at(alone, 0.99))
    worst = max(_at(quick, 0.99), _at(slow, 0.99))
    print(f"p99 allowed: {1000 * allowed:.0f} ms, seen: {1000 * worst:.0f} ms")
    return 0 if worst <= allowed else 1


async def _run(what: str, module: str, latency: float) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="exposure-") as folder:
        telegram = Watched()
        telegram.group(ADMINS, "Sotuvlar")
        gateway = Gateway(latency={"*": latency})
        async with (
            serve_telegram(telegram) as telegram_url,
            serve_atmos(gateway) as atmos_url,
            _bot(Path(folder), module, telegram_url, atmos_url),
        ):
            await telegram.until(telegram.is_polled, PATIENCE)
            buyers = _buyers(telegram, gateway)
            await asyncio.gather(*map(_buys if module == "bot" else _types, buyers))
            said = [message for buyer in buyers for message in buyer.typed]
            await telegram.until(lambda: all(one.deleted for one in said), PATIENCE)
        found = telegram.exposures(said)
    figures = " · ".join(
        f"{name} {1000 * _at(found, share):6.1f} ms"
        for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    )
    print(f"{what:28} {len(found)} messages · {figures}", flush=True)
    return found


def _buyers(telegram: Telegram, gateway: Gateway) -> list[Buyer]:
    buyers = {}
    for number in range(STUDENTS):
        year, month = divmod(number, 12)
        card, expiry = a_card(Random(number)), f"{month + 1:02}/{30 + year}"
        person = telegram.person(1000 + number, f"Talaba {number}")
        buyers[f"{30 + year}{month + 1:02}"] = Buyer(person, card, expiry)

    def rings(sms: Sms) -> None:
        asked = (call.body for call in reversed(gateway.called("pre-apply")))
        body = next(b for b in asked if int(b["transaction_id"]) == sms.transaction_id)
        buyers[body["expiry"]].phone.append(sms.code)

    gateway.on_sms = rings
    return list(buyers.values())


async def _types(buyer: Buyer) -> None:
    """Type what is typed in a purchase, each when the one before is gone."""
    for text in (buyer.card, buyer.expiry, "123456"):
        message = buyer.types(text)
        await buyer.person.telegram.until(partial(_is_gone, message), PATIENCE)


def _is_gone(message: Message) -> bool:
    return message.deleted


async def _buys(buyer: Buyer) -> None:
    person = buyer.person
    start = person.says("/start protokol-57")
    await person.sees("Protokol 57", PATIENCE, since=start)
    tap = person.taps("pay:protokol-57")
    await person.sees("karta raqam", PATIENCE, since=tap)
    card = buyer.types(buyer.card)
    await person.sees("muddat", PATIENCE, since=card)
    expiry = buyer.types(buyer.expiry)
    await person.sees("SMS kod", PATIENCE, since=expiry)
    code = buyer.types(buyer.phone[-1])
    await person.sees("✅", PATIENCE, since=code)


def _at(found: list[float], share: float) -> float:
    """Give the smallest figure that `share` of all do not exceed."""
    return found[max(math.ceil(share * len(found)) - 1, 0)]


@asynccontextmanager
async def _bot(home: Path, module: str, telegram: str, atmos: str) -> AsyncIterator[None]:
    (home / "offers.toml").write_text(OFFERS, "utf-8")
    settings = {
        "BOT_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram,
        "ADMIN_CHAT_ID": str(ADMINS),
        "ATMOS_ENV": "sandbox",
        "ATMOS_BASE_URL": atmos,
        "ATMOS_STORE_ID": "57",
        "ATMOS_CONSUMER_KEY": "sandbox",
        "ATMOS_CONSUMER_SECRET": "sandbox",
        "DATABASE_URL": f"sqlite+aiosqlite:///{home / 'checkout.db'}",
        "OFFERS_FILE": str(home / "offers.toml"),
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": str(ROOT),
        "PATH": os.environ["PATH"],
    }
    command = ("-m", module, "run") if module == "bot" else ("-m", module)
    bot = await asyncio.create_subprocess_exec(sys.executable, *command, env=settings, cwd=home)
    try:
        yield
    finally:
        bot.send_signal(signal.SIGTERM)
        await asyncio.wait_for(bot.wait(), PATIENCE)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
