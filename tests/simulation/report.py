"""Many seeds together: what was injected, what was survived, and what was not."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from tests.simulation.machine import simulated
from tests.simulation.run import play
from tests.simulation.world import World

CHUNK = 25  # seeds a worker takes at a time


@dataclass(slots=True)
class Report:
    """The sum of the seeds that were played."""

    seeds: int = 0
    injected: dict[str, Counter[str]] = field(default_factory=dict)
    struck: dict[str, Counter[str]] = field(default_factory=dict)  # seeds in which it was
    failed: dict[int, list[str]] = field(default_factory=dict)

    def take(self, world: World) -> None:
        self.seeds += 1
        if world.broken:
            self.failed[world.seed] = world.broken
        for name, counts in world.tally.items():
            self.injected.setdefault(name, Counter()).update(+counts)
            self.struck.setdefault(name, Counter()).update((+counts).keys())

    def add(self, other: "Report") -> None:
        self.seeds += other.seeds
        self.failed |= other.failed
        for name in other.injected:
            self.injected.setdefault(name, Counter()).update(other.injected[name])
            self.struck.setdefault(name, Counter()).update(other.struck[name])

    def table(self) -> str:
        """Lay it out, a block for each kind of thing."""
        return "\n".join(line for name in self.injected for line in self._block(name))

    def failures(self) -> str:
        """Tell of each seed that failed what it broke, and how to see it again."""
        return "\n".join(
            f"seed {seed}: {what}\n    .venv/bin/python -m tests.simulation --seed {seed}"
            for seed, broken in sorted(self.failed.items())
            for what in broken
        )

    def _block(self, name: str) -> Iterator[str]:
        yield f"\n{name:<48}{'times':>9}{'seeds':>9}"
        struck = self.struck[name]
        for what, count in sorted(self.injected[name].items()):
            yield f"  {what:<46}{count:>9}{struck[what]:>9}"


def replay(seed: int) -> World:
    with simulated() as machine:
        return play(machine, seed)


def report(seeds: Iterable[int], jobs: int) -> Iterator[Report]:
    """Play the seeds, some at a time, and give the sum so far after each handful."""
    waiting = iter(seeds)
    handfuls = iter(lambda: list(islice(waiting, CHUNK)), [])
    total = Report()
    if jobs == 1:
        for handful in handfuls:
            total.add(_played(handful))
            yield total
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as workers:
        for done in as_completed([workers.submit(_played, handful) for handful in handfuls]):
            total.add(done.result())
            yield total


def _played(seeds: list[int]) -> Report:
    played = Report()
    with simulated() as machine:
        for seed in seeds:
            played.take(play(machine, seed))
    return played
