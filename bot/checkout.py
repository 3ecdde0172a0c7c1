"""The use cases of a student: start, name a card, be challenged, capture, cancel."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random, SystemRandom
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from atmos import (
    AtmosClient,
    AtmosError,
    CannotResend,
    Declined,
    NeverArrived,
    OutcomeUnknown,
    Reason,
)
from bot import db
from bot.cards import Card, CardNumber, Code
from bot.db import Database
from bot.evidence import Verdict
from bot.limits import Attempts, Limit, LimitReached, Limits, Request
from bot.offers import Offer, Offers
from bot.outcome import Outcomes
from bot.payment import OPEN, SOLD, WAITING_FOR_STUDENT, Buyer, Intent, Status
from bot.times import Times
from bot.vault import Vault, VaultAway

NEWS = timedelta(hours=1)  # in which a charge is worth saying again
NO_CODE: dict[str, Any] = {"card": None, "code_expires_at": None, "resend_at": None}


class CheckoutError(Exception):
    """A student's act that cannot be done; the subclass says what is so instead."""


class OfferGone(CheckoutError):
    """Nothing is sold under that name."""


class IntentGone(CheckoutError):
    """There is no such payment."""


class IntentError(CheckoutError):
    """The payment stands elsewhere than the student's step thinks."""

    def __init__(self, intent: Intent) -> None:
        super().__init__(f"{intent.id} is {intent.status}")
        self.intent = intent


class AlreadyPaid(IntentError):
    """The student has it."""


class StillChecking(IntentError):
    """ATMOS was asked to charge, and the answer is not known yet."""


class IntentOver(IntentError):
    """It ended without money."""


class CardForgotten(IntentError):
    """The vault has let the card go."""


class CardNeeded(CardForgotten):
    """ATMOS sends another code only to a card that is named anew."""


class CardNotKept(IntentError):
    """The vault is away, so that number and expiry must come together. No money moved."""


class CodeOver(IntentError):
    """The code's time has passed."""


class ResendTooEarly(IntentError):
    """Asked for again before the minute is over, or by two presses at once."""

    def __init__(self, intent: Intent, seconds: int) -> None:
        super().__init__(intent)
        self.seconds = seconds


class TooMany(IntentError):
    """A limit of what one may try is reached; from `until` on there is room again."""

    def __init__(self, intent: Intent, limit: Limit, until: datetime) -> None:
        super().__init__(intent)
        self.limit = limit
        self.until = until


class NotChallenged(IntentError):
    """ATMOS did not open the payment or send a code: `error` says why. No money moved."""

    def __init__(self, intent: Intent, error: AtmosError) -> None:
        super().__init__(intent)
        self.error = error


class Checkout:
    """What a student does to a payment."""

    def __init__(
        self,
        *,
        database: Database,
        atmos: AtmosClient,
        offers: Offers,
        vault: Vault,
        outcomes: Outcomes,
        times: Times,
        limits: Limits,
        attempts: Attempts,
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._offers = offers
        self._vault = vault
        self._outcomes = outcomes
        self._times = times
        self._limits = limits
        self._attempts = attempts
        self._random: Random = SystemRandom()  # for order numbers

    def now(self) -> datetime:
        """Give the moment it is for every price and every card's expiry."""
        return self._database.now()

    async def start(self, buyer: Buyer, slug: str) -> Intent:
        """Open a payment at the price of this moment, or take up the one that is open.

        Raises:
            OfferGone: Nothing is sold as `slug`.
            AlreadyPaid: The student has it, and it is not sold twice.
            StillChecking: A capture for it is under way, or its outcome is unknown.
            TooMany: Of payments within a day.
            NotChallenged: ATMOS did not open a transaction; the intent stays, to be tried again.
        """
        offer = self._offers.find(slug)
        if offer is None:
            raise OfferGone
        await self._let_go(buyer.id)
        intent = await self._open(buyer, offer)
        return intent if intent.transaction_id else await self._create(intent)

    async def may_buy(self, student_id: int, slug: str) -> None:
        """Look before an offer is shown.

        Raises:
            AlreadyPaid: The student has it, and it is not sold twice.
            StillChecking: A capture for it is under way, or its outcome is unknown.
        """
        async with self._database.read() as tx:
            await self._not_bought(tx, student_id, slug)
            intent = await db.open_intent(tx, student_id, slug)
        if intent is not None and intent.status is Status.capturing:
            raise StillChecking(intent)

    async def owned(self, intent_id: int, student_id: int) -> Intent:
        """Give a payment of the student's, whatever became of it.

        Raises:
            IntentGone: There is none, or it is another's.
        """
        intent = await self._database.get(intent_id)
        if intent is None or intent.buyer.id != student_id:
            raise IntentGone
        return intent

    async def live(self, intent_id: int, student_id: int | None = None) -> Intent:
        """Give a payment that the student can still go on with.

        Raises:
            IntentGone: There is none, or it is not `student_id`'s.
            IntentError: It is being captured, or over; the subclass says how.
        """
        if student_id is not None:
            return _going_on(await self.owned(intent_id, student_id))
        return _going_on(await self._database.get(intent_id))

    async def name_card(self, intent: Intent, number: CardNumber) -> None:
        """Hold the card until its expiry is typed.

        Raises:
            CardNotKept: The vault is away.
        """
        async with self._reaching_vault(intent):
            await self._vault.put(intent.id, number)
        if held := self._held(intent):
            await self._database.amend(intent, **held)

    async def named(self, intent: Intent) -> CardNumber:
        """Give the card that was named.

        Raises:
            CardForgotten: The vault has let it go.
            CardNotKept: The vault is away.
        """
        async with self._reaching_vault(intent):
            number = await self._vault.get(intent.id)
        if number is None:
            raise CardForgotten(intent)
        return number

    async def challenge(self, intent: Intent, card: Card) -> Intent:
        """Have the holder of the card sent a code. Whatever comes of it, the vault lets go first.

        Raises:
            TooMany: Of cards or of codes; ATMOS was not asked.
            NotChallenged: ATMOS said no, or nothing. A closed transaction ends the intent.
        """
        await self._vault.wipe(intent.id)
        async with self._within_limits(intent) as tx:
            request = await self._attempts.request_code(tx, intent, card.number)
            if not await db.move(tx, intent, Status.created, **NO_CODE):
                self._attempts.forget(request.row_id)
                raise _where_it_stands(await db.intent(tx, intent.id))
        intent = replace(intent, status=Status.created, **NO_CODE)
        async with self._requesting(intent, request):
            await self._atmos.pre_apply(
                _transaction(intent),
                card_number=card.number.reveal(),
                expiry=card.expiry.reveal(),
            )
        changes = {"card": card.number.label} | self._code_times(intent)
        return await self._moved(intent, Status.challenged, **changes)

    async def prompted(self, intent: Intent, message_id: int) -> None:
        """Remember the message that asks for the code: "send again" will appear under it."""
        await self._database.amend(intent, prompt_id=message_id)

    async def resend(self, intent: Intent) -> Intent:
        """Have the code sent again: one press, at most one call to ATMOS.

        Raises:
            ResendTooEarly: Or another press was faster.
            TooMany: Of codes; the one that is out stays good.
            CardNeeded: ATMOS has no such call, and no card is held once its code is out.
            NotChallenged: ATMOS did not send one.
        """
        _challenged(intent)
        await self._let_go(intent.buyer.id)
        intent, request = await self._take_resend(intent)
        async with self._requesting(intent, request):
            await self._atmos.retry_otp(_transaction(intent))
        await self._database.amend(intent, **self._code_times(intent))
        return await self.live(intent.id)

    async def begin_capture(self, intent: Intent) -> Intent:
        """Let one of all codes typed at once through, and store that ATMOS is about to be asked.

        Raises:
            IntentError: No code is waited for, or another was faster.
            CodeOver: The code's time has passed.
            TooMany: Of wrong codes.
            AlreadyPaid: A last look found the offer bought by another payment.
        """
        intent = _challenged(intent)
        if intent.code_expires_at is None or intent.code_expires_at <= self._database.now():
            raise CodeOver(intent)
        async with self._within_limits(intent) as tx:
            bought = await self._bought(tx, intent.buyer.id, intent.offer)
            if bought is None:
                await self._attempts.try_code(tx, intent)
            asked = {"note_id": None} | self._asked_to_charge()
            target, changes = (Status.cancelled, {}) if bought else (Status.capturing, asked)
            moved = await db.move(tx, intent, target, **changes)
            if moved:
                await db.withdraw(tx, intent, self._database.now())
            after = await db.intent(tx, intent.id)
        if bought is not None:
            raise AlreadyPaid(bought)
        if after is None or not moved:
            raise _where_it_stands(after)
        return after

    async def noted(self, intent: Intent, message_id: int | None) -> None:
        """Remember the "⏳" message, which will become the result."""
        await self._database.amend(intent, note_id=message_id)

    async def capture(self, intent: Intent, code: Code) -> None:
        """Charge the card, and record what came of it.

        Says nothing itself. An unclear answer leaves the intent capturing; so does a crash here.
        """
        try:
            await self._atmos.log_in()  # however long that takes, ATMOS has its time afterwards
            asked = self._asked_to_charge()
            if not await self._database.amend(intent, **asked):
                return
            intent = replace(intent, **asked)
            transaction = await self._atmos.confirm(_transaction(intent), otp=code.reveal())
        except Declined as declined:
            await self._outcomes.declined(intent, declined)
        except NeverArrived as error:
            await self._outcomes.not_sent(intent, error)
        except OutcomeUnknown as error:
            await self._outcomes.unclear(intent, error)
        else:
            await self._outcomes.record(intent, transaction, self._database.now())

    async def newest_open(self, student_id: int) -> Intent | None:
        """Give the student's newest payment that is not over."""
        async with self._database.read() as tx:
            return await db.newest_open_intent(tx, student_id)

    async def no_news(self, student_id: int) -> None:
        """Look before a student is told that nothing goes on.

        Raises:
            StillChecking: The outcome of their last payment is unknown.
            AlreadyPaid: It was charged within the hour.
        """
        async with self._database.read() as tx:
            last = await db.newest_intent(tx, student_id)
        if last is None:
            return
        if last.status is Status.capturing:
            raise StillChecking(last)
        charged_at = last.captured_at if last.status in SOLD else None
        if charged_at and self._database.now() - charged_at < NEWS:
            raise AlreadyPaid(last)

    async def waiting(self, intent_id: int, slug: str) -> Intent | None:
        """Give this payment of this offer, if the student has something to type for it."""
        intent = await self._database.get(intent_id)
        if intent is None or intent.offer != slug or intent.status not in WAITING_FOR_STUDENT:
            return None
        return intent

    async def say_checking(self, intent: Intent, language: str, note_id: int | None) -> bool:
        """Have a student who asks told that it is unknown; False where it is known by now."""
        return await self._outcomes.asked(intent, language, note_id)

    async def is_over(self, intent_id: int) -> bool:
        """Tell whether there is nothing left to type for a payment."""
        intent = await self._database.get(intent_id)
        return intent is None or intent.status not in OPEN

    async def cancel(self, intent: Intent) -> Intent:
        """End a payment that nobody was asked money for."""
        await self._vault.wipe(_going_on(intent).id)
        if not await self._database.move(intent, Status.cancelled):
            raise _where_it_stands(await self._database.get(intent.id))
        return replace(intent, status=Status.cancelled)

    async def _open(self, buyer: Buyer, offer: Offer) -> Intent:
        async with self._database.write() as tx:
            await self._not_bought(tx, buyer.id, offer.slug)
            intent = await db.open_intent(tx, buyer.id, offer.slug, lock=True)
            if intent is None:
                return await self._add(tx, buyer, offer)
            if intent.status is Status.capturing:
                raise StillChecking(intent)
            if intent.amount != offer.price_at(self._database.now()):
                await db.move(tx, intent, Status.cancelled)
                return await self._add(tx, buyer, offer)
            again = self._later(self._times.checkout)
            if intent.status is Status.challenged:
                await db.move(tx, intent, Status.created, expires_at=again)
            else:
                await db.change(tx, intent, expires_at=again)
            return replace(intent, status=Status.created)

    async def _add(self, tx: AsyncConnection, buyer: Buyer, offer: Offer) -> Intent:
        now = self._database.now()
        title, _ = offer.words(buyer.language)
        intent = None
        while intent is None:  # an order number that is taken inserts nothing
            await db.add_intent(
                tx,
                id=self._random.randrange(10**8, 10**9),
                student_id=buyer.id,
                name=buyer.name,
                username=buyer.username,
                language=buyer.language,
                offer=offer.slug,
                title=title,
                amount=offer.price_at(now),
                status=Status.created,
                tries_left=self._limits.codes_a_challenge,
                created_at=now,
                expires_at=now + self._times.checkout,
                checks=0,
            )
            intent = await db.open_intent(tx, buyer.id, offer.slug)
        return intent

    async def _create(self, intent: Intent) -> Intent:
        async with self._within_limits(intent) as tx:
            row_id = await self._attempts.open_payment(tx, intent)
        try:
            transaction_id = await self._atmos.create(
                account=intent.account, amount=intent.amount, lang=intent.buyer.language
            )
        except AtmosError as error:
            if not isinstance(error, Declined):  # ATMOS is away, which is not the student's doing
                await self._attempts.take_back(row_id)
            raise await self._not_challenged(intent, error) from error
        async with self._database.write() as tx:
            await db.set_transaction(tx, intent.id, transaction_id)
        return await self.live(intent.id)

    async def _not_bought(self, tx: AsyncConnection, student_id: int, slug: str) -> None:
        bought = await self._bought(tx, student_id, slug)
        if bought is not None:
            raise AlreadyPaid(bought)

    async def _bought(self, tx: AsyncConnection, student_id: int, slug: str) -> Intent | None:
        """Give the payment because of which the student is not sold the offer."""
        if self._offers.is_repeatable(slug):
            return None
        return await db.bought(tx, student_id, slug)

    async def _moved(self, intent: Intent, target: Status, **changes: Any) -> Intent:
        if not await self._database.move(intent, target, **changes):
            raise _where_it_stands(await self._database.get(intent.id))
        return await self.live(intent.id)

    @asynccontextmanager
    async def _within_limits(self, intent: Intent) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that counts; over a limit all it stores is a word to the admins."""
        try:
            async with self._database.write() as tx:
                await db.alone(tx, intent.buyer.id)
                yield tx
        except LimitReached as reached:
            told = self._outcomes.limit_reached(intent, reached.limit)
            await self._database.promise(told)
            raise TooMany(intent, reached.limit, reached.until) from reached

    @asynccontextmanager
    async def _requesting(self, intent: Intent, request: Request) -> AsyncIterator[None]:
        """Ask ATMOS for a code; what it was never asked does not count."""
        try:
            yield
        except AtmosError as error:
            if isinstance(error, NeverArrived):
                await self._attempts.take_back(request.row_id)
            if isinstance(error, CannotResend):
                await self._database.amend(intent, resend_at=None)  # next time it may
                raise CardNeeded(intent) from error
            raise await self._not_challenged(intent, error) from error

    async def _take_resend(self, intent: Intent) -> tuple[Intent, Request]:
        now = self._database.now()
        if intent.resend_at is not None and intent.resend_at > now:
            raise ResendTooEarly(intent, _seconds(intent.resend_at - now))
        until = now + self._times.resend
        async with self._within_limits(intent) as tx:
            if not await db.change(tx, intent, seen=["resend_at"], resend_at=until):
                raise ResendTooEarly(intent, _seconds(self._times.resend))
            request = await self._attempts.request_code(tx, intent)
        return replace(intent, resend_at=until), request

    async def _let_go(self, student_id: int) -> None:
        """Wipe what a student has named: the dialogue begins anew, or turns to another payment."""
        async with self._database.read() as tx:
            intents = await db.open_intents(tx, student_id)
        await self._vault.wipe(*(intent.id for intent in intents))

    @asynccontextmanager
    async def _reaching_vault(self, intent: Intent) -> AsyncIterator[None]:
        try:
            yield
        except VaultAway as away:
            await self._database.promise(self._outcomes.vault_away())
            raise CardNotKept(intent) from away

    async def _not_challenged(self, intent: Intent, error: AtmosError) -> CheckoutError:
        """Tell the admins what only they can mend; end what ATMOS has closed."""
        if isinstance(error, Declined) and error.reason is Reason.closed:
            return await self._closed(intent, error)
        resend_at = self._database.now() if isinstance(error, NeverArrived) else intent.resend_at
        told = self._outcomes.for_admins(intent, error)
        await self._database.amend(intent, told, resend_at=resend_at)
        return NotChallenged(intent, error)

    async def _closed(self, intent: Intent, error: AtmosError) -> CheckoutError:
        """Look inside before calling it unpaid: a paid transaction is closed too."""
        asked_at = self._database.now()
        try:
            transaction = await self._atmos.get(_transaction(intent))
        except AtmosError as no_evidence:
            return NotChallenged(intent, no_evidence)
        found = await self._outcomes.record(intent, transaction, asked_at)
        if found is not Verdict.agrees:
            return _where_it_stands(await self._database.get(intent.id))
        await self._database.move(intent, Status.failed, reason=Reason.closed)
        return NotChallenged(replace(intent, status=Status.failed), error)

    def _code_times(self, intent: Intent) -> dict[str, Any]:
        return {
            "prompt_id": None,  # the message that asks for this code is yet to be said
            "resend_at": self._later(self._times.resend),
            "code_expires_at": self._later(self._times.code),
        } | self._held(intent)

    def _held(self, intent: Intent) -> dict[str, Any]:
        """Give a payment its time anew, unless it would hold a price that is over."""
        offer = self._offers.find(intent.offer)
        if offer is None or offer.price_at(self._database.now()) != intent.amount:
            return {}
        return {"expires_at": self._later(self._times.checkout)}

    def _asked_to_charge(self) -> dict[str, Any]:
        return self._times.asked(self._database.now(), self._times.confirm)

    def _later(self, by: timedelta) -> datetime:
        return self._database.now() + by


def _seconds(left: timedelta) -> int:
    return max(-(-left // timedelta(seconds=1)), 1)


def _transaction(intent: Intent) -> int:
    if intent.transaction_id is None:
        raise IntentGone(f"{intent.id} was never opened at ATMOS")
    return intent.transaction_id


def _going_on(intent: Intent | None) -> Intent:
    if intent is None or intent.status not in WAITING_FOR_STUDENT:
        raise _where_it_stands(intent)
    return intent


def _challenged(intent: Intent) -> Intent:
    if intent.status is not Status.challenged:
        raise CardForgotten(intent)
    return intent


def _where_it_stands(intent: Intent | None) -> CheckoutError:
    if intent is None:
        return IntentGone()
    if intent.status is Status.capturing:
        return StillChecking(intent)
    if intent.status in SOLD:
        return AlreadyPaid(intent)
    return (IntentOver if intent.status not in OPEN else IntentError)(intent)
