"""Ask ATMOS about every payment whose outcome is unknown, until it knows."""

from atmos import AtmosClient, AtmosError, State, Transaction
from bot import db
from bot.db import Database
from bot.outcome import Outcomes, Times
from bot.payment import Intent


class Reconciliation:
    """Climbs the ladder of `Times.checks` for every intent left capturing."""

    def __init__(
        self, database: Database, atmos: AtmosClient, outcomes: Outcomes, times: Times
    ) -> None:
        self._database = database
        self._atmos = atmos
        self._outcomes = outcomes
        self._times = times

    async def check_due(self) -> None:
        async with self._database.read() as tx:
            unknown = await db.unknown(tx, self._database.now())
        for intent in unknown:
            await self.check(intent)

    async def check(self, intent: Intent) -> None:
        """Record what the evidence shows; without evidence, nothing but when to ask again."""
        transaction = await self._evidence(intent)
        if transaction is not None and transaction.state is State.paid:
            if not await self._outcomes.charged(intent.id, transaction):
                await self._later(intent)
        elif transaction is not None and self._is_final(intent, transaction):
            await self._outcomes.not_charged(intent)
        else:
            await self._later(intent)

    async def _evidence(self, intent: Intent) -> Transaction | None:
        """No answer proves nothing, so it is no evidence."""
        if intent.transaction_id is None:
            return None
        try:
            return await self._atmos.get(intent.transaction_id)
        except AtmosError:
            return None

    def _is_final(self, intent: Intent, transaction: Transaction) -> bool:
        """Not charged is believed only when ATMOS can no longer be acting on the capture."""
        acts_until = intent.acts_until or self._database.now()
        return transaction.state is State.open and acts_until <= self._database.now()

    async def _later(self, intent: Intent) -> None:
        checks = intent.checks + 1
        delay = self._times.checks[min(checks, len(self._times.checks) - 1)]
        check_at = self._database.now() + delay
        await self._database.amend(intent, checks=checks, check_at=check_at)
