"""What goes wrong at the gateway and at Telegram while the students buy."""

import asyncio
from random import Random

from sandbox.atmos import Gateway
from sandbox.faults import Fault, Faults, Kind
from sandbox.telegram import Telegram

PAUSE = 0.25  # seconds between two looks at the sky
MOST = 5  # faults waiting at one side: what gathers while the bot is down is no storm of its own
OF_TELEGRAM = (
    *("sendMessage",) * 5,
    *("editMessageText",) * 3,
    *("deleteMessage",) * 3,
    *("getUpdates",) * 2,
    *("answerCallbackQuery", "editMessageReplyMarkup", "sendChatAction", "*"),
)
OF_ATMOS = (
    *("confirm",) * 6,
    *("get",) * 3,
    *("pre-apply",) * 2,
    *("create", "retry-otp", "token", "*"),
)
# Telegram says 401 of a token that was revoked, and never of one call among others.
KINDS_OF_TELEGRAM = tuple(kind for kind in Kind if kind is not Kind.unauthorized)
SLOW_TELEGRAM = (0.3, 1.0, 3.0, 16.0)  # the bot waits for 15
SLOW_ATMOS = (0.5, 1.5, 2.5, 6.0)  # the bot waits for 2 when it charges
BEFORE_A_CHARGE = (0.0, 0.2, 0.8, 1.5)  # ATMOS acts within the time the bot gives it
OUTAGE = (2.0, 5.0)
GONE = (Kind.refuse, Kind.drop, Kind.bad_gateway)


class Weather:
    """Random by a seed: the same people and faults, though never twice the same in time."""

    def __init__(
        self, telegram: Telegram, gateway: Gateway, random: Random, callback_url: str
    ) -> None:
        self._telegram = telegram
        self._gateway = gateway
        self._random = random
        self._callback_url = callback_url

    async def blow(self) -> None:
        """Let things go wrong until cancelled; then nothing does any more."""
        try:
            while True:
                await asyncio.sleep(PAUSE)
                await self._gust()
        finally:
            self._calm()

    async def _gust(self) -> None:
        if self._happens(0.5):
            self._throw(self._telegram.faults, self._of_telegram())
        if self._happens(0.25):
            self._throw(self._gateway.faults, self._of_atmos())
        if self._happens(0.05):
            self._turn()
        if self._happens(0.01):
            await self._outage(self._gateway.faults, self._random.choice(("get", "token")))
        if self._happens(0.005):
            await self._outage(self._telegram.faults, "*")

    def _throw(self, faults: Faults, fault: Fault) -> None:
        if len(faults.waiting) < MOST:
            faults.add(fault)

    def _of_telegram(self) -> Fault:
        kind = self._random.choice(KINDS_OF_TELEGRAM)
        return self._fault(self._random.choice(OF_TELEGRAM), kind, SLOW_TELEGRAM)

    def _of_atmos(self) -> Fault:
        return self._fault(
            self._random.choice(OF_ATMOS), self._random.choice(list(Kind)), SLOW_ATMOS
        )

    def _fault(self, operation: str, kind: Kind, slow: tuple[float, ...]) -> Fault:
        seconds = {Kind.slow: self._random.choice(slow), Kind.too_many: 1.0}.get(kind, 0.0)
        return Fault(operation, kind, acts=self._happens(0.5), seconds=seconds)

    def _turn(self) -> None:
        """Change how fast the world is, and whether ATMOS asks back before it charges."""
        self._gateway.latency["confirm"] = self._random.choice(BEFORE_A_CHARGE)
        self._gateway.callback_url = self._random.choice((None, self._callback_url))
        self._telegram.latency["*"] = self._random.choice((0.0, 0.02, 0.1))
        if self._happens(0.3):
            self._gateway.expire_tokens()

    async def _outage(self, faults: Faults, operation: str) -> None:
        """Let one operation be away for some seconds."""
        away = Fault(operation, self._random.choice(GONE), times=None)
        faults.waiting.insert(0, away)
        await asyncio.sleep(self._random.uniform(*OUTAGE))
        faults.waiting.remove(away)

    def _calm(self) -> None:
        for side in (self._telegram, self._gateway):
            side.faults.clear()
            side.latency.clear()
        self._gateway.callback_url = self._callback_url

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance
