"""How long things are waited for; the settings say it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Times:
    checkout: timedelta  # a student's silence
    code: timedelta
    resend: timedelta
    confirm: timedelta  # one call to capture
    reverse: timedelta  # one call to give back
    checks: tuple[timedelta, ...]  # since ATMOS was asked to move money; the last one repeats

    def asked(self, now: datetime, lasts: timedelta) -> dict[str, Any]:
        """Give what is stored before a call to move money, which lasts `lasts` at the most.

        A call that arrived at its end may act as long again.
        """
        return {"acts_until": now + 2 * lasts, "check_at": now + self.checks[0], "checks": 0}

    def until_check(self, number: int) -> timedelta:
        """Give the time from the check before to check `number`, the first being 0."""
        steps = (timedelta(), *self.checks)
        return steps[number + 1] - steps[number] if number < len(self.checks) else steps[-1]
