"""Ways a call to a stand-in can go wrong, the same for the gateway and for Telegram."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    refuse = "refuse"  # the connection is never accepted; nothing is done
    drop = "drop"  # the connection is cut instead of an answer
    slow = "slow"  # the true answer, `seconds` late
    unauthorized = "unauthorized"  # HTTP 401 from the gateway in front; nothing is done
    bad_gateway = "bad-gateway"  # HTTP 502 with an HTML page
    server_error = "server-error"  # HTTP 500
    garbage = "garbage"  # HTTP 200 whose body is not what it says it is
    too_many = "too-many"  # HTTP 429, to be asked again in `seconds`; nothing is done


class Refused(Exception):
    """The connection was not accepted."""


class Dropped(Exception):
    """The connection was cut before an answer."""


@dataclass(slots=True)
class Fault:
    """One thing that will go wrong.

    `acts` says whether the work is done before the answer goes wrong: with it, `drop` is the
    nasty case in which the card was charged and nobody was told.
    """

    operation: str  # "confirm", "sendMessage", … or "*" for all
    kind: Kind
    acts: bool = False
    seconds: float = 0.0
    times: int | None = 1  # None: until cleared


@dataclass(slots=True)
class Faults:
    """What is waiting to go wrong, and how often something did."""

    waiting: list[Fault] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)

    def add(self, fault: Fault) -> None:
        self.waiting.append(fault)

    def clear(self) -> None:
        self.waiting.clear()

    def take(self, operation: str) -> Fault | None:
        """Give the first fault waiting for `operation` and use it up once."""
        for fault in self.waiting:
            if fault.operation in (operation, "*"):
                self._use(fault)
                self.injected[f"{operation} {fault.kind}{' after acting' * fault.acts}"] += 1
                return fault
        return None

    def _use(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.waiting.remove(fault)

    def view(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self.waiting]
