"""Ask ATMOS about every payment whose outcome is unknown, until it knows."""

import asyncio
from datetime import datetime, timedelta
from enum import StrEnum, auto

import structlog

from atmos import AtmosClient, AtmosError, OutcomeUnknown, State, Transaction
from bot import db
from bot.db import Database
from bot.outcome import Outcomes, Times, is_same_money
from bot.payment import ABANDONED, OPEN, PENDING, SOLD, Intent, Status

log = structlog.get_logger()

AT_ONCE = 10  # questions to ATMOS
TOO_LONG = timedelta(minutes=1)  # since ATMOS could last act: five since it was asked
AFTERWARDS = 7  # times the last rung, a day


class Verdict(StrEnum):
    """What ATMOS's evidence means for what we have stored."""

    agrees = auto()
    undecided = auto()  # ATMOS may still be acting
    charged = auto()
    not_charged = auto()
    reversed = auto()
    not_reversed = auto()
    given_back = auto()  # charged and reversed before we knew of it
    another = auto()  # another amount or account: a person has to look
    contradiction = auto()  # our record says what ATMOS does not: the same


# What each status means beside each state that ATMOS may show.
_MEANING = {
    State.paid: dict.fromkeys(OPEN | ABANDONED, Verdict.charged)
    | {
        Status.captured: Verdict.agrees,
        Status.reversing: Verdict.not_reversed,
        Status.reversed: Verdict.contradiction,
    },
    State.open: dict.fromkeys(OPEN | ABANDONED, Verdict.agrees)
    | dict.fromkeys(SOLD | {Status.reversed}, Verdict.contradiction)
    | {Status.capturing: Verdict.not_charged},
    State.reversed: dict.fromkeys(OPEN, Verdict.given_back)
    | dict.fromkeys(SOLD, Verdict.reversed)
    | dict.fromkeys(ABANDONED | {Status.reversed}, Verdict.agrees),
}
# After these there is nothing left to ask. (An abandoned intent agrees, and may be charged late.)
SETTLED = frozenset(
    {
        Verdict.charged,
        Verdict.not_charged,
        Verdict.given_back,
        Verdict.reversed,
        Verdict.not_reversed,
    }
)
_DID_NOT_HAPPEN = {Verdict.not_charged, Verdict.not_reversed}


def verdict(intent: Intent, transaction: Transaction, asked_at: datetime) -> Verdict:
    """Compare what is stored with the evidence that ATMOS was asked for at `asked_at`.

    "It did not happen" is believed only when ATMOS could no longer be acting even then: what it
    shows may be as old as the question.
    """
    if transaction.state is State.paid and not is_same_money(intent, transaction):
        return Verdict.another
    meaning = _MEANING[transaction.state][intent.status]
    if meaning in _DID_NOT_HAPPEN and _may_act(intent, asked_at):
        return Verdict.undecided
    return meaning


def _may_act(intent: Intent, now: datetime) -> bool:
    return intent.acts_until is None or intent.acts_until > now


class Reconciliation:
    """Climbs the ladder of `Times.checks` for every intent left capturing or reversing."""

    def __init__(
        self, database: Database, atmos: AtmosClient, outcomes: Outcomes, times: Times
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._outcomes = outcomes
        self._times = times
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def check_due(self) -> None:
        """Ask about every intent that is due, some at once: `get` may take half a minute."""
        async with self._database.read() as tx:
            due = await db.to_ask_about(tx, self._database.now())
        await asyncio.gather(*(self._check_in_turn(intent) for intent in due))

    async def ask_all(self) -> None:
        """Ask about everything unknown at once, as at a start; the ladder is not climbed."""
        async with self._database.read() as tx:
            unknown = await db.unknown(tx)
        await asyncio.gather(*(self._ask_in_turn(intent) for intent in unknown))

    async def ask(self, intent: Intent) -> Verdict:
        """Ask about one now, and record what the evidence shows.

        Raises:
            AtmosError: There is no evidence; nothing changed.
        """
        return await self.record(intent, *await self.evidence(intent))

    async def look(self, intent: Intent) -> Verdict:
        """Ask about one now, and record nothing.

        Raises:
            AtmosError: There is no evidence.
        """
        return verdict(intent, *await self.evidence(intent))

    async def evidence(self, intent: Intent) -> tuple[Transaction, datetime]:
        """Give what ATMOS shows of an intent, and when it was asked.

        Raises:
            AtmosError: It shows nothing, which proves nothing.
        """
        if intent.transaction_id is None:
            raise OutcomeUnknown(f"{intent.id} was never opened at ATMOS")
        asked_at = self._database.now()
        return await self._atmos.get(intent.transaction_id), asked_at

    async def record(
        self, intent: Intent, transaction: Transaction, asked_at: datetime
    ) -> Verdict:
        """Record what the evidence means, and say it to whoever is to know."""
        found = verdict(intent, transaction, asked_at)
        match found:
            case Verdict.charged if not await self._outcomes.charged(intent.id, transaction):
                return Verdict.agrees  # another road was faster
            case Verdict.reversed if not await self._outcomes.reversed(intent.id):
                return Verdict.agrees
            case Verdict.another:
                await self._outcomes.charged(intent.id, transaction)
            case Verdict.not_charged:
                await self._outcomes.not_charged(intent)
            case Verdict.given_back:
                await self._outcomes.given_back(intent)
            case Verdict.not_reversed:
                await self._outcomes.not_reversed(intent)
            case Verdict.contradiction:
                await self._outcomes.contradicted(intent, transaction)
        return found

    async def check(self, intent: Intent) -> None:
        """Record what the evidence shows; where that decides nothing, when to ask again."""
        try:
            found = await self.ask(intent)
        except AtmosError as error:  # proves nothing
            log.warning("no_evidence", intent=intent.id, error=str(error))
            await self._later(intent, error)
            return
        if found not in SETTLED:
            await self._later(intent)

    async def _check_in_turn(self, intent: Intent) -> None:
        """Check one; what goes wrong with it does not keep the others from being asked about."""
        async with self._at_once:
            try:
                await self.check(intent)
            except Exception:
                log.exception("check_failed", intent=intent.id)
                await self._later(intent)

    async def _ask_in_turn(self, intent: Intent) -> None:
        async with self._at_once:
            try:
                await self.ask(intent)
            except AtmosError as error:
                log.warning("no_evidence", intent=intent.id, error=str(error))
            except Exception:
                log.exception("ask_failed", intent=intent.id)

    async def _later(self, intent: Intent, error: AtmosError | None = None) -> None:
        """Climb a rung. At the top it stays as it is: an unknown one is left to a person."""
        now, checks = self._database.now(), intent.checks + 1
        over = checks >= len(self._times.checks) + AFTERWARDS
        check_at = None if over else now + self._times.until_check(checks)
        await self._database.amend(intent, checks=checks, check_at=check_at)
        if intent.status in PENDING and over:
            await self._outcomes.left_unknown(intent)
        elif intent.status in PENDING and not _may_act(intent, now - TOO_LONG):
            await self._outcomes.still_unknown(intent, error)
