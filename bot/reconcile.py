"""Ask ATMOS about every payment whose outcome is unknown, until it knows."""

import asyncio
from datetime import timedelta

import structlog

from atmos import AtmosClient, AtmosError, OutcomeUnknown, State, Transaction
from bot import db
from bot.db import Database
from bot.outcome import Outcomes, Times
from bot.payment import Intent, Status

log = structlog.get_logger()

AT_ONCE = 10  # questions to ATMOS
TOO_LONG = timedelta(minutes=1)  # since ATMOS could last act: five since it was asked
AFTERWARDS = 7  # times the last rung, a day, for a charge that comes late


class Reconciliation:
    """Climbs the ladder of `Times.checks` for every intent left capturing."""

    def __init__(
        self, database: Database, atmos: AtmosClient, outcomes: Outcomes, times: Times
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._outcomes = outcomes
        self._times = times
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def check_due(self) -> None:
        """Ask about every capture that is due, some at once: `get` may take half a minute."""
        async with self._database.read() as tx:
            unknown = await db.unknown(tx, self._database.now())
        await asyncio.gather(*(self._check_in_turn(intent) for intent in unknown))

    async def _check_in_turn(self, intent: Intent) -> None:
        """Check one; what goes wrong with it does not keep the others from being asked about."""
        async with self._at_once:
            try:
                await self.check(intent)
            except Exception:
                log.exception("check_failed", intent=intent.id)
                await self._later(intent)

    async def check(self, intent: Intent) -> None:
        """Record what the evidence shows; without evidence, nothing but when to ask again."""
        try:
            transaction = await self._atmos.get(_asked_about(intent))
        except AtmosError as error:  # proves nothing
            log.warning("no_evidence", intent=intent.id, error=str(error))
            await self._later(intent, error)
            return
        if not await self._recorded(intent, transaction):
            await self._later(intent)

    async def _recorded(self, intent: Intent, transaction: Transaction) -> bool:
        """Record the evidence; False where it decides nothing yet."""
        if transaction.state is State.paid:
            return await self._outcomes.charged(intent.id, transaction)
        if intent.status is not Status.capturing:
            return False  # it ended without money, and that is still so
        if transaction.state is State.reversed:
            await self._outcomes.given_back(intent)
            return True
        if self._may_act_no_more(intent):
            await self._outcomes.not_charged(intent)
            return True
        return False

    def _may_act_no_more(self, intent: Intent) -> bool:
        """Not charged is believed only when ATMOS can no longer be acting on the capture."""
        return intent.acts_until is not None and intent.acts_until <= self._database.now()

    async def _later(self, intent: Intent, error: AtmosError | None = None) -> None:
        """Climb a rung; the last one repeats, for an abandoned intent a few times only."""
        now, checks = self._database.now(), intent.checks + 1
        delay = self._times.checks[min(checks, len(self._times.checks) - 1)]
        unknown = intent.status is Status.capturing
        again = unknown or checks < len(self._times.checks) + AFTERWARDS
        await self._database.amend(intent, checks=checks, check_at=now + delay if again else None)
        if unknown and intent.acts_until and now - intent.acts_until >= TOO_LONG:
            await self._outcomes.still_unknown(intent, error)


def _asked_about(intent: Intent) -> int:
    if intent.transaction_id is None:
        raise OutcomeUnknown(f"{intent.id} is being captured without a transaction")
    return intent.transaction_id
