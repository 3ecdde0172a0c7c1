"""The use cases of the staff: look at a payment, give its money back, settle what is unknown."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from atmos import AtmosClient, AtmosError, NeverArrived, OutcomeUnknown, State, Transaction
from bot import db, notices
from bot.db import Database
from bot.evidence import SETTLED, Verdict, may_act, verdict
from bot.notices import AdminGroup
from bot.outcome import Outcomes
from bot.payment import PENDING, Intent, Status
from bot.reconcile import Reconciliation
from bot.times import Times

log = structlog.get_logger()

BY_HAND = timedelta(hours=1)  # ATMOS itself has to show it, for as long after it may have acted


class StaffError(Exception):
    """What was asked for cannot be done; the subclass says why."""


class NoSuchOrder(StaffError):
    """No payment has that order number."""


class NoAnswer(StaffError):
    """ATMOS shows nothing of it now; nothing changed."""


class TelegramSilent(StaffError):
    """It does not say whether who asks is an administrator."""


class AnotherPayment(StaffError):
    """ATMOS shows another amount or account: only its cabinet can mend that."""


class WhichOrder(StaffError):
    """No order number was written."""


class NotSo(StaffError):
    """The payment is not what a person said of it."""

    def __init__(self, intent: Intent) -> None:
        super().__init__(f"{intent.id} is {intent.status}")
        self.intent = intent


class AlreadyKnown(NotSo):
    """Nothing is left to settle: ATMOS, or somebody, was first."""


class StillPaid(NotSo):
    """It cannot be called given back while ATMOS shows it paid."""


class NotSettled(StaffError):
    """A person's word does not count yet: ATMOS may still be acting."""


class NoOutcome(StaffError):
    """What was said cannot have become of this payment, or is paid without its number."""


class Staff:
    """What an administrator of the group may do to a payment; `by` is who it is."""

    def __init__(
        self,
        *,
        database: Database,
        atmos: AtmosClient,
        reconciliation: Reconciliation,
        outcomes: Outcomes,
        admins: AdminGroup,
        times: Times,
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._reconciliation = reconciliation
        self._outcomes = outcomes
        self._admins = admins
        self._times = times

    async def find(self, order: int) -> Intent:
        """Give the payment with an order number.

        Raises:
            NoSuchOrder: There is none.
        """
        intent = await self._database.get(order)
        if intent is None:
            raise NoSuchOrder
        return intent

    async def reverse(self, order: int, by: str) -> Intent:
        """Give the whole amount of a captured payment back, and give what it is afterwards.

        ATMOS is asked what it knows before and after. Only what it shows counts: without a clear
        answer the payment stays `reversing`, and reconciliation goes on asking.

        Raises:
            NoSuchOrder: There is none.
            NoAnswer: ATMOS does not answer; it was not asked to give anything back.
        """
        intent = await self.find(order)
        if intent.status is not Status.captured:
            return intent
        paid, asked_at = await self._evidence(intent)
        found = await self._outcomes.record(intent, paid, asked_at)
        if found is Verdict.agrees and paid.success_trans_id:
            await self._reverse(intent, paid.success_trans_id, by)
        return await self.find(order)

    async def settle(self, order: int) -> Intent:
        """Ask ATMOS about a payment now, and give what it is afterwards.

        Raises:
            NoSuchOrder: There is none.
            NoAnswer: ATMOS shows nothing of it.
        """
        intent = await self.find(order)
        if intent.transaction_id is None:  # ATMOS never heard of it
            return intent
        await self._outcomes.record(intent, *await self._evidence(intent))
        return await self.find(order)

    async def settle_by_hand(
        self, order: int, state: State, success_trans_id: int | None, by: str
    ) -> Intent:
        """Settle an unknown payment by what a person saw in ATMOS's cabinet.

        That evidence goes the way of ATMOS's own, and counts only while ATMOS itself shows none,
        or what cannot be: still paid after its yes to give it back.

        Raises:
            NoSuchOrder: There is none.
            AlreadyKnown: It is not unknown, or no more.
            NotSettled: It is too early.
            StillPaid: ATMOS does not show that it was given back.
            NoOutcome: It cannot be so, or an id is missing.
            AnotherPayment: ATMOS shows another one, or the id is another order's.
        """
        intent = await self.find(order)
        if intent.status not in PENDING:
            raise AlreadyKnown(intent)
        shown = await self._still_unknown(intent)
        if may_act(intent, self._database.now() - BY_HAND):
            raise NotSettled
        if (shown, state) == (State.paid, State.reversed):
            raise StillPaid(intent)
        await self._settle(intent, state, success_trans_id, by)
        return await self.find(order)

    async def reverse_extra(self, order: int, by: str) -> Intent:
        """Do as `reverse`, as long as the student has the offer by another payment too."""
        intent = await self.find(order)
        async with self._database.read() as tx:
            other = await db.bought(tx, intent.buyer.id, intent.offer, but=intent.id)
        return intent if other is None else await self.reverse(order, by)

    async def _still_unknown(self, intent: Intent) -> State | None:
        """Record what ATMOS shows; where that settles nothing, give it, or None for no answer."""
        try:
            transaction, asked_at = await self._reconciliation.evidence(intent)
        except AtmosError:
            return None
        found = await self._outcomes.record(intent, transaction, asked_at)
        if found is Verdict.another:
            raise AnotherPayment
        if found in SETTLED:
            raise AlreadyKnown(await self.find(intent.id))
        return transaction.state

    async def _settle(
        self, intent: Intent, state: State, success_trans_id: int | None, by: str
    ) -> None:
        seen = _seen(intent, state, success_trans_id)
        now = self._database.now()
        # Who has looked into the cabinet outweighs a yes that ATMOS did not keep.
        intent = replace(intent, reverse_accepted=False)
        complete = seen.state is state  # ATMOS's own rule: a paid one has its success_trans_id
        if not complete or verdict(intent, seen, now) not in SETTLED:
            raise NoOutcome
        if await self._is_anothers(intent, success_trans_id):
            raise AnotherPayment
        found = await self._outcomes.record(intent, seen, now, by_hand=True)
        if found is Verdict.known:  # somebody, or ATMOS's own word, was first
            raise AlreadyKnown(await self.find(intent.id))
        log.warning("settled_by_hand", intent=intent.id, verdict=str(found), by=by)
        key = f"{intent.id}:admins:settled:{intent.acts_until}"
        told = self._admins.told(notices.settled(intent, state, by), key)
        await self._database.promise([told])

    async def _is_anothers(self, intent: Intent, success_trans_id: int | None) -> bool:
        """Tell whether a charge is known as another order's: one receipt buys one course."""
        if success_trans_id is None:
            return False
        async with self._database.read() as tx:
            return await db.is_known_charge(tx, success_trans_id, but=intent.id)

    async def _evidence(self, intent: Intent) -> tuple[Transaction, datetime]:
        try:
            return await self._reconciliation.evidence(intent)
        except AtmosError as error:
            raise NoAnswer from error

    async def _reverse(self, intent: Intent, success_trans_id: int, by: str) -> None:
        """Store that ATMOS is about to be asked; whoever comes second stops here."""
        asked = self._times.asked(self._database.now(), self._times.reverse)
        if not await self._database.move(intent, Status.reversing, reversed_by=by, **asked):
            return
        reversing = await self.find(intent.id)
        try:
            await self._atmos.reverse(success_trans_id, reason=intent.account)
        except NeverArrived as error:
            await self._database.move(reversing, Status.captured, check_at=None, reversed_by=None)
            raise NoAnswer from error
        except OutcomeUnknown as error:
            log.warning("reversal_unclear", intent=intent.id, error=str(error))
        else:
            await self._database.amend(reversing, reverse_accepted=True)
            reversing = replace(reversing, reverse_accepted=True)
        try:
            await self._reconciliation.ask(reversing)
        except AtmosError as error:
            log.warning("no_evidence", intent=intent.id, error=str(error))


def _seen(intent: Intent, state: State, success_trans_id: int | None) -> Transaction:
    """Write what a person saw as ATMOS would."""
    return Transaction(
        trans_id=intent.transaction_id or 0,
        success_trans_id=success_trans_id or intent.success_trans_id,
        account=intent.account,
        amount=intent.amount,
        confirmed=state is not State.open,
        status_code={State.paid: "0", State.reversed: "-20"}.get(state),
    )
