"""One seed: a world, students, a bot that dies and comes back, and the end of all that."""

import asyncio
import random as luck_of_libraries
from collections.abc import Callable
from typing import Any

from aiogram.types import Update

from tests.simulation import invariants
from tests.simulation.clock import Loop
from tests.simulation.machine import Machine
from tests.simulation.people import Boss, Student
from tests.simulation.process import End
from tests.simulation.world import World

# aiogram remembers the kind of an update by its id, and the ids are the same in all worlds.
KINDS: Any = vars(Update)["event_type"].fget
HOUR = 3600.0
DAY = 24 * HOUR
PLACES = (
    "ATMOS confirm, before",
    "ATMOS confirm, after",
    "ATMOS confirm, after",
    "ATMOS get, after",
    "ATMOS pre-apply, after",
    "ATMOS create, after",
    "database, after COMMIT",
    "Telegram editMessageText, after",
    "Telegram sendMessage, after",
)


def play(machine: Machine, seed: int, spoil: Callable[[World], object] | None = None) -> World:
    """Live through one seed, and give the world as it is afterwards, with what does not hold.

    `spoil` changes the world before that is looked at.
    """
    loop = Loop()
    luck_of_libraries.seed(seed)
    KINDS.cache_clear()
    world = World(seed, loop, machine)
    try:
        loop.run_until_complete(_story(world))
        world.end()
        if spoil:
            spoil(world)
        world.broken = invariants.broken(world)
    finally:
        _end(loop)
        world.close()
    return world


def _end(loop: Loop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(1))
    loop.close()


async def _story(world: World) -> None:
    luck = world.random("story")
    world.begin()
    students = [
        Student(world, world.telegram.person(501 + number, name), world.random(name))
        for number, name in enumerate(("Dilnoza", "Bobur")[: luck.choice((1, 1, 1, 1, 2))])
    ]
    keeper = Keeper(world)
    keeping = world.outside(keeper.keeps())
    watching = world.outside(Boss(world, world.random("boss")).watches())
    await asyncio.gather(watching, *(world.outside(student.lives()) for student in students))
    await asyncio.sleep(10 ** luck.uniform(0, 4.5))
    world.weather.is_over = True
    keeper.is_calm = True
    if luck.random() < 0.3:
        world.process.die("before the calm")
    world.process.end = None
    await _rests(world)
    if luck.random() < 0.1 and not world.gateway.adds:
        await _buys_after_all(world, students)
    keeping.cancel()


async def _rests(world: World) -> None:
    """Wait until nothing is due any more."""
    for _ in range(3000):
        await asyncio.sleep(1)
        if world.is_busy():
            continue
        waits = world.next_due()
        looked = world.gateway.adds and world.loop.time() > 2 * DAY
        if not waits or (looked and min(waits.values()) > HOUR):
            return  # a payment of another amount is asked about for a week
        await asyncio.sleep(min(waits.values()))
    world.broken.append("the bot does not come to rest")


async def _buys_after_all(world: World, students: list[Student]) -> None:
    """Have everybody who has not got it buy it, with a good card and in good weather.

    Each a day later, since whoever reached a limit was told to come back then.
    """
    for student in students:
        if world.has(student.person.id, "protokol-57"):
            continue
        await asyncio.sleep(DAY)
        world.trace(f"{student.person.first_name} buys after all")
        await student.buys("protokol-57")
        await _rests(world)
        if not world.has(student.person.id, "protokol-57"):
            world.broken.append(f"{student.person.first_name} cannot buy in good weather")


class Keeper:
    """Starts the bot again whenever it is over, as an init system does."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._luck = world.random("keeper")
        self.is_calm = False

    async def keeps(self) -> None:
        for _ in range(self._luck.choice((0, 1, 1, 2, 3, 4))):
            await self._one_run()
            if self.is_calm:
                break
            await asyncio.sleep(self._luck.choice((0.5, 2.0, 30.0, 200.0, 1000.0)))
            self._world.offers = self._luck.choice(self._world.machine.shops)
            if self.is_calm:
                break
        while True:
            process = self._world.starts(None)
            await asyncio.wait([process.over])
            await asyncio.sleep(2)

    def _end(self, how: str) -> End | None:
        if how == "point":
            return End("", self._luck.randint(2, 300))
        if how == "place":
            return End(self._luck.choice(PLACES), self._luck.choice((1, 1, 2, 4)))
        return None

    async def _one_run(self) -> None:
        """Run the bot until it dies at one of its points or at a moment, or is stopped."""
        how = self._luck.choice(("point", "point", "place", "place", "place", "moment", "stop"))
        process = self._world.starts(self._end(how))
        if how in ("moment", "stop"):
            await asyncio.wait([process.over], timeout=10 ** self._luck.uniform(0.5, 4.0))
            if how == "stop" and not process.over.done():
                self._world.tally["death or stop"]["stopped in order"] += 1
                await process.stop()
            elif not self.is_calm:
                process.die("at a moment")
        await asyncio.wait([process.over])
