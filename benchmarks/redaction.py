"""Time the redaction of log lines beside the rendering alone: `python -m benchmarks.redaction`."""

import statistics
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from structlog.processors import JSONRenderer

from bot.redact import redact_event

TARGET = 200  # µs a line
ROUNDS = 2_000
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
    return {name: LINE | event for name, event in events.items()}


def timed(line: Mapping[str, Any], act: Callable[[dict[str, Any]], object]) -> list[float]:
    """Give the sorted times of many calls, in µs of this thread."""
    times = []
    for _ in range(ROUNDS):
        event = dict(line)
        start = time.thread_time_ns()
        act(event)
        times.append((time.thread_time_ns() - start) / 1000)
    return sorted(times)


def main() -> None:
    clean, render = redact_event(SECRETS), JSONRenderer(ensure_ascii=False)
    print(f"µs of CPU a line, {ROUNDS:,} of each; the target is {TARGET}\n")
    print(f"{'':24} {'redacted':>26} {'rendered alone':>26}")
    print(f"{'':24} " + " ".join(["     p50      p99      max"] * 2))
    for name, line in lines().items():
        columns = []
        for act in (
            lambda event: clean(None, "info", event),
            lambda event: render(None, "", event),
        ):
            times = timed(line, act)
            columns += [statistics.median(times), times[int(len(times) * 0.99)], times[-1]]
        print(f"{name:24} " + " ".join(f"{each:8.1f}" for each in columns))


if __name__ == "__main__":
    main()
