"""What became of a capture, recorded once: the only place that writes a result of money.

Two roads come here, the answer of the call itself and reconciliation. Each result is one
transaction: the move, the ledger's fact and the promises to tell. The later road finds it done.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from atmos import (
    AtmosError,
    Declined,
    NeverArrived,
    OutcomeUnknown,
    Reason,
    Transaction,
    WrongCredentials,
)
from bot import db, notices
from bot.cards import holds_card
from bot.db import Database
from bot.evidence import Verdict, verdict
from bot.limits import Limit
from bot.notices import AdminGroup, Notice, Words
from bot.offers import Offers
from bot.payment import ABANDONED, SOLD, WAITING_FOR_STUDENT, Intent, Status
from bot.redact import redact
from bot.times import Times
from bot.vault import Vault

# Reasons guessed from an unclear answer that are worth a sentence once ATMOS says "not charged".
_TELLING = {Reason.limit, Reason.insufficient_funds, Reason.card_blocked, Reason.card_expired}
LONGEST_LINK = 500  # characters of a receipt's; Telegram takes 4096 of a message


class Outcomes:
    """Records results, and promises to tell the student and the admins.

    `captures` counts them since the start, for whoever watches.
    """

    def __init__(
        self, database: Database, offers: Offers, admins: AdminGroup, vault: Vault, times: Times
    ) -> None:
        self._database = database
        self._offers = offers
        self._admins = admins
        self._vault = vault
        self._times = times
        self.captures = Counter(dict.fromkeys(("charged", "declined", "not_sent", "unclear"), 0))

    async def record(
        self,
        intent: Intent,
        transaction: Transaction,
        asked_at: datetime,
        *,
        by_hand: bool = False,
    ) -> Verdict:
        """Record what the evidence that was asked for at `asked_at` means, and promise to tell.

        `by_hand` it is what a person says ATMOS shows, and not called more than that.
        """
        found = verdict(intent, transaction, asked_at)
        did = True
        match found:
            case Verdict.charged:
                did = await self._charged(intent, transaction)
            case Verdict.not_charged:
                did = await self._not_charged(intent, by_hand=by_hand)
            case Verdict.given_back:
                did = await self._given_back(intent, transaction)
            case Verdict.reversed:
                did = await self._reversed(intent.id)
            case Verdict.not_reversed:
                did = await self._not_reversed(intent)
            case Verdict.another:
                await self._mismatched(intent, transaction)
            case Verdict.contradiction:
                await self._contradicted(intent, transaction)
        return found if did else Verdict.known

    async def _charged(self, thought: Intent, transaction: Transaction) -> bool:
        """Record a charge; False where it is recorded already.

        It is honoured whatever the intent was thought to be: the money has moved.
        """
        async with self._database.write() as tx:
            await db.alone(tx, thought.buyer.id)  # two charges at once would not see each other
            intent = await db.intent(tx, thought.id, lock=True)
            if intent is None or intent.status in SOLD | {Status.reversed}:
                return False
            facts = self._facts(transaction)
            if not await db.move(tx, intent, Status.captured, check_at=None, **facts):
                return False
            await db.withdraw(tx, intent, self._database.now())
            paid = replace(intent, status=Status.captured, **facts)
            await db.record(tx, paid, "captured", self._database.now())
            twice = await db.bought(tx, paid.buyer.id, paid.offer, but=paid.id)
            other = None if self._offers.is_repeatable(paid.offer) else twice
            said = [*self._paid(paid), *self._strange(intent, other)]
            await db.promise(tx, said, self._database.now())
        await self._vault.wipe(thought.id)
        self.captures["charged"] += 1
        return True

    async def declined(self, intent: Intent, declined: Declined) -> None:
        """Record a no that is known to have charged nothing: type the code again, or the end."""
        self.captures["declined"] += 1
        left = intent.tries_left - 1
        if declined.reason is Reason.code_expired:
            words = notices.code_over(intent)
            await self._back_to_code(intent, words, code_expires_at=None, resend_at=None)
        elif declined.reason is not Reason.wrong_code:
            told = self.for_admins(intent, declined)
            await self._failed(intent, f"declined-{declined.reason}", told)
        elif left > 0:
            words = notices.wrong_code(intent, left)
            await self._back_to_code(intent, words, tries_left=left, attempt=Limit.guesses)
        else:
            why = f"declined-{Reason.too_many_tries}"
            await self._failed(intent, why, attempt=Limit.guesses)

    async def not_sent(self, intent: Intent, error: NeverArrived) -> None:
        """Record that ATMOS was never asked: the same code may be typed again."""
        self.captures["not_sent"] += 1
        told = self.for_admins(intent, error)
        await self._back_to_code(intent, notices.capture_not_sent(intent), told)

    async def unclear(self, intent: Intent, error: OutcomeUnknown) -> None:
        """Leave the intent capturing, and tell the student not to pay again.

        What comes of it later is a message of its own: an edit makes no sound.
        """
        self.captures["unclear"] += 1
        async with self._database.write() as tx:
            stands = await db.intent(tx, intent.id, lock=True)
            if stands and await db.change(tx, intent, reason=error.reason, note_id=None):
                said = [*self.checking(stands), *self.for_admins(intent, error)]
                await db.promise(tx, said, self._database.now())

    async def asked(self, intent: Intent, language: str, note_id: int | None) -> bool:
        """Promise to tell a student who asks that it is unknown; False where it is known by now.

        In place of the message `note_id`, if there is one. The outbox says it, and the result
        below it: said by whoever is asked, it might come after the result.
        """
        now = self._database.now()
        async with self._database.write() as tx:
            stands = await db.intent(tx, intent.id, lock=True)
            if stands is None or stands.status is not Status.capturing:
                return False
            await db.change(tx, stands, note_id=None)
            await db.withdraw(tx, stands, now)
            key = f"checking-again:{now.isoformat()}:{stands.acts_until}"
            said = notices.told(stands, notices.checking(stands), key, edits=note_id)
            await db.promise(tx, [replace(said, language=language)], now)
        return True

    async def _not_charged(self, intent: Intent, *, by_hand: bool = False) -> bool:
        """Say that nothing was charged, and go on asking: a charge may come late all the same."""
        reason = Reason(intent.reason) if intent.reason in _TELLING else None
        why = f"declined-{reason}" if reason else "not-charged"
        if by_hand:
            why = "not-charged-said"
        check_at = self._database.now() + self._times.checks[-1]
        return await self._failed(intent, why, check_at=check_at, checks=len(self._times.checks))

    async def _given_back(self, intent: Intent, transaction: Transaction) -> bool:
        """End what was charged and given back before we knew of it; both are facts of money."""
        return await self._failed(
            intent,
            "given-back",
            facts=("captured", "reversed"),
            success_trans_id=transaction.success_trans_id,
        )

    async def _reversed(self, intent_id: int) -> bool:
        """Record that a captured payment was given back; False where that is known."""
        async with self._database.write() as tx:
            intent = await db.intent(tx, intent_id, lock=True)
            if intent is None or intent.status not in SOLD:
                return False
            await db.move(tx, intent, Status.reversed, check_at=None)
            await db.record(tx, intent, "reversed", self._database.now())
            other = await db.bought(tx, intent.buyer.id, intent.offer, but=intent.id)
            for_admins = notices.money_back_for_admins(intent, other)
            said = [
                notices.told(intent, notices.money_back(intent, other), "money-back"),
                self._admins.told(for_admins, f"{intent.id}:admins:money-back"),
            ]
            await db.promise(tx, said, self._database.now())
        return True

    async def _not_reversed(self, intent: Intent) -> bool:
        """Record that a reversal did not happen: it is paid as before."""
        key = f"not-reversed:{intent.acts_until}"
        said = [
            notices.told(intent, notices.money_stays(intent), key),
            self._admins.told(notices.not_reversed(intent), f"{intent.id}:admins:{key}"),
        ]
        return await self._database.move(
            intent,
            Status.captured,
            said,
            check_at=None,
            reversed_by=None,
            reverse_accepted=False,
        )

    async def _mismatched(self, intent: Intent, transaction: Transaction) -> None:
        """Tell the admins of what is not ours to honour; for the student it is unknown."""
        alarm = notices.mismatch(intent, redact(transaction.account), transaction.amount)
        told = self._admins.told(alarm, f"{intent.id}:admins:mismatch")
        now = self._database.now()
        async with self._database.write() as tx:
            if intent.status in WAITING_FOR_STUDENT:  # or it ends as if no money had been taken
                asked = self._times.asked(now, self._times.confirm)
                await db.move(tx, intent, Status.capturing, note_id=None, **asked)
            await db.promise(tx, [told, *self.checking(intent)], now)

    async def _contradicted(self, intent: Intent, transaction: Transaction) -> None:
        """Tell the admins, once, that ATMOS shows what cannot be: our own record stays."""
        words = notices.contradiction(intent, transaction.state)
        key = f"{intent.id}:admins:contradiction:{intent.status}:{transaction.state}"
        await self._database.promise([self._admins.told(words, key)])

    def checking(self, intent: Intent) -> list[Notice]:
        """Give what the student is to read while it is unknown, if they have not yet."""
        capturing = intent.status is Status.capturing
        return [self._result(intent, notices.checking(intent))] if capturing else []

    def still_unknown(self, intent: Intent, error: AtmosError | None) -> list[Notice]:
        """Give what the admins hear, once, of an outcome that has stayed unknown for too long."""
        key = f"{intent.id}:admins:unknown:{intent.acts_until}"
        told = self._admins.told(notices.still_unknown(intent), key)
        away = isinstance(error, NeverArrived) and not isinstance(error, WrongCredentials)
        # That a question did not arrive says nothing of the charge it was about.
        return [told, *(self.for_admins(intent, error) if error and not away else [])]

    def left_unknown(self, intent: Intent) -> list[Notice]:
        """Give what the admins hear when nobody asks any more: a person has to find out."""
        key = f"{intent.id}:admins:left-unknown:{intent.acts_until}"
        return [self._admins.told(notices.left_unknown(intent), key)]

    def for_admins(self, intent: Intent, error: AtmosError) -> list[Notice]:
        """Give what only the admins can mend: an unknown code, a wrong setting, no way there."""
        reason, code = getattr(error, "reason", None), getattr(error, "code", None)
        hour = self._hour()
        if reason is Reason.unknown:
            words, key = notices.unknown_code(intent, code), f"admins:code:{code}:{hour}"
        elif reason is Reason.refused_by_merchant:
            words, key = notices.no_yes(str(error)), f"admins:{error}:{hour}"
        elif reason is Reason.wrong_parameters or isinstance(error, WrongCredentials):
            words, key = notices.misconfigured(str(error)), f"admins:{error}:{hour}"
        elif isinstance(error, NeverArrived):
            words, key = notices.not_reached(str(error)), f"admins:not-reached:{hour}"
        else:
            return []
        return [self._admins.told(words, key)]

    def limit_reached(self, intent: Intent, limit: Limit) -> list[Notice]:
        """Give what the admins hear, once a student, of one who may be testing cards."""
        key = f"admins:limit:{intent.buyer.id}"
        return [self._admins.told(notices.limit_reached(intent, limit), key)]

    def vault_away(self) -> list[Notice]:
        """Give what the admins hear, once an hour, while card numbers cannot be held."""
        return [self._admins.told(notices.vault_away(), f"admins:vault:{self._hour()}")]

    def _hour(self) -> str:
        return f"{self._database.now():%Y%m%d%H}"

    def _facts(self, transaction: Transaction) -> dict[str, Any]:
        return {
            "success_trans_id": transaction.success_trans_id,
            "receipt": _receipt(transaction.ofd_url or ""),
            "captured_at": transaction.paid_at or self._database.now(),
        }

    def _strange(self, before: Intent, other: Intent | None) -> list[Notice]:
        """Tell of a charge that came late, or that is the student's second one: they read why."""
        said = []
        if before.status in ABANDONED:
            said.append(self._admins.told(notices.late(before), f"{before.id}:admins:late"))
            said.append(notices.told(before, notices.paid_late(before), "paid-late"))
        if other is not None:
            words = notices.twice(before, other)
            said.append(self._admins.told(words, f"{before.id}:admins:twice"))
            said.append(notices.told(before, notices.paid_twice(before, other), "paid-twice"))
        return said

    def _paid(self, intent: Intent) -> list[Notice]:
        link = self._offers.link_of(intent.offer)
        for_admins = notices.paid_for_admins(intent)
        return [
            self._result(intent, notices.paid(intent, link), key="paid"),
            self._admins.told(for_admins, f"{intent.id}:admins:paid"),
        ]

    async def _failed(
        self, intent: Intent, why: str, told: Sequence[Notice] = (), **changes: Any
    ) -> bool:
        changes = {"reason": why} | changes
        words = notices.over(intent, why)
        moved = await self._end(intent, Status.failed, words, told, **changes)
        await self._vault.wipe(intent.id)
        return moved

    async def _back_to_code(
        self, intent: Intent, words: Words, told: Sequence[Notice] = (), **changes: Any
    ) -> None:
        changes["expires_at"] = self._database.now() + self._times.checkout
        await self._end(intent, Status.challenged, words, told, **changes)

    async def _end(
        self,
        intent: Intent,
        target: Status,
        words: Words,
        told: Sequence[Notice],
        *,
        attempt: Limit | None = None,
        facts: Sequence[str] = (),
        **changes: Any,
    ) -> bool:
        """End an attempt and tell what came of it where its row says: all, or False.

        It may count as an `attempt`, or leave `facts` of money in the ledger.
        """
        changes = {"check_at": None} | changes
        async with self._database.write() as tx:
            stands = await db.intent(tx, intent.id, lock=True)
            if stands is None:
                return False
            if target is Status.challenged:  # what was "⏳" asks for the code now
                changes["prompt_id"] = stands.note_id or stands.prompt_id
            if not await db.move(tx, intent, target, **changes):
                return False
            await db.withdraw(tx, intent, self._database.now())
            if attempt:
                await db.add_attempt(tx, intent.buyer.id, attempt, self._database.now())
            for fact in facts:
                ended = replace(stands, success_trans_id=changes["success_trans_id"] or 0)
                await db.record(tx, ended, fact, self._database.now())
            said = [self._result(stands, words), *told]
            await db.promise(tx, said, self._database.now())
        return True

    def _result(self, intent: Intent, words: Words, key: str | None = None) -> Notice:
        """Turn the "⏳" message of this attempt into `words`; once for each attempt and text.

        Where there is none any more, say it anew.
        """
        key = key or f"{words.text}:{intent.acts_until}"
        return notices.told(intent, words, key, edits=intent.note_id)


def _receipt(link: str) -> str | None:
    """Give a receipt's link where it is one: it is stored and sent on, whatever ATMOS wrote."""
    is_link = link.startswith("https://") and len(link) <= LONGEST_LINK and link.isprintable()
    return link if is_link and not holds_card(link) else None
