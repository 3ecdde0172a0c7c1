"""Play many seeds, or one again: `python -m tests.simulation --seeds 100000`, `… --seed 7`."""

import argparse
import os
import sys
import time

from tests.simulation.report import Report, replay, report


def main() -> int:
    asked = _asked()
    return _one(asked.seed) if asked.seed is not None else _many(asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="play this one only, and tell what happened")
    return parser.parse_args()


def _one(seed: int) -> int:
    world = replay(seed)
    print("\n".join(world.lines))
    for chat in world.telegram.chats.values():
        print(f"\n--- chat {chat.id}\n{chat.render()}")
    print(f"\nseed {seed}:", *(world.broken or ["everything holds"]), sep="\n    ")
    return bool(world.broken)


def _many(asked: argparse.Namespace) -> int:
    began, total = time.monotonic(), Report()
    seeds = range(asked.first, asked.first + asked.seeds)
    for total in report(seeds, asked.jobs):
        if sys.stderr.isatty():
            print(f"\r{total.seeds} of {asked.seeds}", end="", file=sys.stderr)
    took = time.monotonic() - began
    print(total.table())
    print(f"\n{total.seeds} seeds in {took:.1f} s, {total.seeds / took:.0f} a second")
    print(total.failures() or "everything holds")
    return bool(total.failed)


if __name__ == "__main__":
    sys.exit(main())
