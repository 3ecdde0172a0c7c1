"""A payment intent: one student's wish to pay one amount for one offer, and how it may move."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

Tiyin = NewType("Tiyin", int)  # 1/100 soʻm, the only type for money


class Status(StrEnum):
    created = "created"
    challenged = "challenged"  # the card is named and its holder was sent a code
    capturing = "capturing"  # ATMOS was asked to charge; left here, the outcome is unknown
    captured = "captured"
    reversing = "reversing"  # ATMOS was asked to give the money back
    reversed = "reversed"
    failed = "failed"
    expired = "expired"
    cancelled = "cancelled"


OPEN = frozenset({Status.created, Status.challenged, Status.capturing})
ABANDONED = frozenset({Status.failed, Status.expired, Status.cancelled})
WAITING_FOR_STUDENT = OPEN - {Status.capturing}
PENDING = frozenset({Status.capturing, Status.reversing})  # ATMOS was asked to move money
SOLD = frozenset({Status.captured, Status.reversing})

# The gateway's truth wins: a charge found late moves even an abandoned intent to captured, and
# nothing moves a captured one anywhere but to reversal.
MOVES: dict[Status, frozenset[Status]] = {
    Status.created: ABANDONED
    | {Status.created, Status.challenged, Status.capturing, Status.captured},
    Status.challenged: ABANDONED | {Status.created, Status.capturing, Status.captured},
    Status.capturing: frozenset({Status.challenged, Status.captured, Status.failed}),
    Status.captured: frozenset({Status.reversing, Status.reversed}),
    Status.reversing: frozenset({Status.reversed, Status.captured}),
    Status.reversed: frozenset(),
    Status.failed: frozenset({Status.captured}),
    Status.expired: frozenset({Status.captured}),
    Status.cancelled: frozenset({Status.captured}),
}


class ForbiddenMove(Exception):
    """The status machine has no such arrow."""


def check(source: Status, target: Status) -> None:
    if target not in MOVES[source]:
        raise ForbiddenMove(f"{source} → {target}")


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who pays, as the admins will see it. `id` is also the private chat's id."""

    id: int
    name: str
    username: str | None
    language: str


@dataclass(frozen=True, slots=True)
class Intent:
    """One row of `intents`. `id` is the order number, which ATMOS gets as `account`."""

    id: int
    buyer: Buyer
    offer: str
    title: str
    amount: Tiyin
    status: Status
    transaction_id: int | None
    success_trans_id: int | None
    card: str | None  # masked
    tries_left: int
    reason: str | None
    receipt: str | None
    note_id: int | None  # the "⏳" message that becomes the result
    prompt_id: int | None  # the message that asks for the code
    created_at: datetime
    captured_at: datetime | None
    reversed_by: str | None  # who of the staff asked for it
    reverse_accepted: bool  # ATMOS said yes to it
    expires_at: datetime
    resend_at: datetime | None  # from then on the code may be asked for again
    code_expires_at: datetime | None  # None: no code that can still be typed
    acts_until: datetime | None  # until then ATMOS may still charge, whatever it says
    check_at: datetime | None
    checks: int

    @property
    def code_is_out(self) -> bool:
        """Tell whether a code was sent whose time is not over."""
        return self.status is Status.challenged and self.code_expires_at is not None

    @property
    def account(self) -> str:
        return str(self.id)


def order_number(text: str) -> int | None:
    """Read an order number that comes from outside; None where it cannot be one."""
    return int(text) if re.fullmatch("[0-9]{1,18}", text.strip()) else None
