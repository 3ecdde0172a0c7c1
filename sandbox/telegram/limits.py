"""How fast a bot may talk before Telegram tells it to wait."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.telegram.answer import Refusal

COUNTED = frozenset({"sendMessage", "editMessageText", "editMessageReplyMarkup"})


@dataclass(slots=True)
class Window:
    """At most `count` messages in any `seconds`."""

    count: int
    seconds: float
    sent: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        while self.sent and self.sent[0] <= now - self.seconds:
            self.sent.popleft()
        return self.sent[0] + self.seconds - now if len(self.sent) >= self.count else 0.0


class Limits:
    """The published limits: a short burst a chat, 20 a minute a group, 30 a second in all."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._overall = Window(30, 1.0)
        self._chats: dict[int, Window] = {}

    def spend(self, method: str, chat_id: int) -> None:
        if method not in COUNTED:
            return
        now = self._now()
        windows = (self._overall, self._chat(chat_id))
        if wait := max(window.wait(now) for window in windows):
            seconds = math.ceil(wait)
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for window in windows:
            window.sent.append(now)

    def _chat(self, chat_id: int) -> Window:
        if chat_id not in self._chats:
            # How long a burst may be is not published; five are never refused in practice.
            self._chats[chat_id] = Window(20, 60.0) if chat_id < 0 else Window(5, 5.0)
        return self._chats[chat_id]
