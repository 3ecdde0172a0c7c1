"""A transaction as ATMOS describes it: the only evidence of what became of the money."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, Field

REVERSED = "-20"
SUCCESS = "0"
LARGEST = 2**63 - 1  # what a database keeps as a whole number
LARGEST_AMOUNT = 10**12  # tiyin, ten milliard soʻm; a card number would be more


class State(StrEnum):
    """What the evidence says. `open` is also what a charge looks like before it happens."""

    open = "open"
    paid = "paid"
    reversed = "reversed"


class Transaction(BaseModel, frozen=True):
    """`store_transaction` of the answers of create, confirm and get.

    `amount` is in tiyin (1 soʻm = 100). `status_code` is a string: "0" paid, "-20" reversed;
    `confirmed` stays true after a reversal (seen on the DEV gateway). `confirm_time` is in
    epoch milliseconds.
    """

    trans_id: int = Field(le=LARGEST)
    success_trans_id: int | None = Field(None, le=LARGEST)
    account: str = Field(coerce_numbers_to_str=True)
    amount: int = Field(le=LARGEST_AMOUNT)
    confirmed: bool = False
    status_code: str | None = Field(None, coerce_numbers_to_str=True)
    confirm_time: int | None = None
    ofd_url: str | None = None
    closed: bool = False

    @property
    def state(self) -> State:
        """Reversed is looked for first, since a reversed transaction still says confirmed."""
        if self.status_code == REVERSED:
            return State.reversed
        paid = self.confirmed and self.status_code == SUCCESS and (self.success_trans_id or 0) > 0
        return State.paid if paid else State.open

    @property
    def paid_at(self) -> datetime | None:
        """Give the moment of the charge, None where there is none or it is no date."""
        if self.confirm_time is None:
            return None
        try:
            return datetime.fromtimestamp(self.confirm_time / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None


class Result(BaseModel):
    code: str
    description: str | None = None


class Answer(BaseModel):
    """Envelope A, which all `merchant/*` calls answer in.

    The receipt's link is at the top level, or inside the transaction by another client's account:
    both are read.
    """

    result: Result
    transaction_id: int | None = Field(None, le=LARGEST)
    store_transaction: Transaction | None = None
    ofd_url: str | None = None

    @property
    def ok(self) -> bool:
        return self.result.code == "OK"

    def transaction(self, *, closed: bool = False) -> Transaction | None:
        if self.store_transaction is None:
            return None
        link = self.store_transaction.ofd_url or self.ofd_url
        return self.store_transaction.model_copy(update={"ofd_url": link, "closed": closed})


Operation = Literal["create", "pre-apply", "retry-otp", "reverse"]
Body = dict[str, Any]
