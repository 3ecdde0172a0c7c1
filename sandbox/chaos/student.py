"""A student who wants one course and does what the newest message of the bot says."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from sandbox.telegram import Message, Person

SLUG = "protokol-57"
PAY = f"pay:{SLUG}"
BOUGHT = ("✅", "allaqachon sotib olgansiz")
WAIT = ("⏳", "tekshirilmoqda")
PATIENCE = (4.0, 8.0)  # seconds without a word from the bot
BUSY = 14.0  # the same, when the bot has asked to wait
THINKS = (0.5, 3.0)  # seconds between reading and acting
HURRIES = 0.2  # how often one taps twice or sends a code three times
ERRS = 0.15  # how often one mistypes


@dataclass(kw_only=True)
class Student:
    person: Person
    random: Random
    wallet: list[str]  # the cards, in the order they are tried; the last one is good
    expiry: str  # MM/YY, of every card in the wallet
    shy: bool = False  # gives up at the code, and comes back when all is quiet
    slow: bool = False  # falls asleep over the code, and comes back when all is quiet
    phone: list[str] = field(default_factory=list)  # the codes that came by SMS
    typed: list[Message] = field(default_factory=list)  # what has to vanish
    bought: bool = False
    _seen: int = -1
    _bored: int = 0

    async def buys(self, quiet: asyncio.Event) -> None:
        """Go on until it is bought, however the bot takes it."""
        self._starts()
        while not self.bought:
            message = await self._news()
            await asyncio.sleep(self.random.uniform(*THINKS))
            if message is None:
                self._again()
            elif self._reads(message) and (self.shy or self.slow):
                await self._leaves(quiet)

    async def _news(self) -> Message | None:
        """Wait for something new from the bot; None where nothing comes."""
        patience = self.random.uniform(*PATIENCE) * (1 + self._bored)
        newest = self._newest()
        if newest and _says(newest, WAIT):
            patience = BUSY
        try:
            message = await self.person.chat.bell.until(self._unseen, patience)
        except TimeoutError:
            self._bored += 1
            return None
        self._bored = 0
        return message

    def _newest(self) -> Message | None:
        """Give what the bot has sent or edited last."""
        said = self.person.chat.from_bot
        return max(said, key=lambda message: message.touched, default=None)

    def _unseen(self) -> Message | None:
        newest = self._newest()
        return newest if newest and newest.touched > self._seen else None

    def _again(self) -> None:
        """Repeat the step, or start again."""
        newest = self._newest()
        if newest is None or _says(newest, WAIT) or self._bored > 1:
            self._starts()
        else:
            self._acts(newest)

    def _reads(self, message: Message) -> bool:
        """Act on a message; True where it asked for the code."""
        message = self._newest() or message
        self._seen = message.touched
        return self._acts(message)

    def _acts(self, message: Message) -> bool:
        if _says(message, BOUGHT):
            self.bought = True
        elif not _says(message, WAIT):
            step = self._step(message)
            step(message)
            return step == self._sends_code
        return False

    def _step(self, message: Message) -> Callable[[Message], None]:
        text = message.text.casefold()
        if _button(message, "pay:"):
            return self._pays
        if "faqat bot" in text:  # a card that nobody asked for
            return self._sends_code if "sms kod" in text else self._starts
        if "oo/yy" in text:
            return self._sends_expiry
        if "karta raqam" in text or "16 ta raqam" in text:
            return self._sends_card
        if "sms kod" in text and "yuboring" in text:
            return self._sends_code
        return self._starts

    def _starts(self, _message: Message | None = None) -> None:
        self.person.says(f"/start {SLUG}")

    def _pays(self, message: Message) -> None:
        if _button(message, "resend:") and self._happens(0.5):
            self._taps(message, "resend:")
            return
        for _ in range(1 + self._happens(HURRIES)):
            self._taps(message, "pay:")

    def _sends_card(self, _message: Message) -> None:
        card = self.wallet.pop(0) if len(self.wallet) > 1 else self.wallet[0]
        beside = f" {self.expiry}" if self._happens(HURRIES) else ""
        self._types(card + beside)

    def _sends_expiry(self, _message: Message) -> None:
        self._types(self.expiry)

    def _sends_code(self, message: Message) -> None:
        if self.shy or self.slow:
            if self.shy:
                self.person.says("/cancel")
        elif not self.phone or (_button(message, "resend:") and self._happens(HURRIES)):
            self._taps(message, "resend:")
        elif self._happens(ERRS):
            self._types(f"{(int(self.phone[-1]) + 1) % 1_000_000:06}")
        else:
            for _ in range(3 if self._happens(HURRIES) else 1):
                self._types(self.phone[-1])

    async def _leaves(self, quiet: asyncio.Event) -> None:
        await quiet.wait()
        self.shy = self.slow = False
        await asyncio.sleep(self.random.uniform(*THINKS))
        self._seen = self.person.telegram.next_moment()  # nobody goes on where it was given up
        self._starts()

    def _types(self, text: str) -> None:
        self.typed.append(self.person.says(text))

    def _taps(self, message: Message, button: str) -> None:
        if data := _button(message, button):
            self.person.taps(data, message)

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance


def _says(message: Message, parts: tuple[str, ...]) -> bool:
    return any(part in message.text for part in parts)


def _button(message: Message, begins: str) -> str | None:
    found = (button.get("callback_data", "") for row in message.rows for button in row)
    return next((data for data in found if data.startswith(begins)), None)
