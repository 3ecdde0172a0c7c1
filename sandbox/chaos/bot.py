"""The bot as a process that is killed again and again, and started again at once."""

import asyncio
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sandbox.telegram import Telegram

ROOT = Path(__file__).parents[2]
COMES_UP = 60.0  # seconds, on a machine that does much else
LAST_WORDS = 40.0  # seconds after SIGTERM: running captures end, and what is promised is said
POLITELY = 0.2  # of all ends are a SIGTERM
TOO_SOON = 0.1  # of all ends come before the bot has come up
START = 4.0  # seconds a start takes, about


@dataclass(kw_only=True)
class Process:
    """One bot at a time, on one database."""

    settings: dict[str, str]
    home: Path
    telegram: Telegram
    random: Random
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # ends that nobody asked for
    leaks: set[str] = field(default_factory=set)
    secrets: set[bytes] = field(default_factory=set)
    _running: asyncio.subprocess.Process | None = None

    async def suffer(self, until: float, every: float) -> None:
        """Start it and end it until the loop's clock says `until`."""
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            await self.start()
            if self.random.random() < TOO_SOON:
                await asyncio.sleep(self.random.uniform(0, START))
                await self.kill()
                continue
            await self.is_up()
            await asyncio.sleep(every * self.random.uniform(0.5, 1.5))
            await (self.stop() if self.random.random() < POLITELY else self.kill())

    async def start(self) -> None:
        with (self.home / "bot.log").open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run"),
                env=self.settings | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
                cwd=self.home,
                stdout=log,
                stderr=log,
            )

    async def is_up(self) -> None:
        """Wait until it asks for updates, which it does last; or until it has ended."""
        before = self._polls()
        async with asyncio.timeout(COMES_UP):
            while self._lives() and self._polls() == before:  # noqa: ASYNC110  it may end too
                await asyncio.sleep(0.1)

    async def kill(self) -> None:
        if self._lives() and self._running:
            self._running.kill()
            await self._running.wait()
            self.ends["kill -9"] += 1
        self._look()

    async def stop(self) -> None:
        """Ask it to end, which it does with 0 when all that runs has ended."""
        if self._lives() and self._running:
            self._running.send_signal(signal.SIGTERM)
            self.ends["SIGTERM"] += 1
            try:
                await asyncio.wait_for(self._running.wait(), LAST_WORDS)
            except TimeoutError:
                self.wrong.append(f"ran on for {LAST_WORDS:.0f} s after SIGTERM")
                await self.kill()
                return
            if self._running.returncode:
                self.wrong.append(f"ended with {self._running.returncode} after SIGTERM")
        self._look()

    def seek(self, *files: str) -> None:
        """Note which files hold ten digits of a card in a row."""
        for path in self.home.glob("*"):
            if path.name.startswith(files) and _holds(path.read_bytes(), self.secrets):
                self.leaks.add(path.name)

    def _look(self) -> None:
        """Look at what an end left behind: the WAL is gone after the next start."""
        process, self._running = self._running, None
        if process and process.returncode not in (0, -signal.SIGKILL):
            self.wrong.append(f"ended by itself with {process.returncode}")
        self.seek("checkout.db")

    def _lives(self) -> bool:
        return self._running is not None and self._running.returncode is None

    def _polls(self) -> int:
        return sum(call.method == "getUpdates" for call in self.telegram.calls)


def parts(card: str) -> set[bytes]:
    """Give every ten digits in a row of a card number."""
    return {card[start : start + 10].encode() for start in range(len(card) - 9)}


def _holds(content: bytes, secrets: set[bytes]) -> bool:
    return any(secret in content for secret in secrets)
