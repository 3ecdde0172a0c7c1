"""What the stand-in for ATMOS remembers of payments, messages and calls."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.atmos.cards import Card
from sandbox.atmos.codes import LANGUAGES, Failure


class State(StrEnum):
    created = "created"
    otp_sent = "otp-sent"
    confirmed = "confirmed"
    reversed = "reversed"
    closed = "closed"  # too old, or too many wrong codes: never to be charged


OPEN = (State.created, State.otp_sent)

LABEL = {
    "type_id": 49,
    "label_ru": "Номер инвойса",
    "label_uz": "Invoys raqami",
    "label_en": "Invoice number",
}
STATUSES = {State.confirmed: ("0", "Success"), State.reversed: ("-20", "Reversed")}


@dataclass(frozen=True, slots=True)
class Entry:
    """Money moved: amounts are positive, the kind says which way."""

    kind: str  # "charge" or "reversal"
    transaction_id: int
    success_trans_id: int
    account: str
    amount: int  # tiyin
    at: float


@dataclass(frozen=True, slots=True)
class Sms:
    transaction_id: int
    last4: str
    code: str
    at: float


@dataclass(slots=True)
class Call:
    operation: str  # "" for a path nobody serves
    path: str
    body: dict[str, Any]
    at: float
    status: int | None = None  # None while it runs, and for ever if the connection was cut


@dataclass(slots=True, kw_only=True)
class Transaction:
    id: int = 0  # until the gateway gives it one
    store_id: int
    account: str
    amount: int  # tiyin
    lang: str
    terminal_id: str | None
    details: str | None
    created_at: float
    state: State = State.created
    card: Card | None = None
    code: str = ""
    sent_at: float = 0
    wrong_codes: int = 0
    prepay_time: int | None = None  # ms
    confirm_time: int | None = None  # ms
    success_trans_id: int | None = None
    card_id: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def last4(self) -> str:
        return self.card.number[-4:] if self.card else ""

    def send(self, card: Card, code: str, now: float) -> None:
        self.card, self.code, self.sent_at = card, code, now
        self.state = State.otp_sent

    def charge(self, success_trans_id: int, card_id: str, now: float) -> None:
        self.success_trans_id, self.card_id = success_trans_id, card_id
        self.confirm_time = int(now * 1000)
        self.state = State.confirmed

    def view(self) -> dict[str, Any]:
        """Write the `store_transaction` ATMOS shows; there is never a phone in it."""
        status_code, status_message = STATUSES.get(self.state, (None, None))
        return {
            "success_trans_id": self.success_trans_id,
            "trans_id": self.id,
            "store": _store(self.store_id),
            "terminal_id": self.terminal_id,
            "account": self.account,
            "amount": self.amount,
            "confirmed": self.state in STATUSES,
            "prepay_time": self.prepay_time,
            "confirm_time": self.confirm_time,
            "label": LABEL,
            "details": self.details,
            "commission_value": "0",
            "commission_type": "0",
            "total": self.amount,
            "card_id": self.card_id,
            "status_code": status_code,
            "status_message": status_message,
        }


def read_transaction(body: Mapping[str, Any], now: float, *, digits_only: bool) -> Transaction:
    """Read what create asks for."""
    account = body.get("account")
    amount = body.get("amount")
    if type(amount) is not int or amount <= 0:
        raise Failure("009")
    if type(account) not in (int, str) or not str(account):
        raise Failure("009")
    if digits_only and not str(account).isdecimal():
        raise Failure("009")
    return Transaction(
        store_id=whole(body.get("store_id")),
        account=str(account),
        amount=amount,
        lang=body["lang"] if body.get("lang") in LANGUAGES else "ru",
        terminal_id=text(body.get("terminal_id")),
        details=text(body.get("details")),
        created_at=now,
    )


def whole(value: object) -> int:
    """Insist on an id."""
    found = number(value)
    if found is None:
        raise Failure("009")
    return found


def number(value: object) -> int | None:
    """Read a positive id, which ATMOS takes as a number and as a string of digits alike."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    return value if type(value) is int and value > 0 else None


def text(value: object) -> str | None:
    return None if value is None else str(value)


def _store(number: int) -> dict[str, Any]:
    return {"id": number, "name": "Sandbox", "desc": "", "logo": None, "ga_id": None}
