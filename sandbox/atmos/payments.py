"""The state machine of ATMOS: from create to reverse, and who was charged what."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random, SystemRandom
from typing import Any

from sandbox.atmos.callback import agrees, post, question
from sandbox.atmos.cards import Card, read_card
from sandbox.atmos.codes import LANGUAGES, Failure
from sandbox.atmos.records import (
    OPEN,
    Entry,
    Sms,
    State,
    Transaction,
    number,
    read_transaction,
    whole,
)

Body = dict[str, Any]


@dataclass(kw_only=True, eq=False)
class Payments:
    """Free of any web framework and of real time."""

    now: Callable[[], float] = time.time
    random: Random = field(default_factory=SystemRandom)
    callback: Callable[[str, bytes], Awaitable[bytes]] = post
    callback_url: str | None = None  # None: nobody is asked before a debit
    callback_key: str = "sandbox"
    callback_timeout: float = 10
    on_sms: Callable[[Sms], None] | None = None
    fixed_code: str | None = None
    otp_attempts: int = 3  # of one transaction, however many codes are sent
    otp_ttl: float = 300
    resend_after: float = 0
    transaction_ttl: float = 1800
    strict_accounts: bool = False  # digits only, as the documentation has it
    keeps_reversals: bool = True  # False: says yes to one, and does nothing
    receipt: str | None = "https://ofd.example/check?r={}"  # a link to one
    first_id: int = 14_500_001

    transactions: dict[int, Transaction] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)
    sms: list[Sms] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids = count(self.first_id)
        # Far from the transactions' ids, so that whoever mixes the two up finds out.
        self._success_ids = count(self.first_id // 7)
        self._paid: dict[int, Transaction] = {}

    @property
    def net(self) -> Counter[str]:
        """Sum up what each account has paid, in tiyin, less what was given back."""
        net: Counter[str] = Counter()
        for entry in self.ledger:
            net[entry.account] += entry.amount if entry.kind == "charge" else -entry.amount
        return net

    def charged(self, account: str) -> int:
        return self.net[account]

    def last_code(self, transaction_id: int) -> str:
        return next(sms.code for sms in reversed(self.sms) if sms.transaction_id == transaction_id)

    async def operate(self, operation: str, body: Body) -> Body:
        """Give what stands beside an OK, or raise `Failure`."""
        if operation == "create":
            return self._create(body)
        if operation == "reverse":
            return self._reverse(body)
        transaction = self._find(body)
        if operation == "get":
            return self._get(transaction)
        # One at a time: of two confirms at once the second finds the transaction finished.
        async with transaction.lock:
            return await self._advance(operation, transaction, body)

    def language(self, body: Body) -> str:
        """Tell in which language to answer: the one asked for now, else the one of create."""
        if body.get("lang") in LANGUAGES:
            return str(body["lang"])
        transaction = self.transactions.get(number(body.get("transaction_id")) or 0)
        return transaction.lang if transaction else "ru"

    def _create(self, body: Body) -> Body:
        transaction = read_transaction(body, self.now(), digits_only=self.strict_accounts)
        transaction.id = next(self._ids)
        self.transactions[transaction.id] = transaction
        return {"transaction_id": transaction.id, "store_transaction": transaction.view()}

    def _find(self, body: Body) -> Transaction:
        store_id = whole(body.get("store_id"))
        transaction = self.transactions.get(whole(body.get("transaction_id")))
        if transaction is None:
            raise Failure("061")
        if transaction.store_id != store_id:
            raise Failure("009")
        return transaction

    def _get(self, transaction: Transaction) -> Body:
        """Show a transaction; a finished one comes with 092, the documented trap."""
        # One being confirmed is not too old any more: it may be paid in a moment.
        if not transaction.lock.locked():
            self._close_if_stale(transaction)
        shown = {"store_transaction": transaction.view()}
        if transaction.state not in OPEN:
            raise Failure("092", **shown)
        return shown

    def _close_if_stale(self, transaction: Transaction) -> None:
        age = self.now() - transaction.created_at
        if transaction.state in OPEN and age >= self.transaction_ttl:
            transaction.state = State.closed

    async def _advance(self, operation: str, transaction: Transaction, body: Body) -> Body:
        self._close_if_stale(transaction)
        if transaction.state not in OPEN:
            raise Failure("092")
        if operation == "pre-apply":
            return self._pre_apply(transaction, body)
        if operation == "retry-otp":
            return self._retry_otp(transaction)
        return await self._confirm(transaction, body)

    def _pre_apply(self, transaction: Transaction, body: Body) -> Body:
        card = read_card(body, self.now())
        if card == transaction.card and self._since_sms(transaction) < self.otp_ttl:
            raise Failure("201", transaction_id=transaction.id)
        transaction.prepay_time = int(self.now() * 1000)
        return self._send_code(transaction, card)

    def _retry_otp(self, transaction: Transaction) -> Body:
        if transaction.card is None:
            raise Failure("009")
        if self._since_sms(transaction) < self.resend_after:
            raise Failure("201", transaction_id=transaction.id)
        return self._send_code(transaction, transaction.card)

    def _since_sms(self, transaction: Transaction) -> float:
        return self.now() - transaction.sent_at

    def _send_code(self, transaction: Transaction, card: Card) -> Body:
        code = self.fixed_code or card.code or f"{self.random.randrange(10**6):06}"
        transaction.send(card, code, self.now())
        sms = Sms(transaction.id, transaction.last4, code, transaction.sent_at)
        self.sms.append(sms)
        if self.on_sms:
            self.on_sms(sms)
        return {"transaction_id": transaction.id}

    async def _confirm(self, transaction: Transaction, body: Body) -> Body:
        card = self._check_code(transaction, body.get("otp"))
        await self._ask_merchant(transaction)
        if card.at != "confirm" or card.charged:
            self._charge(transaction)
        card.check("confirm")
        return {"store_transaction": transaction.view(), **self._receipt(transaction)}

    def _check_code(self, transaction: Transaction, otp: object) -> Card:
        """Give the card to charge if the code is right."""
        if transaction.card is None or type(otp) not in (int, str):
            raise Failure("009")
        if self._since_sms(transaction) >= self.otp_ttl:
            raise Failure("080")
        if str(otp) == transaction.code:
            return transaction.card
        transaction.wrong_codes += 1
        if transaction.wrong_codes >= self.otp_attempts:
            transaction.state = State.closed
        raise Failure("098")

    async def _ask_merchant(self, transaction: Transaction) -> None:
        """Let the merchant's billing stop the payment; whatever is not a clear yes is a no."""
        if self.callback_url is None:
            return
        asked = question(transaction, self.callback_key, self.now())
        try:
            async with asyncio.timeout(self.callback_timeout):
                agreed = agrees(await self.callback(self.callback_url, asked))
        except Exception as error:  # the merchant's side may fail in any way it likes
            raise Failure("093") from error
        if not agreed:
            raise Failure("093")

    def _charge(self, transaction: Transaction) -> None:
        card_id = f"{self.random.getrandbits(128):032x}"
        success_trans_id = next(self._success_ids)
        transaction.charge(success_trans_id, card_id, self.now())
        self._paid[success_trans_id] = transaction
        self._enter("charge", transaction, success_trans_id)

    def _receipt(self, transaction: Transaction) -> Body:
        if self.receipt is None:
            return {}
        return {"ofd_url": self.receipt.format(transaction.success_trans_id)}

    def _reverse(self, body: Body) -> Body:
        success_trans_id = whole(body.get("transaction_id"))
        transaction = self._paid.get(success_trans_id)
        if transaction is None:
            raise Failure("061")
        if transaction.state is State.reversed:
            raise Failure("092")
        if self.keeps_reversals:
            transaction.state = State.reversed
            self._enter("reversal", transaction, success_trans_id)
        return {"transaction_id": success_trans_id}

    def _enter(self, kind: str, transaction: Transaction, success_trans_id: int) -> None:
        account, amount = transaction.account, transaction.amount
        entry = Entry(kind, transaction.id, success_trans_id, account, amount, self.now())
        self.ledger.append(entry)
