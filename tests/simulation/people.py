"""Students: they read the chat and their phone, and do what people do."""

import asyncio
from collections.abc import Callable
from random import Random

from sandbox.telegram import Message, Person
from tests.simulation.world import World

GOOD = "8600990000000009"
CARDS = (
    *[GOOD] * 20,
    "9860990000000002",
    "5555990000000000",
    "8600990000000017",
    "8600990000000090",
    "8600990000000678",
    "8600990000009000",
    "8600990000009026",
    "8600990000009554",
    "8600991000001120",
    "8600991000001120",
    "8600991000009032",
    "8600991000009560",
    "8600991000000015",
    "8600991000000015",
    "8600992000000013",
    "8600992000000013",
)
EXPIRY = "12/49"
SLUGS = ("protokol-57", "protokol-57", "protokol-57", "kitob")
NOTE = "⏳"


class Student:
    """One person with a phone and some patience."""

    def __init__(self, world: World, person: Person, random: Random) -> None:
        self.world = world
        self.person = person
        self._random = random
        self._slug = random.choice(SLUGS)
        self._cards = CARDS
        self._oddity = random.choice((0.0, 0.1, 0.1, 0.3))
        self._contentment = random.choice((-3, 6, 6))  # how much patience a purchase ends
        self._paces = random.choice(((1.0, 2.0, 4.0), (4.0, 8.0, 20.0), (2.0, 15.0, 40.0, 100.0)))

    async def lives(self) -> None:
        """Try to buy, on and off, until patience is over."""
        await asyncio.sleep(self._random.uniform(0, 30))
        self._starts()
        patience = self._random.randint(3, 8)
        seen = 0
        for _ in range(40):
            await asyncio.sleep(self._random.choice(self._paces))
            newest = self._newest()
            if newest is not None and newest.touched == seen and self._random.random() < 0.8:
                continue  # no answer yet
            seen = newest.touched if newest else 0
            patience -= 1
            if patience < 0:
                break
            if self._random.random() < self._oddity:
                self._odd()
            elif self._has_bought():
                patience -= self._contentment
                self._finds_more()
            else:
                self._sensible()

    async def buys(self, slug: str) -> None:
        """Buy it with a good card, as the bot leads."""
        self._slug, self._cards = slug, (GOOD,)
        await asyncio.sleep(60)
        self._starts()
        for _ in range(12):
            await asyncio.sleep(20)
            if self._has_bought():
                return
            self._sensible()

    def _starts(self) -> None:
        self.says(f"/start {self._slug}")

    def _has_bought(self) -> bool:
        newest = self._newest()
        return newest is not None and newest.text.startswith("✅")

    def says(self, text: str) -> None:
        self.world.trace(f"{self.person.first_name} says {text!r}")
        self.person.says(text)

    def _sensible(self) -> None:
        """Do what the newest message asks for."""
        newest = self._newest()
        if newest is None:
            self._starts()
        elif newest.text.startswith(NOTE):
            self._waits(newest)
        elif "12/27" in newest.text and "1/3" not in newest.text:
            self.says(EXPIRY)
        elif "karta raqam" in newest.text.lower():
            self._names_card()
        elif "SMS kod" in newest.text and "pay:" not in str(newest.markup):
            self._types_code()
        else:
            self._taps(newest, "pay:")

    def _waits(self, newest: Message) -> None:
        """Be patient; with a note that has stood for minutes, start again."""
        if self.world.loop.epoch() - newest.date > self._random.choice((60, 300)):
            self._starts()

    def _finds_more(self) -> None:
        self._slug = self._random.choice(SLUGS)
        self._starts()

    def _names_card(self) -> None:
        card = self._random.choice(self._cards)
        beside = self._random.random() < 0.5
        self.says(f"{card} {EXPIRY}" if beside else card)

    def _types_code(self) -> None:
        code = self._code()
        throw = self._random.random() if len(self._cards) > 1 else 1.0
        if code is None:
            return
        if throw < 0.12:
            self.says(f"{(int(code) + 1) % 10**6:06}")
        elif throw < 0.2:
            for _ in range(5):
                self.says(code)
        else:
            self.says(code)

    def _code(self) -> str | None:
        """Read the newest message of the bank on the phone."""
        mine = "SELECT transaction_id FROM intents WHERE student_id = ?"
        known = {number for (number,) in self.world.rows(mine, self.person.id)}
        sms = reversed(self.world.gateway.sms)
        return next((one.code for one in sms if one.transaction_id in known), None)

    def _odd(self) -> None:
        odd: tuple[Callable[[], object], ...] = (
            lambda: self.says("/cancel"),
            self._finds_more,
            lambda: self.says("salom"),
            lambda: self.says("123456"),
            lambda: self.person.sends("photo"),
            self._taps_anything,
            self._taps_anything,
            self._taps_twice,
            self._names_card,
            self._types_code,
            self._edits,
        )
        self._random.choice(odd)()

    def _edits(self) -> None:
        mine = [one for one in self.person.chat.messages if not one.from_bot]
        if mine:
            self.world.trace(f"{self.person.first_name} edits")
            self.person.edits(mine[-1], f"{GOOD} {EXPIRY}")

    def _taps_anything(self) -> None:
        shown = [one for one in self.person.chat.from_bot if _buttons(one)]
        if shown:
            self._tap(
                message := self._random.choice(shown), self._random.choice(_buttons(message))
            )

    def _taps_twice(self) -> None:
        newest = self._newest()
        if newest is not None and _buttons(newest):
            button = self._random.choice(_buttons(newest))
            self._tap(newest, button)
            self._tap(newest, button)

    def _taps(self, message: Message, begins: str) -> None:
        button = next((one for one in _buttons(message) if one.startswith(begins)), None)
        if button is not None:
            self._tap(message, button)
        elif self._random.random() < 0.5:
            self._starts()

    def _tap(self, message: Message, button: str) -> None:
        self.world.trace(f"{self.person.first_name} taps {button}")
        self.world.telegram.tap(self.person, message, button)

    def _newest(self) -> Message | None:
        return max(self.person.chat.from_bot, key=lambda one: one.touched, default=None)


class Boss:
    """An administrator, who looks at payments, gives money back, and settles what is unknown."""

    def __init__(self, world: World, random: Random) -> None:
        self._world = world
        self._random = random

    async def watches(self) -> None:
        for _ in range(self._random.choice((0, 0, 2, 6))):
            await asyncio.sleep(10 ** self._random.uniform(1.0, 3.5))
            orders = [order for (order,) in self._world.rows("SELECT id FROM intents")]
            if orders:
                await self._looks_at(self._random.choice(orders))

    async def _looks_at(self, order: int) -> None:
        """Ask for an order and press the button under it, perhaps twice."""
        self._world.trace(f"the boss looks at {order}")
        self._world.boss.says(
            f"/{self._random.choice(('order', 'settle'))} {order}", self._world.admins
        )
        await asyncio.sleep(self._random.choice((5.0, 40.0)))
        shown = [one for one in self._world.admins.from_bot if _buttons(one)]
        for _ in range(self._random.choice((1, 1, 2)) if shown else 0):
            button = self._random.choice(_buttons(shown[-1]))
            self._world.trace(f"the boss presses {button}")
            self._world.telegram.tap(self._world.boss, shown[-1], button)


def _buttons(message: Message) -> list[str]:
    return [
        button["callback_data"]
        for row in message.rows
        for button in row
        if "callback_data" in button and not button["callback_data"].startswith("language")
    ]
