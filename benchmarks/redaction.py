"""Time the redaction of log lines beside plain work: `python -m benchmarks.redaction`.

The plain work is always the same, about as long, and done in turn with the line: where that is
over the target too, it was the machine. A line over the target is timed twice more, and fails if
it is over it each time.
"""

import statistics
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from bot.redact import redact_event

TARGET = 200  # µs a line
ROUNDS = 1_000
SECRETS = ("700000001:AAtest-token-of-no-bot-at-all-0000000", "secret-of-the-shop")
LINE: dict[str, Any] = {
    "timestamp": "2026-11-24T10:04:00.123456Z",
    "level": "info",
    "logger": "bot",
}


def long_traceback() -> str:
    """Make a traceback of forty calls, of two functions in turn, which Python does not fold."""

    def fails(depth: int) -> None:
        if depth == 0:
            raise ConnectionError("https://api.telegram.org/bot700000001:AAtest/sendMessage: 111")
        further(depth - 1)

    def further(depth: int) -> None:
        fails(depth)

    try:
        fails(32)
    except ConnectionError:
        return traceback.format_exc()
    raise AssertionError


def lines() -> dict[str, dict[str, Any]]:
    trace = long_traceback()
    card = "8600 9900 0000 0009"
    events: dict[str, dict[str, Any]] = {
        "a line of ours": {"event": "no_evidence", "intent": 249100032, "error": "HTTP 502"},
        "a request": {
            "event": 'HTTP Request: POST https://a.uz/merchant/pay/get "HTTP/1.1 200 OK"'
        },
        "an answer": {
            "event": "answered",
            "body": {"result": {"code": "OK", "description": "Нет ошибок"}, "otp": "111111"},
        },
        "a line with a card": {"event": f"card {card}, expiry=2712, otp=111111"},
        "an Uzbek sentence": {
            "event": "Karta raqami notoʻgʻri. Kartadagi 16 ta raqamni yuboring."
        },
        f"a traceback, {len(trace):,}": {"event": "update_failed", "exception": trace},
        "and a card in it": {"event": "update_failed", "exception": f"{trace}\n{card}"},
        "10 kB of digits": {"event": "86 " * 3_300},
        "10 kB of groups": {"event": "8600 " * 2_000},
        "10 kB of blanks": {"event": "8" + " " * 10_000 + "8"},
        "10 kB of colons": {"event": "1: " * 3_300},
        "10 kB of addresses": {"event": "://a:b@c " * 1_400},
        "10 kB of names": {"event": "otp=' " * 1_600},
        "10 kB of escapes": {"event": r"\u0668 " * 1_400},
        "10 kB of Arabic": {"event": "٨ " * 5_000},
        "10 kB of backslashes": {"event": "\\ " * 5_000},
        "1 MB of digits": {"event": "8" * 1_000_000},
    }
    return {name: LINE | event for name, event in (events | hostile_lines()).items()}


def hostile_lines() -> dict[str, dict[str, Any]]:
    """Make what a search for the slowest lines has found."""
    deep: dict[str, Any] = {}
    for _ in range(10_000):
        deep = {"otp": deep}
    texts = {
        "names with values": "card_number=a ",
        "names of names": "otp=pwd=cvv=secret=token=",
        "quotes in quotes": """otp='pwd="cvv='secret=" """,
        "escaped quotes": r"otp=\'aaaa ",
        "words with a name": "encode ",
        "credentials": "Bearer abc ",
        "phones": "+998 90 123 45 67 ",
        "short numbers": "123456789012a",
        "quoted input": "input_value=a\n",
        "broken lines": r"\n",
        "bytes": r"\xd9\xa8 ",
        "addresses, escaped": "%D9%A8%3A",
        "addresses in one": "@://",
        "a mix": r"1: \u0668 ٨ %38 otp=' ://a:b@c 998 ",
    }
    whole = {f"of {name}": {"event": text * (6_000 // len(text))} for name, text in texts.items()}
    return whole | {
        "50 keys of names": {f"k{n}": "card_number=a " * 430 for n in range(50)},
        "50 keys of escapes": {f"k{n}": r"\u0668 " * 860 for n in range(50)},
        "50 keys of a mix": {f"k{n}": texts["a mix"] * 150 for n in range(50)},
        "a deep dict": {"event": "said", "body": deep},
        "a long list": {"event": "said", "body": ["otp"] * 100_000},
        "a long key": {"otp=" * 2_500: "said"},
        "many small values": {f"k{n}": {"otp": ["a"] * 9} for n in range(50)},
    }


def timed(*acts: Callable[[], object]) -> list[list[float]]:
    """Give the sorted times of each act, in µs of this thread; they are done in turn."""
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(ROUNDS):
        for act, its in zip(acts, times, strict=True):
            start = time.thread_time_ns()
            act()
            its.append((time.thread_time_ns() - start) / 1000)
    return [sorted(its) for its in times]


def plain_work() -> int:
    return sum(range(5_000))


def p99(times: list[float]) -> float:
    return times[int(len(times) * 0.99)]


def figures(times: list[float]) -> str:
    over = sum(it > TARGET for it in times)
    return f"{statistics.median(times):8.1f} {p99(times):8.1f} {times[-1]:8.1f} {over:4}"


def main() -> None:
    clean = redact_event(SECRETS)
    print(f"µs of CPU a line, {ROUNDS:,} of each; 99 of 100 have to be below {TARGET}\n")
    print(f"{'':24} {'redacted':>31} {'plain work beside it':>31}")
    print(f"{'':24} " + " ".join([f"     p50      p99      max >{TARGET}"] * 2))
    slow = []
    for name, line in lines().items():
        for _ in range(3):
            both = timed(partial(clean, None, "info", line), plain_work)
            print(f"{name:24} " + " ".join(map(figures, both)))
            if p99(both[0]) <= TARGET:
                break
        else:
            slow.append(name)
    if slow:
        raise SystemExit(f"\nslower than {TARGET} µs: {', '.join(slow)}")


if __name__ == "__main__":
    main()
